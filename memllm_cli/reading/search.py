"""Decoding one of some reads: the likeliest by what the model gives it and by its prior, found exactly.

The candidates' tokens form a tree. A best-first search goes down it: a branch is worth what the model gave it so far
and the best prior below it, which no candidate in it can exceed; so the first candidate that is reached is the best of
all, and most of the tree is never evaluated. Where one token is possible the model is not asked.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from memllm_cli.engine.base import Engine
from memllm_cli.reading.formats import ReadFormat
from memllm_cli.reading.link import Candidate

Thing = TypeVar("Thing")
Way = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, the context with its opened call, how many tokens were evaluated for it.

    `likely` is the log probability that the model alone gives what was chosen, at the branchings among candidates.
    """

    candidate: Candidate
    context: list[int]
    evaluated: int
    likely: float


def choose(engine: Engine, format: ReadFormat, context: Sequence[int], candidates: Sequence[Candidate]) -> Choice:
    """The best of `candidates` (at least one) after `context`, by the model's log probability plus the prior."""
    ways: dict[Way, Candidate] = {}
    for candidate in candidates:
        ways.setdefault(tuple(format.call(candidate.query)[1]), candidate)
    tree = Tree(engine, context, list(ways))
    way, likely = tree.best({w: c.score for w, c in ways.items()})
    return Choice(ways[way], [*context, *way], tree.evaluated, likely)


def likeliest(engine: Engine, context: Sequence[int], ways: Mapping[Thing, Sequence[int]]) -> Thing:
    """One of several things by their tokens, none of which begin another's; no prior."""
    by_tokens: dict[Way, Thing] = {}
    for thing, tokens in ways.items():
        by_tokens.setdefault(tuple(tokens), thing)
    return by_tokens[Tree(engine, context, list(by_tokens)).best(dict.fromkeys(by_tokens, 0.0))[0]]


class Tree:
    """Runs of tokens after a context, none of which begins another; evaluated where they part, when it is asked."""

    def __init__(self, engine: Engine, context: Sequence[int], ways: Sequence[Way]) -> None:
        self.engine, self.context = engine, list(context)
        self.evaluated = 0
        self._below: dict[Way, list[Way]] = {(): list(ways)}
        self._known: dict[Way, dict[int, float]] = {}

    def branches(self, at: Way) -> dict[int, float]:
        """Log probability of each token that may follow `at`; 0 where there is one."""
        known = self._known.get(at)
        if known is None:
            parts: dict[int, list[Way]] = defaultdict(list)
            for way in self._below[at]:
                parts[way[len(at)]].append(way)
            self._below.update({(*at, token): below for token, below in parts.items()})
            known = dict.fromkeys(parts, 0.0)
            if len(parts) > 1:
                self.evaluated += self.engine.load(0, [*self.context, *at])
                likely = self.engine.pick(0, list(parts))
                known = {token: float(p) for token, p in zip(parts, likely, strict=True)}
            self._known[at] = known
        return known

    def likely(self, way: Way) -> float:
        """Log probability of one of the runs."""
        return sum(self.branches(way[:i])[token] for i, token in enumerate(way))

    def best(self, priors: Mapping[Way, float]) -> tuple[Way, float]:
        """The run whose log probability and prior are highest together, and its log probability."""
        heap: list[tuple[float, Way, float]] = [(0.0, (), 0.0)]
        while True:
            _, at, likely = heapq.heappop(heap)
            if at in priors:
                return at, likely
            for token, chance in self.branches(at).items():
                follows = (*at, token)
                bound = likely + chance + max(priors[w] for w in self._below[follows])
                heapq.heappush(heap, (-bound, follows, likely + chance))
