"""How likely an answer is right, from what the pointer and the search say of it; fitted on questions of others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from memllm_cli.calibration.logistic import chance
from memllm_cli.errors import DamagedError


@dataclass(frozen=True, slots=True)
class Answering:
    """Weights of `features` in a logistic regression, and the probability from which on an answer is given."""

    weights: tuple[float, ...] = (-0.6, 0.45, 1.2, 1.0, 0.2)
    least: float = 0.5
    beside: float = 1.0
    """Log odds by which another part of a passage may say less and still belong to the answer."""

    @staticmethod
    def features(margin: float, share: float, covered: float, ahead: float) -> tuple[float, ...]:
        """One; how much a span says more than "not there" in its passage (log odds); its share of its passage; how much
        of the question's words stand in its sentence and lead, rare ones counting more (0 to 1); how far ahead of
        another answer it is (log odds)."""
        return 1.0, max(-12.0, min(12.0, margin)), share, covered, max(0.0, min(12.0, ahead))

    def probability(self, features: Sequence[float]) -> float:
        """That the answer is right."""
        return chance(self.weights, features)


def read_answering(path: Path) -> Answering:
    """What was fitted for a pointer, from its configuration. Raises DamagedError."""
    plain = Answering()
    try:
        raw = json.loads(path.read_text(encoding="utf-8")).get("answers", {})
        weights = tuple(map(float, raw.get("weights", plain.weights)))
        if len(weights) != len(plain.weights):
            raise ValueError("its weights are of another number")
        least, beside = (float(raw.get(k, getattr(plain, k))) for k in ("least", "beside"))
        if not all(map(isfinite, (*weights, least, beside))):
            raise ValueError("its values are no numbers")
        return replace(plain, weights=weights, least=least, beside=beside)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} cannot be used: {error}", "Train it again: memllm train point --help") from error
