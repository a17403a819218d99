"""kill -9 at random moments: while writing, while the log is taken in, while caches are saved, while recovering.

python -m tests.failure.crash --kills 5000
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.failure.work import Expected, Work, checked, child, end, heard, kill_after, made


@dataclass
class Counts:
    """What was tried and found."""

    kills: int = 0
    acknowledged: int = 0
    in_recovery: int = 0
    faults: tuple[str, ...] = ()


def run(kills: int, seed: int = 1, folder: Path | None = None) -> Counts:
    """Kill a working process so many times; after each kill look at what is left, and go on with it."""
    counts, chance = Counts(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="memllm-crash-", dir=folder) as name:
        place, expected = Path(name) / "0", Expected()
        while counts.kills < kills:
            if len(expected.facts) > 400:  # start over, or every look takes long
                place, expected = place.with_name(str(counts.kills)), Expected()
            facts, begin = set(expected.facts), counts.kills

            def work(say: Callable[[str], None], place: Path = place, seed: int = begin, facts: object = facts) -> None:
                memory = made(place)
                say("ready")
                for _ in Work(memory, seed, facts, say).steps():  # type: ignore[arg-type]
                    pass

            pid, pipe = child(work)
            # Now and then so early that opening itself is hit: the recovery after the kill before.
            early = chance.random() < 0.25
            kill_after(pid, chance.uniform(0, 0.06) if early else chance.uniform(0.05, 0.6))
            _, status = os.waitpid(pid, 0)
            lines = heard(pipe)
            if not os.WIFSIGNALED(status):
                counts.faults += (f"kill {counts.kills}: the work itself ended: {lines[-1:]}",)
                break
            counts.kills += 1
            counts.in_recovery += "ready" not in lines
            for line in lines:
                if line != "ready":
                    expected.hear(line)
            counts.acknowledged += expected.done
            expected.done = 0
            fault = checked(place, expected, thorough=counts.kills % 5 == 0)
            if fault:
                counts.faults += (f"kill {counts.kills}: {fault}",)
                break
    return counts


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.failure.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts = run(arguments.kills, arguments.seed)
    said = f"{counts.kills} kills, {counts.in_recovery} while opening; {counts.acknowledged} operations acknowledged"
    end(said, counts.faults)


if __name__ == "__main__":
    main()
