"""Processes that write to one knowledge base at once.

python -m tests.failure.race --races 2000
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.errors import BusyError
from memllm_cli.types import Triple
from tests.failure.work import WEBSITE, Expected, checked, child, end, heard, made

WRITERS = 3
EACH = 4


@dataclass
class Counts:
    """What was tried and found."""

    races: int = 0
    acknowledged: int = 0
    busy: int = 0
    faults: tuple[str, ...] = ()


def run(races: int) -> Counts:
    """Several processes, half of them in a session, state facts at the same time; each succeeds or says who is in the
    way. In every fifth race the knowledge base is not there yet."""
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="memllm-race-") as name:
        place, expected = Path(name) / "0", Expected()
        for race in range(races):
            if race % 5 == 0:
                place, expected = Path(name) / str(race), Expected()

            def work(say: Callable[[str], None], place: Path = place, race: int = race, writer: int = 0) -> None:
                memory = made(place)

                def state(i: int) -> None:
                    fact = (f"Item {race} {writer} {i}", WEBSITE, f"{race}-{writer}-{i}.example")
                    try:
                        memory.set(Triple(*fact))
                        say(json.dumps({"state": "done", "fact": fact}))
                    except BusyError:
                        say(json.dumps({"state": "busy", "fact": fact}))

                if writer % 2:
                    with memory.session():
                        for i in range(EACH):
                            state(i)
                else:
                    for i in range(EACH):
                        state(i)

            started = [child(lambda say, w=w, work=work: work(say, writer=w)) for w in range(WRITERS)]  # type: ignore[misc]
            for pid, pipe in started:
                lines = [json.loads(line) for line in heard(pipe)]
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                done = {tuple(line["fact"]) for line in lines if line["state"] == "done"}
                expected.facts |= done
                counts.acknowledged += len(done)
                counts.busy += sum(line["state"] == "busy" for line in lines)
                if code not in (0, 2) or len(lines) < EACH:
                    counts.faults += (f"race {race}: ended with {code}: {lines[-1:]}",)
            counts.races += 1
            fault = checked(place, expected)
            if fault:
                counts.faults += (f"race {race}: {fault}",)
            if counts.faults:
                break
    return counts


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.failure.race", description=__doc__)
    parser.add_argument("--races", type=int, default=100)
    arguments = parser.parse_args()
    counts = run(arguments.races)
    done = f"{counts.acknowledged} operations acknowledged, {counts.busy} told to wait"
    end(f"{counts.races} races of {WRITERS} processes; {done}", counts.faults)


if __name__ == "__main__":
    main()
