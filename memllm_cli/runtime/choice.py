"""Decoding one of some reads: the model's probabilities decide among the candidates, with their prior added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from memllm_cli.engine.base import Engine
from memllm_cli.runtime.link import Candidate
from memllm_cli.runtime.reads import ReadFormat


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
    """Decode one of `candidates` (at least one) after `context`, token by token.

    At each branching the prior of a token is the sum of those of all candidates that begin with it; where one token is
    possible the model is not asked.
    """
    ways: dict[tuple[int, ...], Candidate] = {}
    for candidate in candidates:
        ways.setdefault(tuple(format.call(candidate.query)[1]), candidate)
    way, evaluated, likely = _decode(engine, context, {w: c.score for w, c in ways.items()})
    return Choice(ways[way], [*context, *way], evaluated, likely)


def likeliest(engine: Engine, context: Sequence[int], ways: Mapping[str, Sequence[int]]) -> str:
    """Decode one of several runs of tokens, by their names; no prior."""
    by_tokens: dict[tuple[int, ...], str] = {}
    for name, tokens in ways.items():
        by_tokens.setdefault(tuple(tokens), name)
    return by_tokens[_decode(engine, context, dict.fromkeys(by_tokens, 0.0), massed=False)[0]]


def _decode(
    engine: Engine, context: Sequence[int], priors: Mapping[tuple[int, ...], float], massed: bool = True
) -> tuple[tuple[int, ...], int, float]:
    """One of the runs of tokens, none of which begins another, how many tokens were evaluated, and its log probability."""
    chosen: list[int] = []
    evaluated, total = 0, 0.0
    alive = list(priors)
    while tuple(chosen) not in priors:
        branches: dict[int, list[tuple[int, ...]]] = defaultdict(list)
        for way in alive:
            branches[way[len(chosen)]].append(way)
        allowed = list(branches)
        token = allowed[0]
        if len(allowed) > 1:
            evaluated += engine.load(0, [*context, *chosen])
            likely = weighed = engine.pick(0, allowed)
            if massed:
                weighed = likely + np.array(
                    [float(np.logaddexp.reduce([priors[w] for w in branches[t]])) for t in allowed]
                )
            best = int(np.argmax(weighed))
            token, total = allowed[best], total + float(likely[best])
        alive = branches[token]
        chosen.append(token)
    return tuple(chosen), evaluated, total
