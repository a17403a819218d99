"""How likely a statement is right that the extractor found; fitted on passages it was not trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from memllm_cli.calibration.logistic import chance
from memllm_cli.errors import DamagedError

FEATURES = ("one", "object", "subject", "name", "relation", "truth", "length")


@dataclass(frozen=True, slots=True)
class Extracting:
    """Weights of `FEATURES` in a logistic regression, and the probabilities from which on a statement is a fact, or
    worth a look."""

    weights: tuple[float, ...] = (0.0, 0.8, 0.8, 0.4, 0.6, 0.8, 0.0)
    fact: float = 0.5
    least: float = 0.3

    @staticmethod
    def features(scores: Sequence[float], length: int) -> tuple[float, ...]:
        """One; the log odds of the object; the logs of the shares of subject, name, relation and truth; words of the
        object."""
        odds, *shares = scores
        return 1.0, max(-8.0, min(8.0, odds)), *(max(-5.0, s) for s in shares), min(20, length) / 10

    def weighed(self, features: Sequence[float]) -> float:
        """That a statement of these features is right."""
        return chance(self.weights, features)


def read_extracting(path: Path) -> Extracting:
    """What was fitted for an extractor, from its configuration. Raises DamagedError."""
    plain = Extracting()
    try:
        raw = json.loads(path.read_text(encoding="utf-8")).get("extracting", {})
        weights = tuple(map(float, raw.get("weights", plain.weights)))
        fact, least = (float(raw.get(k, getattr(plain, k))) for k in ("fact", "least"))
        if len(weights) != len(FEATURES) or not all(map(isfinite, (*weights, fact, least))):
            raise ValueError("its weights are no numbers, or of another number")
        return Extracting(weights, fact, least)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} cannot be used: {error}", "Train it again: memllm train extract --help") from error
