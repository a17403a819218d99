"""How likely a drafted triple is right, from what the drafter knows of it.

A logistic regression over a few features, fitted on documents that were not trained on. Its numbers mean what they
say there: of the triples given 0.8, eight in ten are right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from memllm_cli.calibration.logistic import chance
from memllm_cli.types import KINDS

FEATURES = ("one", "margin", "negative margin", "names", "together", "kinds")
_UNSEEN = math.log(0.002)


class Drafted(Protocol):
    """What is looked at of a drafted triple; `drafting.draft` has the triple itself."""

    @property
    def relation(self) -> int:
        """The number of its relation."""

    @property
    def margin(self) -> float:
        """How far its score is above the threshold."""

    @property
    def subject_kind(self) -> str:
        """Type of its subject."""

    @property
    def object_kind(self) -> str:
        """Type of its object."""

    @property
    def subject_score(self) -> float:
        """How surely its subject is a name."""

    @property
    def object_score(self) -> float:
        """The same of its object."""

    @property
    def together(self) -> bool:
        """Whether both stand in one sentence."""


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


def kind_table(pairs: Sequence[tuple[int, str, str]], relations: int) -> list[dict[str, float]]:
    """Shares of type pairs for each relation, from (relation, subject's type, object's type) of annotated triples."""
    counts: list[dict[str, float]] = [{} for _ in range(relations)]
    for relation, head, tail in pairs:
        if head in KINDS and tail in KINDS:
            key = f"{head} {tail}"
            counts[relation][key] = counts[relation].get(key, 0.0) + 1
    return [{k: round(v / sum(row.values()), 4) for k, v in row.items()} for row in counts]
