"""Edits in a row, each checked against a dictionary: is every answer right, does memory stay flat, does the file.

python -m tests.failure.soak --edits 2000000
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.memory.care.backup import read, write
from memllm_cli.memory.care.full_export import restore
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.types import Triple
from tests.failure.work import WEBSITE, made

NAMES = 2000
WINDOW = 2000
"""Edits over which a latency is taken."""


@dataclass
class Counts:
    """What was done and seen: latencies in seconds, memory and files in bytes."""

    edits: int = 0
    wrong: int = 0
    first_p99: float = 0.0
    last_p99: float = 0.0
    start_memory: int = 0
    end_memory: int = 0
    file: int = 0
    rebuilt: int = 0


def run(edits: int, seed: int = 1) -> Counts:
    """Correct the values of some names over and over, and undo one in fifty."""
    counts, chance = Counts(), random.Random(seed)
    expected: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="memllm-soak-") as name:
        place = Path(name)
        memory = made(place)
        window: list[float] = []
        with memory.session():
            for i in range(edits):
                subject = f"Site {chance.randrange(NAMES)}"
                value = f"{i}.example"
                began = time.perf_counter()
                change = memory.set(Triple(subject, WEBSITE, value))
                window.append(time.perf_counter() - began)
                if i % 50 == 49:
                    memory.undo(change.operation)
                else:
                    expected[subject] = value
                counts.wrong += _value(memory, subject) != expected.get(subject)
                if len(window) == WINDOW:
                    p99 = sorted(window)[int(0.99 * WINDOW)]
                    if not counts.first_p99:
                        counts.first_p99, counts.start_memory = p99, _memory()
                    counts.last_p99 = p99
                    window = []
        counts.edits = edits
        counts.end_memory = _memory()
        again = Memory(place / "kb")
        counts.wrong += sum(_value(again, s) != v for s, v in expected.items())
        counts.file = (place / "kb" / "facts.duckdb").stat().st_size
        write(again, place / "all.gz")
        fresh = Memory(place / "rebuilt")
        restore(fresh, read(place / "all.gz"))
        counts.rebuilt = (place / "rebuilt" / "facts.duckdb").stat().st_size
    return counts


def _value(memory: Memory, subject: str) -> str | None:
    snapshot = memory.snapshot
    relation, _ = snapshot.relations.get(WEBSITE)
    facts = [f for s in snapshot.named(subject) for f in snapshot.values(relation.id, subject=s)]
    return snapshot.texts(facts[0])[2] if len(facts) == 1 else None if not facts else "several"


def _memory() -> int:
    """Bytes this process holds now."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * 4096


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.failure.soak", description=__doc__)
    parser.add_argument("--edits", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    c = run(arguments.edits, arguments.seed)
    print(f"{c.edits} edits, {c.wrong} wrong answers")
    print(f"p99 of an edit: {c.first_p99 * 1000:.2f} ms at the start, {c.last_p99 * 1000:.2f} ms at the end")
    print(f"memory: {c.start_memory / 1e6:.0f} MB after {WINDOW} edits, {c.end_memory / 1e6:.0f} MB at the end")
    print(f"file: {c.file / 1e6:.1f} MB, rebuilt {c.rebuilt / 1e6:.1f} MB ({c.file / max(1, c.rebuilt):.2f} times)")
    raise SystemExit(bool(c.wrong))


if __name__ == "__main__":
    main()
