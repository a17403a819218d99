"""How near a name and a relation must be to what was asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Cosine distances: of an entity, of a relation, of their mean, for all-MiniLM-L6-v2.

    Found by `memllm train fit finding:FILE` (docs/thresholds.md). Where both are only similar an answer is wrong
    nearly as often as right, so the mean leaves room for one.
    """

    entity: float = 0.35
    relation: float = 0.15
    pair: float = 0.175
