"""How likely a drafted triple is right, from what the drafter knows of it.

A logistic regression over a few features, fitted on documents that were not trained on. Its numbers mean what they
say there: of the triples given 0.8, eight in ten are right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memllm_cli.drafting.draft import Drafted
from memllm_cli.types import KINDS

FEATURES = ("one", "margin", "negative margin", "names", "together", "kinds")
_UNSEEN = math.log(0.002)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of `FEATURES`, and for each relation how often its names have which types (`PER ORG` -> share)."""

    weights: tuple[float, ...]
    kinds: Sequence[Mapping[str, float]]

    def features(self, drafted: Drafted) -> tuple[float, ...]:
        """What is known of a triple."""
        pair = f"{drafted.subject_kind} {drafted.object_kind}"
        table = self.kinds[drafted.relation] if drafted.relation < len(self.kinds) else None
        share = math.log(max(table.get(pair, 0.0), 0.002)) if table else _UNSEEN
        return (
            1.0,
            max(0.0, drafted.margin),
            min(0.0, drafted.margin),
            drafted.subject_score + drafted.object_score,
            float(drafted.together),
            share,
        )

    def probability(self, drafted: Drafted) -> float:
        """Between 0 and 1."""
        return chance(self.weights, self.features(drafted))


def chance(weights: Sequence[float], features: Sequence[float]) -> float:
    """The probability that a logistic regression gives."""
    return logistic(sum(w * f for w, f in zip(weights, features, strict=True)))


def logistic(score: float) -> float:
    """The probability of a score in nats."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def kind_table(pairs: Sequence[tuple[int, str, str]], relations: int) -> list[dict[str, float]]:
    """Shares of type pairs for each relation, from (relation, subject's type, object's type) of annotated triples."""
    counts: list[dict[str, float]] = [{} for _ in range(relations)]
    for relation, head, tail in pairs:
        if head in KINDS and tail in KINDS:
            key = f"{head} {tail}"
            counts[relation][key] = counts[relation].get(key, 0.0) + 1
    return [{k: round(v / sum(row.values()), 4) for k, v in row.items()} for row in counts]


def fit(features: Sequence[Sequence[float]], right: Sequence[bool], ridge: float = 1.0) -> tuple[float, ...]:
    """Weights that make `right` most likely, by Newton's method with a ridge on all but the first."""
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
