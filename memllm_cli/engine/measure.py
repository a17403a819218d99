"""Perplexity of plain token runs. Knows nothing of text or calls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Scorer(Protocol):
    """The part of an engine that perplexity needs; `LlamaEngine` has it."""

    context: int

    def score(self, seq: int, tokens: Sequence[int]) -> NDArray[np.float64]:
        """Natural log-probabilities of each token after the first."""

    def bos(self) -> list[int]:
        """What every prompt starts with."""


def perplexity(engine: Scorer, tokens: Sequence[int], window: int = 512) -> float:
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
        scores = engine.score(0, part)
        total -= float(scores.sum())
        count += len(scores)
    if not count:
        raise ValueError("perplexity needs at least two tokens")
    return math.exp(total / count)
