"""Reads in running text: where one opens, what it asks, and how likely the text is with what it returned in sight.

One call is in sight at a time: when the next read begins, the one before is taken out of the context (docs/format.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memllm_cli.engine.base import Engine
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.values.names import normal
from memllm_cli.protocol import as_field
from memllm_cli.reading.formats import MOST, Trained
from memllm_cli.reading.link import Linker, mentions
from memllm_cli.reading.search import likeliest
from memllm_cli.types import Query

QUERIES = 3
"""Queries of one read at most, as in training."""
_CHUNK = 48
"""Tokens that are followed before it is looked whether a read opened among them."""


@dataclass(frozen=True, slots=True)
class Read:
    """A read before token number `at` of a text: what was asked and what came back."""

    at: int
    queries: tuple[Query, ...]
    values: tuple[str, ...]


class Policy(Protocol):
    """Decides about reads."""

    def opens(self, at: int, chance: float) -> bool:
        """Whether a read begins before token number `at`, which the model does with probability `chance`."""

    def read(self, at: int, context: Sequence[int], text: str) -> Read | None:
        """The read that begins there; None leaves no trace. `text` is what was said before."""


@dataclass(slots=True)
class Followed:
    """Natural log probabilities (tokens,) of a text, what opening reads cost (tokens,), and the reads.

    `chances` is how likely a read was before each token.
    """

    tokens: NDArray[np.float64]
    cost: NDArray[np.float64]
    chances: NDArray[np.float64]
    reads: list[Read] = field(default_factory=list)


class Forbidden:
    """No reads: the probability of the opening goes to everything else."""

    def opens(self, at: int, chance: float) -> bool:
        """Never."""
        return False

    def read(self, at: int, context: Sequence[int], text: str) -> Read | None:
        """Nothing."""
        return None


class Wanted:
    """The model opens reads by itself and asks for what memory can answer and the text has not said."""

    def __init__(self, engine: Engine, finder: Finder, format: Trained) -> None:
        self.engine, self.finder, self.format = engine, finder, format
        self.linker = Linker(finder)

    def opens(self, at: int, chance: float) -> bool:
        """Where the model finds it likely enough."""
        return chance >= self.format.weights.running

    def read(self, at: int, context: Sequence[int], text: str) -> Read | None:
        """Up to three queries that the model makes."""
        queries = self.queries(context, text)
        values = self.values(queries, text)
        return Read(at, queries, values) if values else None

    def queries(self, context: Sequence[int], text: str) -> tuple[Query, ...]:
        """What the model asks for."""
        left = self._candidates(text)
        more, end = self.format.joined()
        asked: list[Query] = []
        context = [*context, *self.format.opened()]
        while left and len(asked) < QUERIES:
            ways = {q: [*(more if asked else ()), *self.format.query(q), *end] for q in left}
            query = likeliest(self.engine, context, ways)
            asked.append(query)
            left.remove(query)
            context += ways[query][: -len(end)]
            self.engine.load(0, context)
            another, over = self.engine.pick(0, [more[0], end[0]])
            if over >= another:
                break
        return tuple(asked)

    def values(self, queries: Sequence[Query], text: str) -> tuple[str, ...]:
        """What memory returns for them, what the text has not said first."""
        said = f" {normal(text)} "
        found = [h.value for q in queries for h in self.finder.find(q).hits]
        values = [v for v in dict.fromkeys(found) if as_field(v)]
        return tuple(sorted(values, key=lambda v: f" {normal(v)} " in said)[:MOST])

    def _candidates(self, text: str) -> list[Query]:
        snapshot = self.finder.memory.snapshot
        said = f" {normal(text)} "
        out: dict[Query, None] = {}
        for mention in mentions(snapshot, text, self.linker.names(snapshot)):
            if not as_field(mention.surface):
                continue
            for entity in mention.entities:
                for fact in snapshot.about(entity):
                    from_subject = fact.key[0] == entity
                    other = snapshot.texts(fact)[2 if from_subject else 0]
                    if f" {normal(other)} " in said:
                        continue
                    relation = snapshot.relations.by_id[fact.key[1]].name
                    sides = (mention.surface, None) if from_subject else (None, mention.surface)
                    out[Query(sides[0], relation, sides[1])] = None
        return list(out)


class Running:
    """Follows texts with a model under a policy."""

    def __init__(self, engine: Engine, format: Trained, policy: Policy) -> None:
        self.engine, self.format, self.policy = engine, format, policy

    def follow(self, start: Sequence[int], tokens: Sequence[int], said: Sequence[str]) -> Followed:
        """How likely the tokens are after `start` (at least one token).

        `said[i]` is the text before token i. Reads leave the context when the next one begins.
        """
        count, opening = len(tokens), self.format.opening
        out = Followed(np.zeros(count), np.zeros(count), np.zeros(count))
        forbidden = isinstance(self.policy, Forbidden)
        call: list[int] = []
        begun = at = 0  # where the call in sight stands, and how far the text has come
        tried: set[int] = set()
        while at < count:
            self.engine.load(0, [*start, *tokens[:begun], *call, *tokens[begun:at]])
            rows = self.engine.follow(0, tokens[at : at + _CHUNK], [opening])
            chances = np.exp(rows[:, 1])
            due = next(
                (i for i, c in enumerate(chances) if at + i not in tried and self.policy.opens(at + i, float(c))), None
            )
            taken = len(rows) if due is None else due
            out.tokens[at : at + taken] = rows[:taken, 0] - (np.log1p(-chances[:taken]) if forbidden else 0.0)
            out.chances[at : at + taken] = chances[:taken]
            at += taken
            if due is None:
                continue
            tried.add(at)
            out.chances[at] = chances[due]
            read = self.policy.read(at, [*start, *tokens[:at]], said[at])
            if read is not None and not (out.reads and read.queries == out.reads[-1].queries):  # no use asking again
                call, begun = self._call(read), at
                out.cost[at] = -math.log(max(float(chances[due]), 1e-30))
                out.reads.append(read)
        return out

    def _call(self, read: Read) -> list[int]:
        more, end = self.format.joined()
        asked: list[int] = []
        for i, query in enumerate(read.queries):
            asked += [*(more if i else ()), *self.format.query(query)]
        return [*self.format.opened(), *asked, *end, *self.format.results(read.values)]
