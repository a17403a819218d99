"""What a model that was trained to read may ask: every partial triple about the names of a question, with a prior.

The model knows what is asked; the prior says what memory can answer, and which relations the words are near to.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from memllm_cli.drafting.probability import chance
from memllm_cli.errors import DamagedError
from memllm_cli.memory.literals import fits
from memllm_cli.protocol import asking, is_field
from memllm_cli.runtime.link import Candidate, Linker, Mention
from memllm_cli.types import Query


@dataclass(frozen=True, slots=True)
class Weights:
    """Nats of prior beside the model's own probabilities; fitted by `memllm train fit asked:COUNT`."""

    near: float = 20.0
    """For a relation one of whose phrases has the question's vector (cosine 1)."""
    known: float = 6.0
    """For a query that memory can answer."""
    said: float = 20.0
    """For a fact that a person stated with a question like this one: an edit keeps its question."""
    opens: float = 0.5
    """No nats: the probability from which on the model is taken to want a read."""
    again: tuple[float, ...] = (3.8, 1.0, 1.8, 0.4)
    """Of `features`: a logistic regression of whether a second read that memory can answer is made."""
    vain: float = 0.8
    """No nats: the probability from which on a second read that memory cannot answer says that it has nothing."""

    running: float = 0.3
    """No nats: the probability from which on a read opens in running text."""

    def another(self, opened: float, candidate: Candidate, likely: float) -> bool:
        """Whether a second read is made: how likely the model opens one, what it asks, how likely it asks that."""
        if not candidate.answerable:
            return opened >= self.vain
        return self.again_of(self.features(opened, candidate.fit, likely)) >= 0.5

    @staticmethod
    def features(opened: float, near: float, likely: float) -> tuple[float, float, float, float]:
        """Of a second read: one, the log odds that the model opens it, how near its relation is, how likely that is."""
        odds = math.log(max(opened, 1e-9) / max(1 - opened, 1e-9))
        return 1.0, odds, near, max(likely, -15.0)

    def again_of(self, features: Sequence[float]) -> float:
        """The probability that a second read is made."""
        return chance(self.again, features)


def alike(cosine: float) -> float:
    """How surely two questions about one name ask for the same, by their vectors without the name: 0 to 1.

    Of 200 edits the question had a cosine of .53 with its rephrasing in nine of ten, and with other questions put about
    the same name one of .36 in nine of ten.
    """
    return min(1.0, max(0.0, 2 * cosine / SAME - 1))


CLOSE = 0.03
"""Questions whose cosines with another differ by less are equally near to it."""
SAME = 0.5
"""Cosine of questions about one name from which on they ask for the same."""
_PLAIN = Weights()
_NUMBERS = frozenset(asdict(_PLAIN)) - {"again"}


def read_weights(path: Path) -> Weights:
    """What was fitted for an adapter, from its configuration; what was not is as it comes. Raises DamagedError."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        raw = about.get("combination", {}).get(asking.FORMAT, {}).get("weights", {})
        again = tuple(map(float, raw.get("again", _PLAIN.again)))
        if len(again) != len(_PLAIN.again):
            raise ValueError("its weights of a second read are of another number")
        return replace(_PLAIN, again=again, **{k: float(raw[k]) for k in _NUMBERS if k in raw})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} cannot be used: {error}", "Train it again: memllm train --help") from error


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
        if not is_field(mention.surface):
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
