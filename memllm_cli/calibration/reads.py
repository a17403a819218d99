"""Priors and thresholds of reading: when a read is opened, which one, and whether another follows."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from memllm_cli.calibration.logistic import chance
from memllm_cli.errors import DamagedError


@dataclass(frozen=True, slots=True)
class Weights:
    """Nats of prior beside the model's own probabilities; fitted by `memllm train fit asked:COUNT`."""

    near: float = 20.0
    """For a relation one of whose phrases has the question's vector (cosine 1)."""
    known: float = 6.0
    """For a query that memory can answer."""
    said: float = 20.0
    """For a fact that a person stated with a question like this one: an edit keeps its question."""
    opens: float = 0.5
    """No nats: the probability from which on the model is taken to want a read."""
    again: tuple[float, ...] = (3.8, 1.0, 1.8, 0.4)
    """Of `features`: a logistic regression of whether a second read that memory can answer is made."""
    vain: float = 0.8
    """No nats: the probability from which on a second read that memory cannot answer says that it has nothing."""

    running: float = 0.3
    """No nats: the probability from which on a read opens in running text."""

    def another(self, opened: float, answerable: bool, near: float, likely: float) -> bool:
        """Whether a second read is made: how likely the model opens one, whether memory can answer what it asks, how
        near its relation is to the words, how likely the model asks that."""
        if not answerable:
            return opened >= self.vain
        return self.again_of(self.features(opened, near, likely)) >= 0.5

    @staticmethod
    def features(opened: float, near: float, likely: float) -> tuple[float, float, float, float]:
        """Of a second read: one, the log odds that the model opens it, how near its relation is, how likely that is."""
        odds = math.log(max(opened, 1e-9) / max(1 - opened, 1e-9))
        return 1.0, odds, near, max(likely, -15.0)

    def again_of(self, features: Sequence[float]) -> float:
        """The probability that a second read is made."""
        return chance(self.again, features)


SAME = 0.5
"""Cosine of questions about one name from which on they ask for the same."""
_PLAIN = Weights()
_NUMBERS = frozenset(asdict(_PLAIN)) - {"again"}


def alike(cosine: float) -> float:
    """How surely two questions about one name ask for the same, by their vectors without the name: 0 to 1.

    Of 200 edits the question had a cosine of .53 with its rephrasing in nine of ten, and with other questions put about
    the same name one of .36 in nine of ten.
    """
    return min(1.0, max(0.0, 2 * cosine / SAME - 1))


def read_weights(path: Path, format: str) -> Weights:
    """What was fitted for an adapter and the format of its reads, from its configuration; what was not is as it comes.

    Raises DamagedError.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        raw = about.get("combination", {}).get(format, {}).get("weights", {})
        again = tuple(map(float, raw.get("again", _PLAIN.again)))
        if len(again) != len(_PLAIN.again):
            raise ValueError("its weights of a second read are of another number")
        return replace(_PLAIN, again=again, **{k: float(raw[k]) for k in _NUMBERS if k in raw})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} cannot be used: {error}", "Train it again: memllm train --help") from error
