"""What the benchmarks share: rows, alternating runs, a home in a temporary folder, peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEMLLM = [sys.executable, "-m", "memllm_cli.cli.main"]


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: ours, the other side (0 when the aim is absolute), and the ratio to reach."""

    name: str
    ours: float
    other: float
    aim: float

    @property
    def value(self) -> float:
        """The ratio, or our own figure where there is nothing beside it."""
        return self.ours / self.other if self.other else self.ours

    def as_json(self) -> dict[str, float | str]:
        """For the JSON file."""
        return {**asdict(self), "value": round(self.value, 4)}


def alternating(first: Callable[[], float], second: Callable[[], float], runs: int) -> tuple[float, float]:
    """Medians of two measurements taken in turns, after one of each that is thrown away."""
    first(), second()
    a, b = [], []
    for _ in range(runs):
        a.append(first())
        b.append(second())
    return statistics.median(a), statistics.median(b)


def wall(command: list[str], environment: dict[str, str] | None = None) -> float:
    """Seconds a command takes; it must succeed."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **(environment or {})}, cwd=ROOT)
    return time.perf_counter() - began


@contextmanager
def home() -> Iterator[Path]:
    """A home of its own whose models are the checkout's."""
    with tempfile.TemporaryDirectory(prefix="memllm-bench-") as folder:
        path = Path(folder)
        (path / "models").symlink_to(ROOT / "models")
        (path / "kb").mkdir()
        yield path
