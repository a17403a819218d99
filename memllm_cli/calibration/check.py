"""How likely a drafted fact is, given what the model makes of it after the sentences shown for it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.calibration.logistic import chance
from memllm_cli.errors import DamagedError

FORMAT = "check-1"
FEATURES = ("one", "draft", "all", "relation", "close")


@dataclass(frozen=True, slots=True)
class Support:
    """What the model makes of a triple after its evidence, in nats: the mean of all its tokens, those of its relation
    together, and how likely there is nothing to write."""

    all: float
    relation: float
    close: float


@dataclass(frozen=True, slots=True)
class Check:
    """A fact's probability from that of its draft and its support: a logistic regression fitted on judged facts.

    From `threshold` on eight in ten of those were right.
    """

    weights: tuple[float, ...]
    threshold: float

    @staticmethod
    def features(draft: float, support: Support) -> tuple[float, ...]:
        """One for each of `FEATURES`."""
        p = min(max(draft, 1e-3), 1 - 1e-3)
        bounded = (max(support.all, -8.0), max(support.relation, -12.0), max(support.close, -12.0))
        return 1.0, math.log(p / (1 - p)), *bounded

    def probability(self, draft: float, support: Support) -> float:
        """Between 0 and 1."""
        return chance(self.weights, self.features(draft, support))


def read_check(path: Path) -> Check | None:
    """What was fitted for an adapter, in its configuration; None when nothing was. Raises DamagedError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8")).get("combination", {}).get(FORMAT)
        if raw is None:
            return None
        weights = tuple(float(w) for w in raw["weights"])
        if len(weights) != len(FEATURES):
            raise ValueError("its check has another number of weights")
        return Check(weights, float(raw["threshold"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} cannot be used: {error}", "Train it again: memllm train --help") from error
