"""A disk that is full: no file may grow beyond a budget, at every step of a sweep from nothing to plenty.

python -m tests.failure.diskfull --budgets 1000
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.failure.work import Expected, Work, checked, child, end, heard, made

STEPS = 12
SMALLEST, LARGEST = 512, 6_000_000


@dataclass
class Counts:
    """What was tried and found."""

    budgets: int = 0
    refused: int = 0
    acknowledged: int = 0
    faults: tuple[str, ...] = ()


def run(budgets: int, seed: int = 1) -> Counts:
    """Work within each budget until it is refused in words; then without one, and nothing is missing."""
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="memllm-full-") as name:
        for number in range(budgets):
            budget = int(SMALLEST * (LARGEST / SMALLEST) ** (number / max(1, budgets - 1)))
            place, expected = Path(name) / str(number), Expected()

            for limit in (None, budget, None):  # something is there; then the disk is full; then there is room again
                facts, done = set(expected.facts), counts.acknowledged

                def work(
                    say: Callable[[str], None], place: Path = place, seed: int = seed + number + done,
                    facts: object = facts,
                ) -> None:  # fmt: skip
                    memory = made(place)
                    for _, _ in zip(range(STEPS), Work(memory, seed, facts, say).steps(), strict=False):  # type: ignore[arg-type]
                        pass

                pid, pipe = child(work, limit)
                lines = heard(pipe)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                errors = [e for e in map(json.loads, lines) if e["state"] == "error"]
                for line in lines:
                    if json.loads(line)["state"] != "error":
                        expected.hear(line)
                counts.acknowledged += expected.done
                expected.done = 0
                if limit is not None and errors:
                    counts.refused += 1
                fault = checked(place, expected, thorough=limit is None)
                if code not in (0, 2) or (limit is None and code != 0):
                    fault = fault or f"ended with {code}"
                if errors and (errors[0]["kind"] != "StorageError" or limit is None):
                    fault = fault or f"said {errors[0]}"
                if fault:
                    counts.faults += (f"budget {budget} bytes, limit {limit}: {fault}",)
                    break
            counts.budgets += 1
    return counts


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.failure.diskfull", description=__doc__)
    parser.add_argument("--budgets", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts = run(arguments.budgets, arguments.seed)
    said = f"{counts.budgets} budgets, {counts.refused} too small; {counts.acknowledged} operations acknowledged"
    end(said, counts.faults)


if __name__ == "__main__":
    main()
