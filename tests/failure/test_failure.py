"""What can go wrong, tried at the size CI has time for (`make test-failure`); sizes are multiplied by MEMLLM_SIZE."""

from __future__ import annotations

import os
import sys

import pytest

from tests.failure import crash, damage, diskfull, fuzz, race, soak

pytestmark = [
    pytest.mark.failure,
    pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="needs fork and limits of Linux"),
]
SIZE = float(os.environ.get("MEMLLM_SIZE", "1"))


def test_kill_9() -> None:
    counts = crash.run(int(200 * SIZE))
    assert counts.faults == ()
    assert counts.acknowledged > counts.kills
    assert counts.in_recovery > 0


def test_a_full_disk() -> None:
    counts = diskfull.run(int(50 * SIZE))
    assert counts.faults == ()
    assert 0 < counts.refused < counts.budgets


def test_writers_at_once() -> None:
    counts = race.run(int(100 * SIZE))
    assert counts.faults == ()
    assert counts.acknowledged + counts.busy == counts.races * race.WRITERS * race.EACH


def test_damaged_bytes() -> None:
    counts = damage.run(int(1000 * SIZE))
    assert counts.faults == []
    assert counts.named > 0


def test_edits_in_a_row() -> None:
    counts = soak.run(int(50_000 * SIZE))
    assert counts.wrong == 0
    assert counts.file <= 2 * counts.rebuilt
    assert counts.end_memory <= counts.start_memory + 1000 * counts.edits + 60e6


def test_bytes_nobody_would_write() -> None:
    counts = fuzz.run(180 * SIZE)
    assert counts.faults == ()
