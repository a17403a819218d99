"""What a model that was trained to read may ask: every partial triple about the names of a question, with a prior.

The model knows what is asked; the prior says what memory can answer, and which relations the words are near to.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from memllm_cli.errors import DamagedError
from memllm_cli.protocol import is_field
from memllm_cli.runtime.link import Candidate, Linker, Mention
from memllm_cli.types import Query


@dataclass(frozen=True, slots=True)
class Weights:
    """Nats of prior beside the model's own probabilities; fitted by `memllm train fit asked:COUNT`."""

    near: float = 20.0
    """For a relation one of whose phrases has the question's vector (cosine 1)."""
    known: float = 6.0
    """For a query that memory can answer."""
    opens: float = 0.5
    """No nats: the probability from which on the model is taken to want a read."""
    again: float = -2.0
    """What the log odds of a second read, and `fit` for its relation, must reach when memory can answer it."""
    fit: float = 2.5
    """Log odds of a second read for a relation that has the question's vector."""
    vain: float = 0.8
    """No nats: the probability from which on a second read that memory cannot answer says that it has nothing."""

    def another(self, opened: float, candidate: Candidate) -> bool:
        """Whether a second read is made, given how likely the model opens one and what it would ask."""
        if not candidate.answerable:
            return opened >= self.vain
        odds = math.log(max(opened, 1e-9) / max(1 - opened, 1e-9))
        return odds + self.fit * candidate.fit >= self.again


def read_weights(path: Path) -> Weights:
    """What was fitted for an adapter, from its configuration; what was not is as it comes. Raises DamagedError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8")).get("reading", {})
        return Weights(**{name: float(raw[name]) for name in asdict(Weights()) if name in raw})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} cannot be used: {error}", "Train it again: memllm train --help") from error


def every(
    linker: Linker, question: str, weights: Weights, before: Sequence[str] = (), about: Sequence[int] = ()
) -> list[Candidate]:
    """Every query about a name of the question that memory knows.

    `before` are earlier questions, newest first, whose names count when this one has none. `about` are entities that
    a read returned, asked about instead of the names of the question, but not for what leads back to those.
    """
    snapshot = linker.finder.memory.snapshot
    found = linker.mentioned(question, before)
    asked = linker.masked(question, found).replace("\x00", " ")
    if not about:
        return about_names(linker, asked, weights, found)
    back = {e for m in found for e in m.entities}
    return about_names(linker, asked, weights, [Mention(0, 0, snapshot.name(e), (e,)) for e in about], back)


def about_names(
    linker: Linker, asked: str, weights: Weights, found: Sequence[Mention], back: Collection[int] = ()
) -> list[Candidate]:
    """Every query about some names; `asked` is the question without names. What returns `back` alone is left out."""
    if not found:
        return []
    snapshot = linker.finder.memory.snapshot
    similar = linker.similar_relations(asked, -1.0)
    out: dict[Query, Candidate] = {}
    for mention in found:
        if not is_field(mention.surface):
            continue
        for relation in snapshot.relations.by_id.values():
            near = max(similar.get((relation.id, side), 0.0) for side in ("subject", "object"))  # the model tells sides
            for from_subject in (True, False):
                facts = [
                    fact
                    for e in mention.entities
                    for fact in snapshot.values(relation.id, *((e, None) if from_subject else (None, e)))
                ]
                if facts and all(fact.key[2 if from_subject else 0] in back for fact in facts):
                    continue
                said = linker.similar_notes(asked, facts)
                prior = weights.near * max(near, said) + weights.known * bool(facts)
                sides = (mention.surface, None) if from_subject else (None, mention.surface)
                query = Query(sides[0], relation.name, sides[1])
                out.setdefault(query, Candidate(query, prior, bool(facts), max(near, said)))
    return list(out.values())
