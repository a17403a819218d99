"""What a model that was trained to read may ask: every partial triple about the names of a question, with a prior.

The model knows what is asked; the prior says what memory can answer, and which relations the words are near to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from memllm_cli.calibration.reads import SAME, Weights, alike
from memllm_cli.memory.values.literals import fits
from memllm_cli.protocol import as_field
from memllm_cli.reading.link import Candidate, Linker, Mention
from memllm_cli.types import Query

CLOSE = 0.03
"""Questions whose cosines with another differ by less are equally near to it."""


def every(
    linker: Linker, question: str, weights: Weights, before: Sequence[str] = (), about: Sequence[int] = ()
) -> list[Candidate]:
    """Every query about a name of the question that memory knows.

    `before` are earlier questions, newest first, whose names count when this one has none. `about` are entities that
    a read returned: their own facts are asked for instead, but not for what leads back to the names of the question.
    """
    snapshot = linker.finder.memory.snapshot
    found = linker.mentioned(question, before)
    asked = linker.masked(question, found).replace("\x00", " ")
    if not about:
        return about_names(linker, asked, weights, found, question)
    back = {e for m in found for e in m.entities}
    return about_names(linker, asked, weights, [Mention(0, 0, snapshot.name(e), (e,)) for e in about], "", back)


def about_names(
    linker: Linker,
    asked: str,
    weights: Weights,
    found: Sequence[Mention],
    question: str,
    back: Collection[int] = (),
) -> list[Candidate]:
    """Every query about some names; `asked` is the question without names.

    Without `question` the names are those a read returned: they are subjects only, and what leads `back` is left out.
    """
    if not found:
        return []
    snapshot = linker.finder.memory.snapshot
    similar = linker.similar_relations(asked, -1.0)
    out: dict[Query, Candidate] = {}
    for mention in found:
        if not as_field(mention.surface):
            continue
        for relation in snapshot.relations.by_id.values():
            near = max(similar.get((relation.id, side), 0.0) for side in ("subject", "object"))  # the model tells sides
            for from_subject in (True, False) if question else (True,):
                facts = [
                    fact
                    for e in mention.entities
                    for fact in snapshot.values(relation.id, *((e, None) if from_subject else (None, e)))
                ]
                if not facts and not from_subject and not fits(mention.surface, relation.object_type):
                    continue
                if facts and all(fact.key[2 if from_subject else 0] in back for fact in facts):
                    continue
                said = linker.similar_notes(question, mention, facts) if question else {}
                best = max(said.values(), default=0.0)
                told = frozenset(k for k, cosine in said.items() if cosine >= max(best - CLOSE, SAME))
                known = float(bool(facts)) if len(said) < len(facts) else alike(best)  # another question was answered
                prior = weights.near * near + weights.known * known + weights.said * alike(best)
                sides = (mention.surface, None) if from_subject else (None, mention.surface)
                query = Query(sides[0], relation.name, sides[1])
                out.setdefault(query, Candidate(query, prior, bool(facts), near, told))
    return list(out.values())
