"""The model's word on a fact, fitted to facts that a person has judged against their sentences."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memllm_cli.calibration.check import FEATURES
from memllm_cli.calibration.logistic import fit, logistic
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.types import Triple
from memllm_cli.writing.checked import rated
from memllm_cli.writing.stream import StreamWriter

SURE = 1.645
"""Standard errors of 95 % certainty on one side."""
LEAST = 20
"""Facts that must be kept by a threshold, or their share says nothing."""


def read_judged(path: Path) -> list[tuple[str, Triple, list[str], float, bool]]:
    """Title, triple, sentences, probability of the draft and whether it is right, as `benchmarks.judged` writes them.

    Raises NotFound, DamagedError.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                (
                    row["source"].rsplit(".", 1)[0], Triple(row["subject"], row["relation"], row["object"]),
                    row["sentences"].split(" | "), float(row["probability"]), row["verdict"] == "right",
                )
                for row in csv.DictReader(file)
                if row["verdict"]
            ]  # fmt: skip
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Check the path.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} holds no judged facts: {error}", "See docs/training.md.") from error


def check(writer: StreamWriter, judged: Sequence[tuple[str, Triple, list[str], float, bool]]) -> dict[str, Any]:
    """Weights of `FEATURES`, and the threshold from which on eight in ten are right.

    Each fact is scored by weights fitted to the others, so that the threshold holds for facts that were not seen.
    """
    features = list(rated(writer, [row[:4] for row in judged]))
    right = [row[4] for row in judged]
    apart = []
    for i in range(len(features)):
        weights = fit(features[:i] + features[i + 1 :], right[:i] + right[i + 1 :])
        apart.append((sum(w * f for w, f in zip(weights, features[i], strict=True)), right[i]))
    threshold, kept = _threshold(apart)
    return {
        "features": FEATURES,
        "weights": fit(features, right),
        "threshold": threshold,
        "judged": len(judged),
        "right": sum(right),
        "kept": kept,
    }


def _threshold(scored: Sequence[tuple[float, bool]], wanted: float = 0.8) -> tuple[float, int]:
    """The lowest probability from which on a share `wanted` is right, and how many that keeps; 1 when there is none.

    The share must be higher than that with 95 % certainty: that it is the lowest of many thresholds flatters it.
    """
    ranked = sorted(scored, reverse=True)
    best, hits = (1.0, 0), 0
    for n, (score, ok) in enumerate(ranked, 1):
        hits += ok
        last = n == len(ranked) or ranked[n][0] < score - 1e-6
        if last and n >= LEAST and lower(hits, n) >= wanted:
            best = (round(logistic(score), 4), n)
    return best


def lower(hits: int, count: int, z: float = SURE) -> float:
    """The lower bound of Wilson's interval for a share (1927), `z` standard errors wide."""
    share = hits / count
    spread = math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (share + z * z / (2 * count) - z * spread) / (1 + z * z / count)
