"""Bytes nobody would write, for everything that reads what somebody else wrote: calls, imports, caches and journals.

python -m tests.failure.fuzz --seconds 3600
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.errors import MemllmError
from memllm_cli.memory.care.backup import read as read_backup
from memllm_cli.memory.care.full_export import read_jsonl, write_jsonl
from memllm_cli.memory.care.table import read_csv
from memllm_cli.memory.disk import journal
from memllm_cli.memory.disk.cache import Sidecar
from memllm_cli.memory.disk.tables import Entity, Operation, Rows
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.packed import Packed
from memllm_cli.protocol import CallDecoder, CallError, merge, parse, parse_pattern
from memllm_cli.types import Triple
from tests.failure.damage import damaged
from tests.failure.work import WEBSITE, end, made

SLOW = 5.0
"""Seconds after which one try counts as hanging."""
CALLS = (
    "({MEM_WRITE-->a>>b>>c;d>>e>>f}) text ({MEM_READ(x>>y>>;>>z>>w)-->r;s}) more",
    "({MEM_READ(a>>capital>>)-->", "({MEM_WRITE-->})", "({ ({MEM_READ(>>r>>o)-->v})})", "a >> b >> c", ">> b >>",
)  # fmt: skip
PIECES = ("({", "})", "-->", ">>", ";", "MEM_READ(", "MEM_WRITE", "\0", "\ud800", "\x1b[2J", "é", "\u202e", "(" * 50)
TABLE = (
    "subject,relation,object,probability,valid_from,valid_to,qualifiers,status,sentence,source\n"
    'A,capital,B,0.5,2020,2021-01-31,"{""a"": 1}",fact,"It, ""says"".",x.md\n'
    "'=A,capital,'+B,,,,,proposed,,\n"
)


@dataclass
class Counts:
    """Tries of each kind and what went wrong."""

    calls: int = 0
    imports: int = 0
    caches: int = 0
    faults: tuple[str, ...] = ()


def run(seconds: float, seed: int = 1) -> Counts:
    """Each of the three for so many seconds."""
    counts, chance = Counts(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="memllm-fuzz-") as name:
        folder = Path(name)
        memory = made(folder)
        memory.set(Triple("A", WEBSITE, "a.example"))
        for kind, target in (("calls", _calls), ("imports", _imports(memory, folder)), ("caches", _caches(folder))):
            end = time.monotonic() + seconds
            while time.monotonic() < end and len(counts.faults) < 5:
                setattr(counts, kind, getattr(counts, kind) + 1)
                began = time.monotonic()
                state = chance.getstate()
                try:
                    target(chance)
                except (MemllmError, CallError):
                    pass
                except Exception:
                    counts.faults += (f"{kind}: {traceback.format_exc()[-700:]}\n{hash(state)}",)
                if time.monotonic() - began > SLOW:
                    counts.faults += (f"{kind}: took {time.monotonic() - began:.1f} s",)
    return counts


def mixed(text: str, chance: random.Random) -> str:
    """A text with pieces put in, taken out and doubled."""
    for _ in range(chance.randint(1, 6)):
        at, kind = chance.randint(0, len(text)), chance.randrange(4)
        if kind == 0:
            text = text[:at] + chance.choice(PIECES) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + chance.randint(1, 12) :]
        elif kind == 2:
            text = text[:at] + text[max(0, at - chance.randint(1, 30)) : at] * chance.randint(1, 40) + text[at:]
        else:
            text = text[:at] + chr(chance.choice((0, 7, 34, 44, 59, 123, 0x7F, 0x85, 0x2028, 0x1F600))) + text[at:]
    return text


def _calls(chance: random.Random) -> None:
    text = mixed(chance.choice(CALLS), chance)
    decoder = CallDecoder(chance.choice((8, 64, 8192)))
    cut = chance.randint(0, len(text))
    merge([*decoder.feed(text[:cut]), *decoder.feed(text[cut:]), *decoder.flush()])
    for read in (parse, parse_pattern):
        with suppress(CallError, MemllmError):
            read(text)


def _imports(memory: Memory, folder: Path) -> Callable[[random.Random], None]:
    whole = folder / "all.jsonl"
    with whole.open("w", encoding="utf-8") as file:
        write_jsonl(memory, file)
    lines = whole.read_text(encoding="utf-8").splitlines()
    snapshot = memory.snapshot
    fuzzed = folder / "fuzzed"

    def one(chance: random.Random) -> None:
        kind = chance.randrange(3)
        if kind == 0:
            read_csv(mixed(TABLE, chance), snapshot)
        elif kind == 1:
            some = list(lines)
            for _ in range(chance.randint(1, 3)):
                at = chance.randrange(len(some))
                some[at] = mixed(some[at], chance) if chance.random() < 0.6 else _shuffled(some[at], chance)
            read_jsonl(some)
        else:
            fuzzed.write_bytes(damaged(whole.read_bytes(), chance))
            read_backup(fuzzed)

    return one


def _shuffled(line: str, chance: random.Random) -> str:
    """A row that is still JSON, with a value of another kind."""
    try:
        row = json.loads(line)
        inner = row.get("row", row)
        key = chance.choice(sorted(inner))
        inner[key] = chance.choice((None, True, -1, 2**63, 2**31, 1.5, "", "x" * 3000, [], {}, "\0", [None]))
        return json.dumps(row)
    except (ValueError, AttributeError, IndexError):
        return line[::-1]


def _caches(folder: Path) -> Callable[[random.Random], None]:
    memory = made(folder)
    memory.pack()
    kb = folder / "kb"
    kept = journal.Journal(kb / "other.journal")
    written = Rows(operations=[Operation(9, "set", "", "")], entities=[Entity(1, "é", "é", "entity")])
    kept.append(written, memory.snapshot.id)
    kept.close()
    sources = {n: (kb / n).read_bytes() for n in ("history.bin", "history.bin.json", "other.journal")}

    def one(chance: random.Random) -> None:
        name = chance.choice(sorted(sources))
        path = kb / name
        path.write_bytes(damaged(sources[name], chance))
        if name == "other.journal":
            for rows in journal.read(path).records:
                assert rows == written
        else:
            sidecar = Sidecar(kb, "history.bin", memory.snapshot.id)
            if sidecar.read() is not None:
                Packed.read(sidecar.payload)
        path.write_bytes(sources[name])

    return one


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.failure.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="for each of the three")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    c = run(arguments.seconds, arguments.seed)
    end(f"{c.calls} calls, {c.imports} imports, {c.caches} caches and journals", c.faults)


if __name__ == "__main__":
    main()
