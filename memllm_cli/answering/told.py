"""What people said goes before what documents say: questions that they answered, and facts that they took back."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from memllm_cli.answering.deciding import Answer
from memllm_cli.calibration.reads import SAME
from memllm_cli.memory.disk.tables import Assertion
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.values.names import normal
from memllm_cli.reading.link import Linker
from memllm_cli.reading.standing import standing, taken_back
from memllm_cli.types import Query

NOTED = 2000
"""Statements about a name among which a question that came with a fact is looked for."""


def told(question: str, finder: Finder, linker: Linker, within: Collection[int] | None = None) -> Fact | None:
    """The fact that a person stated with this very question, or with one that asks the same of the same name."""
    snapshot = finder.memory.snapshot
    noted = {o.id for o in snapshot.operations() if o.note and o.actor == "person"}
    form = normal(question)
    nearest: tuple[float, Fact] | None = None
    for mention in linker.mentioned(question) if noted else ():
        facts = {
            key: fact for e in mention.entities for a in _noted(snapshot, e, noted)
            if (fact := snapshot.fact(key := snapshot.key(a))) is not None
        }  # fmt: skip
        kept = standing(facts.values(), snapshot, finder.day, within)
        for fact in kept:
            if any(a.person and normal(snapshot.made_by(a).note) == form for a in fact.supports):
                return fact
        near = linker.similar_notes(question, mention, kept)
        for fact in kept:
            cosine = near.get(fact.key, 0.0)
            if cosine >= SAME and (nearest is None or cosine > nearest[0]):
                nearest = cosine, fact
    return None if nearest is None else nearest[1]


def _noted(snapshot: Snapshot, entity: int, operations: Collection[int]) -> list[Assertion]:
    """Statements about a name that a person made with a note, the newest of them."""
    about = [a for m in snapshot.members(entity) for a in snapshot.history.about(m, NOTED)]
    return [a for a in about if a.person and a.operation in operations]


def side(fact: Fact, snapshot: Snapshot, question: str) -> Query:
    """The read that a question about a fact makes: what stands in it is known."""
    subject, relation, object_ = snapshot.texts(fact)
    asked = normal(question)
    if normal(object_) in asked and normal(subject) not in asked:
        return Query(None, relation, object_)
    return Query(subject, relation, None)


def surest(answers: Sequence[Answer], least: float, finder: Finder) -> Answer | None:
    """The likeliest answer that is sure enough; what a person stated goes before it. Of text nothing that states a fact
    which somebody has retracted."""
    sure = [a for a in answers if a.probability >= least]
    stated = next((a for a in sure if a.person), None)
    best = stated or next((a for a in sure if a.line is not None or not retracted(a, finder)), None)
    if best is None or best.line is not None:
        return best
    form = normal(best.value)  # a fact that is sure too and says the same is read instead
    return next((a for a in sure if a.line is not None and normal(a.value) == form), best)


def retracted(answer: Answer, finder: Finder) -> bool:
    """Whether the text states, with a part of the answer, what memory was told is not so."""
    found = answer.candidate.found
    if found is None:
        return False
    text = found.passage.text
    for start, end in answer.parts or ((answer.start, answer.end),):
        begin, stop, _ = found.passage.source(start, end)
        if taken_back(finder.memory, found.document, begin, stop, finder.day, text[start:end]):
            return True
    return False
