"""Logistic regression: the one form of every fitted probability of the program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def chance(weights: Sequence[float], features: Sequence[float]) -> float:
    """The probability that a logistic regression gives."""
    return logistic(sum(w * f for w, f in zip(weights, features, strict=True)))


def logistic(score: float) -> float:
    """The probability of a score in nats."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def fit(features: Sequence[Sequence[float]], right: Sequence[bool], ridge: float = 1.0) -> tuple[float, ...]:
    """Weights that make `right` most likely, by Newton's method with a ridge on all but the first."""
    import numpy as np

    x: NDArray[np.float64] = np.asarray(features, dtype=np.float64)
    y = np.asarray(right, dtype=np.float64)
    w = np.zeros(x.shape[1])
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 1e-6
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        gradient = x.T @ (p - y) + penalty * w
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        w -= step
        if np.abs(step).max() < 1e-8:
            break
    return tuple(round(float(v), 6) for v in w)
