"""A question for yes or no about what a document denies: the answer is no, with the sentence that says so."""

from __future__ import annotations

from collections.abc import Collection

from memllm_cli.answering.computing import Computed
from memllm_cli.answering.sides import Sides
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.link import Linker
from memllm_cli.reading.question import asked


def denied(question: str, finder: Finder, linker: Linker, within: Collection[int] | None = None) -> Computed | None:
    """The denial of just what is asked, in so many words; None where none is kept, or something states it."""
    mentioned = linker.mentioned(question)
    wants = asked(linker.masked(question, mentioned))
    if not wants.yes_no:
        return None
    snapshot = finder.memory.snapshot
    entities = list(dict.fromkeys(e for m in mentioned for e in m.entities))
    facts = [f for e in entities for f in snapshot.about(e, every=True) if f.truth == "denied"]
    sides = Sides.of(snapshot, question, entities, wants, facts)
    for fact in facts:
        sources = {d.id for d in snapshot.documents() if any(a.source == d.uri for a in fact.supports)}
        if sides.asks(fact) and (within is None or sources & set(within)):
            subject, relation, object_ = snapshot.texts(fact)
            return Computed("denial", relation, "No", f"No: '{subject} >> {relation} >> {object_}' is denied.", (fact,))
    return None
