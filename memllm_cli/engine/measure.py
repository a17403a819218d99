"""Perplexity of plain token runs. Knows nothing of text or calls."""

from __future__ import annotations

import math
from collections.abc import Sequence

from memllm_cli.engine.base import Engine


def perplexity(engine: Engine, tokens: Sequence[int], window: int = 512) -> float:
    """exp of the mean negative log-probability of `tokens`, read in windows that do not overlap.

    Each window starts with nothing before it but the model's opening token, if it has one; without one, the
    window's first token is not counted. Uses (and replaces) sequence 0. Raises ValueError when nothing can be
    counted.
    """
    start = engine.bos()
    window = min(window, engine.context - len(start))
    total, count = 0.0, 0
    for i in range(0, len(tokens), window):
        part = [*start, *tokens[i : i + window]]
        if len(part) < 2:
            continue
        engine.load(0, part[:1])
        scores = engine.follow(0, part[1:])
        total -= float(scores.sum())
        count += len(scores)
    if not count:
        raise ValueError("perplexity needs at least two tokens")
    return math.exp(total / count)
