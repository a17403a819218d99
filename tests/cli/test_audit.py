"""A person's verdicts on facts: the share that is wrong, and what follows from it."""

from __future__ import annotations

import pytest

from memllm_cli.calibration.audit import ENOUGH, interval, threshold


def test_the_interval_is_wilsons() -> None:
    low, high = interval(2, 20)
    assert (round(low, 3), round(high, 3)) == (0.028, 0.301)
    assert interval(0, 0) == (0.0, 1.0)


def test_few_verdicts_say_nothing() -> None:
    assert threshold([(0.9, True)] * (ENOUGH - 1)) is None


@pytest.mark.parametrize(
    ("wrong_below", "least"), [(0.0, 0.05), (0.5, 0.45)],
)  # fmt: skip
def test_the_threshold_keeps_what_is_right_often_enough(wrong_below: float, least: float) -> None:
    judged = [(i / 20, i / 20 >= wrong_below) for i in range(1, 20)] + [(0.99, True)]
    assert threshold(judged) == pytest.approx(least)


def test_where_nothing_is_right_nothing_is_kept() -> None:
    assert threshold([(0.5, False)] * ENOUGH) == 1.0
