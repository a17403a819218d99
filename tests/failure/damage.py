"""Bytes that flip or are missing: in the caches, in the journal, at the end of the database's own log.

python -m tests.failure.damage --tries 50000
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from memllm_cli.errors import MemllmError
from memllm_cli.memory.disk.journal import Journal
from memllm_cli.memory.disk.tables import Assertion, Entity, Operation, Rows
from memllm_cli.memory.edit.memory import ImportRow, Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.words import search
from memllm_cli.types import Query, Triple
from tests.failure.work import RELATION, WEBSITE, end, held, letters, made

CACHES = ("history.bin", "entities.hnsw", "text.sqlite")


@dataclass
class Counts:
    """What was tried, and what came of it: the answer was right, or the damage was named. Else it is a fault."""

    tries: int = 0
    right: int = 0
    named: int = 0
    faults: list[str] = field(default_factory=list)


def run(tries: int, seed: int = 1) -> Counts:
    """A third of the tries each on the caches, the journal and the log."""
    counts, chance = Counts(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="memllm-damage-") as name:
        caches(Path(name) / "caches", tries // 3, chance, counts)
        journal(Path(name) / "journal", tries // 3, chance, counts)
        log(Path(name) / "log", tries - 2 * (tries // 3), counts)
    return counts


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Some bytes flipped, cut off, doubled or made zero."""
    out = bytearray(data)
    kind = chance.choice(("flip", "flip", "flip", "cut", "zero", "more"))
    at = chance.randrange(len(out)) if out else 0
    if kind == "flip" and out:
        for _ in range(chance.choice((1, 1, 1, 8))):
            out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del out[at:]
    elif kind == "zero":
        end = min(len(out), at + chance.randint(1, 600))
        out[at:end] = bytes(end - at)
    else:
        out += bytes(chance.randrange(256) for _ in range(chance.randint(1, 64)))
    return bytes(out)


def caches(folder: Path, tries: int, chance: random.Random, counts: Counts) -> None:
    """Whatever happens to a cache or its manifest, answers are those of the database."""
    memory = made(folder)
    memory.import_facts([ImportRow(Triple(f"Member {i}", RELATION, f"Club {i % 7}")) for i in range(60)], "t", False)
    memory.pack()
    Finder(memory, letters).index()
    search(memory, "club")
    names = [f"{c}{end}" for c in CACHES for end in ("", ".json")]
    whole = {n: (folder / "kb" / n).read_bytes() for n in names}
    expected = answers(memory)
    for _ in range(tries):
        name = chance.choice(names)
        broken = damaged(whole[name], chance)
        (folder / "kb" / name).write_bytes(broken)
        counts.tries += 1
        try:
            said = answers(Memory(folder / "kb"))
        except MemllmError as error:
            counts.faults.append(f"{name}: {error.message}")
            continue
        if said == expected:
            counts.right += 1
        else:
            counts.faults.append(f"{name}: another answer")
        for other in names:
            (folder / "kb" / other).write_bytes(whole[other])


def answers(memory: Memory) -> tuple[object, ...]:
    """The same memory asked by scan, by name, by similarity and by words."""
    finder = Finder(memory, letters)
    near = [tuple(h.value for h in finder.find(Query(f"Members {i}", RELATION, None)).hits) for i in (3, 30)]
    words = frozenset(memory.snapshot.texts(m.fact) for m in search(memory, "club"))
    exact = [tuple(h.value for h in finder.find(Query(f"Member {i}", RELATION, None)).hits) for i in (0, 59)]
    return frozenset(held(memory)), tuple(near), words, tuple(exact)


def journal(folder: Path, tries: int, chance: random.Random, counts: Counts) -> None:
    """The journal cut at each byte of its last record, then with bytes flipped anywhere."""
    memory = made(folder)
    memory.set(Triple("Start", WEBSITE, "start.example"))
    base = (folder / "kb" / "facts.duckdb").read_bytes()
    before = held(memory)
    path = memory.database.journal
    states, sizes = [before], [0]
    kept = memory._journal = Journal(path)  # a session that never ends
    for i in range(3):
        memory.set(Triple(f"Item {i}", WEBSITE, f"{i}.example"))
        states.append(held(memory))
        sizes.append(kept.size)
    data = path.read_bytes()[: kept.size + 64]
    kept.close()
    for number in range(tries):
        cut = sizes[2] + number if number <= sizes[3] - sizes[2] else None
        broken = data[:cut] if cut is not None else damaged(data, chance)
        shutil.rmtree(folder / "kb")
        (folder / "kb").mkdir()
        (folder / "kb" / "facts.duckdb").write_bytes(base)
        path.write_bytes(broken)
        notices: list[str] = []
        opened = Memory(folder / "kb")
        opened.database.notice = notices.append
        counts.tries += 1
        try:
            facts = held(opened)
        except MemllmError as error:
            counts.faults.append(f"journal: {error.message}")
            continue
        whole = data.startswith(broken) or broken.startswith(data)
        if cut is not None:
            right = facts == (states[3] if cut == sizes[3] else states[2])
        else:
            right = facts in states
        if not right or (len(facts) < len(states[3]) and not whole and not notices and len(broken) >= len(data)):
            counts.faults.append(f"journal, cut at {cut}: {sorted(facts)}, {notices}")
        elif notices:
            counts.named += 1
        else:
            counts.right += 1


def log(folder: Path, tries: int, counts: Counts) -> None:
    """DuckDB's log cut at each byte of its last transaction: memory is as before it, or as after it."""
    memory = made(folder)
    memory.set(Triple("Start", WEBSITE, "start.example"))
    before = held(memory)
    kb = folder / "kb"
    with memory.database.open() as connection:
        row = connection.execute("SELECT max(id) FROM operations").fetchall()[0][0]
        wal = kb / "facts.duckdb.wal"
        size = wal.stat().st_size if wal.exists() else 0
        made_now, relation = row + 1, memory.snapshot.relations.get(WEBSITE)[0].id
        names = (("Item", "item", "entity"), ("i.example", "i.example", "text"))
        entities = [Entity(90 + i, *name, None, made_now) for i, name in enumerate(names)]
        statement = Assertion(90, made_now, "set", 90, relation, 91, None, None, person=True, clears_objects=True)
        operation = Operation(made_now, "set", "2026-01-01T00:00:00.000000Z", "person")
        connection.execute("BEGIN")
        Rows(operations=[operation], entities=entities, assertions=[statement]).insert(connection)
        connection.execute("COMMIT")
        files = {p.name: p.read_bytes() for p in kb.iterdir() if p.name.startswith("facts.duckdb")}
    data = files["facts.duckdb.wal"]
    after = before | {("Item", WEBSITE, "i.example")}
    step = max(1, (len(data) - size) // max(1, tries))
    for cut in (*range(size, len(data), step), len(data)):
        shutil.rmtree(kb)
        kb.mkdir()
        (kb / "facts.duckdb").write_bytes(files["facts.duckdb"])
        (kb / "facts.duckdb.wal").write_bytes(data[:cut])
        counts.tries += 1
        try:
            facts = held(Memory(kb))
        except MemllmError as error:
            counts.named += 1
            if cut == len(data):
                counts.faults.append(f"log whole: {error.message}")
            continue
        if facts != (after if cut == len(data) else before) and facts != after:
            counts.faults.append(f"log cut at {cut} of {len(data)}: {sorted(facts)}")
        else:
            counts.right += 1


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.failure.damage", description=__doc__)
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts = run(arguments.tries, arguments.seed)
    end(f"{counts.tries} tries: {counts.right} right answers, {counts.named} named", counts.faults)


if __name__ == "__main__":
    main()
