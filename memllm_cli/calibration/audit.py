"""What a person's verdicts on facts say: the share that is wrong, and from which probability on enough are right."""

from __future__ import annotations

import math
from collections.abc import Sequence

WANTED = 0.85
"""Share of a knowledge base's facts that ought to be right."""
ENOUGH = 20
"""Verdicts from which on a threshold follows from them."""


def interval(wrong: int, of: int) -> tuple[float, float]:
    """A share's 95 % interval (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    z, p = 1.96, wrong / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def threshold(verdicts: Sequence[tuple[float, bool]]) -> float | None:
    """The least probability from which on `WANTED` of what was judged (probability, right) is right.

    None with too few verdicts; 1 when no threshold is high enough.
    """
    if len(verdicts) < ENOUGH:
        return None
    ordered = sorted(verdicts, reverse=True)
    right, best = 0, 1.0
    for count, (probability, good) in enumerate(ordered, 1):
        right += good
        last = count == len(ordered) or ordered[count][0] < probability
        if last and right >= WANTED * count:
            best = probability
    return best
