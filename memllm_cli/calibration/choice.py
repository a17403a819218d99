"""How likely a fact is that the drafter proposed and a model chose among the drafts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from memllm_cli.calibration.logistic import chance
from memllm_cli.errors import DamagedError

FEATURES = ("one", "draft", "start", "relation", "rest", "kept")


class Wrote(Protocol):
    """What is looked at of a written triple, in nats; `writing.stream` has the triple itself."""

    @property
    def start(self) -> float:
        """How much likelier it was begun than the call closed."""

    @property
    def relation(self) -> float:
        """How likely its relation was."""

    @property
    def rest(self) -> float:
        """How likely everything else was."""

    @property
    def kept(self) -> bool:
        """Whether the model wrote it."""


@dataclass(frozen=True, slots=True)
class Combination:
    """A fact's probability from that of its draft and from what the model wrote: a logistic regression.

    `threshold` is the probability from which on eight in ten were right on tuning documents, `fullest` the one of the
    best F1. Without weights the draft's probability stays.
    """

    weights: tuple[float, ...] = ()
    threshold: float = 0.8
    fullest: float = 0.5

    @staticmethod
    def features(draft: float, wrote: Wrote) -> tuple[float, ...]:
        """What is known of a triple: one for each of `FEATURES`."""
        p = min(max(draft, 1e-4), 1 - 1e-4)
        near = min(max(wrote.start, -10.0), 10.0)
        return 1.0, math.log(p / (1 - p)), near, max(wrote.relation, -8.0), max(wrote.rest, -8.0), float(wrote.kept)

    def probability(self, draft: float, wrote: Wrote) -> float:
        """Between 0 and 1."""
        return self.of(self.features(draft, wrote)) if self.weights else draft

    def of(self, features: Sequence[float]) -> float:
        """The probability that `features` give."""
        return chance(self.weights, features)


def read_combination(path: Path, format: str) -> Combination:
    """What was fitted for a writer in its configuration, for the format it writes. Raises DamagedError."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if format not in about.get("formats", [format]):
            raise ValueError(f"it knows the formats {', '.join(about['formats'])}, not {format}")
        raw = about.get("combination", {}).get(format, {})
        if len(raw.get("weights", ())) not in (0, len(FEATURES)):
            raise ValueError("its combination has another number of weights")
        return Combination(
            tuple(float(w) for w in raw.get("weights", ())),
            **{k: float(raw[k]) for k in ("threshold", "fullest") if k in raw},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} cannot be used: {error}", "Train it again: memllm train --help") from error
