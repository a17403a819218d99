"""The store beside others, at several sizes in one run: loading, editing, looking up, searching, opening, bytes.

    python -m benchmarks.store --names redocred:dev.json --sizes 10000 100000 1000000

The others: sqlite3 (Python's), pyoxigraph, hnswlib alone, chromadb, and the published read loop (one SQL query for each
pair of candidates). pyoxigraph and chromadb are extras: pip install "memllm[bench]". What is measured side by side is
measured in turns. Vectors come from the real encoder once and are kept for the next run (--vectors).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT
from benchmarks.names import RELATIONS, facts
from benchmarks.names import names as real_names
from benchmarks.others import (
    Vector,
    encoded,
    fill_chroma,
    fill_sqlite,
    load_oxigraph,
    opened_encoder,
    plain_encoders,
    plain_index,
)
from memllm_cli.calibration.finding import Thresholds
from memllm_cli.memory.edit.bulk import Columns, load_columns
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.index import EF, M
from memllm_cli.types import Query, Triple


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: ours, the other's, and the ratio to reach (0: none). A ratio is ours over the other's."""

    name: str
    size: int
    ours: float
    other: float
    aim: float
    unit: str

    @property
    def ratio(self) -> float:
        """Ours over the other's."""
        return self.ours / self.other if self.other else 0.0


class Known:
    """An encoder of vectors that are known beforehand."""

    identity = "all-MiniLM-L6-v2"

    def __init__(self, names: list[str], vectors: Vector) -> None:
        self._at = {n: i for i, n in enumerate(names)}
        self._vectors = vectors
        self.dimensions = vectors.shape[1]

    def embed(self, texts: object) -> Vector:
        """Rows of the known vectors."""
        return self._vectors[[self._at[t] for t in texts]]  # type: ignore[attr-defined]

    def close(self) -> None:
        """Nothing to give back."""


def turns(first: Callable[[], float], second: Callable[[], float], runs: int) -> tuple[float, float]:
    """Medians of two measurements taken in turns."""
    a: list[float] = []
    b: list[float] = []
    for i in range(runs):
        for f, out in ((first, a), (second, b)) if i % 2 else ((second, b), (first, a)):
            out.append(f())
    return statistics.median(a), statistics.median(b)


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


class Bench:
    """One size."""

    def __init__(self, folder: Path, names: list[str], vectors: Vector | None, size: int) -> None:
        self.folder, self.size = folder, size
        self.names = names[: max(100, size // 10)]
        self.vectors = vectors[: len(self.names)] if vectors is not None else None
        self.columns = facts(self.names, size)
        self.lines: list[Line] = []
        self.loaded = 0.0
        self.chance = random.Random(3)

    def say(self, name: str, ours: float, other: float = 0.0, aim: float = 0.0, unit: str = "ms") -> None:
        """Keep and print a figure."""
        line = Line(name, self.size, ours, other, aim, unit)
        self.lines.append(line)
        show(line)

    def load(self) -> Memory:
        """Bulk load without vectors, beside pyoxigraph."""
        memory = Memory(self.folder / "kb")
        memory.create(RELATIONS)
        s, r, o = self.columns
        ours = seconds(lambda: (load_columns(memory, Columns(s, r, o), "bench", person=False), memory.snapshot))
        other = 0.0
        with suppress(ImportError):
            text = self.folder / "facts.nt"
            ids = {n: i for i, n in enumerate(self.names)}
            relations = {n: i for i, n in enumerate(dict.fromkeys(r))}
            with text.open("w", encoding="utf-8") as file:
                for i, n in enumerate(self.names):
                    name = json.dumps(n, ensure_ascii=True)
                    file.write(f"<e:{i}> <http://www.w3.org/2000/01/rdf-schema#label> {name} .\n")
                for a, b, c in zip(s, r, o, strict=True):
                    file.write(f"<e:{ids[a]}> <r:{relations[b]}> <e:{ids[c]}> .\n")
            other = load_oxigraph(self.folder / "oxigraph", text)
            text.unlink()
        self.loaded = ours
        self.say("bulk load of columns, packed (pyoxigraph, of a file)", ours, other, 1.0, "s")
        return memory

    def sizes(self, memory: Memory) -> None:
        """Bytes on disk a current fact."""
        folder = memory.database.folder
        _ = memory.snapshot
        ours = sum((folder / n).stat().st_size for n in ("facts.duckdb", "history.bin") if (folder / n).exists())
        other = sum(p.stat().st_size for p in (self.folder / "oxigraph").rglob("*") if p.is_file())
        self.say("bytes a fact, all our files (pyoxigraph)", ours / self.size, other / self.size, 1.0, "bytes")
        self.say("of these in the database", (folder / "facts.duckdb").stat().st_size / self.size, unit="bytes")

    def edits(self, memory: Memory) -> None:
        """One durable edit in an open process, beside sqlite3 and the bare disk."""
        database = sqlite3.connect(self.folder / "edits.sqlite", isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            database.execute(f"PRAGMA {pragma}")
        fill_sqlite(database, self.names, self.columns)
        ids = {n: i for i, n in enumerate(self.names)}
        relations = {n: i for i, n in enumerate(dict.fromkeys(self.columns[1]))}
        raw = os.open(self.folder / "raw", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

        def triple() -> Triple:
            return Triple(self.chance.choice(self.names), self.chance.choice(self.columns[1]),
                          self.chance.choice(self.names))  # fmt: skip

        def theirs() -> float:
            t = triple()
            began = time.perf_counter()
            database.execute("BEGIN")
            s, o = (database.execute("SELECT id FROM entities WHERE name = ?", (n,)).fetchone()[0]
                    for n in (t.subject, t.object))  # fmt: skip
            database.execute("INSERT OR IGNORE INTO triples (s, r, o) VALUES (?, ?, ?)", (s, relations[t.relation], o))
            database.execute("COMMIT")
            return time.perf_counter() - began

        def bare() -> float:
            began = time.perf_counter()
            os.write(raw, b"x" * 200)
            os.fsync(raw)
            return time.perf_counter() - began

        a, b, c = [], [], []
        with memory.session():
            for _ in range(200):
                memory.set(triple(), mode="add")
                theirs(), bare()
            for _ in range(1500):
                t = triple()
                a.append(seconds(lambda t=t: memory.set(t, mode="add")))  # type: ignore[misc]
                b.append(theirs())
                c.append(bare())
        del ids
        ours, sqlite_, disk = (1 / statistics.mean(x) for x in (a, b, c))
        self.say("durable edits a second (sqlite3, WAL, FULL)", ours, sqlite_, -0.8, "1/s")
        self.say("durable edits a second (bare fsync)", ours, disk, -0.5, "1/s")
        os.close(raw)
        database.close()

    def lookups(self, memory: Memory) -> None:
        """Exact lookup of subject and relation, beside an indexed sqlite3, by names and by ids."""
        database = sqlite3.connect(":memory:", isolation_level=None)
        fill_sqlite(database, self.names, self.columns)
        snapshot = memory.snapshot
        ids = {n: i for i, n in enumerate(self.names)}
        relations = {n: i for i, n in enumerate(dict.fromkeys(self.columns[1]))}
        at = self.chance.sample(range(self.size), min(self.size, 3000))
        asked = [(self.columns[0][i], self.columns[1][i]) for i in at]
        numbers = [(ids[s], relations[r]) for s, r in asked]
        keys = [(snapshot.named(s)[0], snapshot.relations.get(r)[0].id) for s, r in asked]
        by_id = "SELECT o FROM triples WHERE s = ? AND r = ?"
        by_name = ("SELECT e.name FROM triples t JOIN entities e ON e.id = t.o "
                   "WHERE t.s = (SELECT id FROM entities WHERE name = ?) AND t.r = ?")  # fmt: skip

        def ours_ids() -> float:
            return seconds(lambda: [[f.key[2] for f in snapshot.values(r, subject=s)] for s, r in keys]) / len(keys)

        def their_ids() -> float:
            return seconds(lambda: [database.execute(by_id, k).fetchall() for k in numbers]) / len(keys)

        def answer(s: str, r: str) -> list[str]:
            relation = snapshot.relations.get(r)[0].id
            return [snapshot.name(f.key[2]) for i in snapshot.named(s) for f in snapshot.values(relation, subject=i)]

        def ours_names() -> float:
            return seconds(lambda: [answer(s, r) for s, r in asked]) / len(keys)

        def their_names() -> float:
            return seconds(lambda: [database.execute(by_name, (s, relations[r])).fetchall() for s, r in asked]) / len(
                keys
            )

        for s, r in asked[:300]:
            wanted = {n for (n,) in database.execute(by_name, (s, relations[r]))}
            assert wanted <= set(answer(s, r)), (s, r, wanted, answer(s, r))
        a, b = turns(ours_ids, their_ids, 7)
        self.say("exact lookup by ids (sqlite3, indexed)", a * 1e6, b * 1e6, 2.0, "µs")
        a, b = turns(ours_names, their_names, 7)
        self.say("exact lookup by names (sqlite3, indexed)", a * 1e6, b * 1e6, 2.0, "µs")
        database.close()

    def index(self, memory: Memory) -> Finder:
        """Vectors in, index made, beside nothing; and its memory beside hnswlib's formula."""
        assert self.vectors is not None
        encoder = Known(self.names, self.vectors)
        finder = Finder(memory, lambda: encoder)
        took = seconds(finder.index)
        plain = plain_index(self.vectors)
        self.say("vectors stored and indexed (add_items alone)", took, plain, unit="s")
        self.nothing(took, plain)
        size = finder.index().sidecar.payload.stat().st_size
        dimensions = self.vectors.shape[1]
        formula = (dimensions * 4 + M * 2 * 4) * len(self.names)
        self.say("index bytes a name (hnswlib's formula)", size / len(self.names), formula / len(self.names), 1.15, "B")
        return finder

    def nothing(self, indexed: float, plain: float) -> None:
        """From nothing to searchable: loading, encoding, indexing; encoding is timed on some names."""
        some = self.chance.sample(self.names, min(len(self.names), 1000))
        with opened_encoder() as encoder:
            one = seconds(lambda: encoder.embed(sorted(some, key=len))) / len(some)
        ours = self.loaded + one * len(self.names) + indexed
        self.say("of that encoding, our calls", one * len(self.names), unit="s")
        for what, each in plain_encoders(some).items():
            other = self.loaded + each * len(self.names) + plain
            self.say(f"from nothing ({what} a batch, add_items)", ours, other, 0.5, "s")

    def similar(self, memory: Memory, finder: Finder) -> None:
        """Similarity search: recall of the threshold set, and time beside bare hnswlib at the same ef and final k."""
        assert self.vectors is not None
        index = finder.index()
        threshold = Thresholds().entity
        asked = self._queries(400)
        order = np.array([(memory.snapshot.named(n) or [-1])[0] for n in self.names])
        found = wanted = 0
        ks = []
        for v in asked:
            exact = set(order[(1.0 - self.vectors @ v) <= threshold].tolist()) - {-1}
            if len(exact) > 300:
                continue
            got = {i for i, _ in index.within(v, threshold)}
            found, wanted = found + len(got & exact), wanted + len(exact)
            ks.append(max(1, len(got)))
        self.say("recall of the threshold set (exact scan)", found / max(1, wanted), 1.0, -0.99, "")
        bare = index._index

        def ours() -> float:
            return seconds(lambda: [index.within(v, threshold) for v in asked]) / len(asked)

        k, ef = min(300, index.count), max(EF, min(300, index.count))

        def alone() -> float:
            def act() -> None:
                bare.set_ef(ef)
                for v in asked:
                    bare.knn_query(v[None, :], k=k)

            return seconds(act) / len(asked)

        a, b = turns(ours, alone, 5)
        self.say("threshold search (hnswlib, same ef and final k)", a * 1e6, b * 1e6, 1.3, "µs")

    def _queries(self, count: int) -> list[Vector]:
        """Vectors near names, as a name written otherwise is: a name's vector, moved a little."""
        assert self.vectors is not None
        rng = np.random.default_rng(5)
        at = rng.integers(0, len(self.names), count)
        moved = self.vectors[at] + 0.35 * rng.normal(size=(count, self.vectors.shape[1])) / self.vectors.shape[1] ** 0.5
        return list((moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32))

    def reads(self, memory: Memory, finder: Finder) -> None:
        """A whole read by similarity, beside the published loop, at our thresholds and at wide ones."""
        from benchmarks.loop import Loop

        assert self.vectors is not None
        asked = self._queries(40)
        relations = sorted(set(self.columns[1]))
        phrases = sorted(r.name for r in memory.snapshot.relations.by_id.values())
        phrase_vectors = encoded(phrases, None)
        queries = [(v, self.chance.choice(relations)) for v in asked]
        ours_thresholds = finder.thresholds
        for what, thresholds in (("our thresholds", ours_thresholds), ("wide: .7, .8, .6", Thresholds(0.7, 0.8, 0.6))):
            finder.thresholds = thresholds
            loop = Loop(memory, self.names, self.vectors, phrases, phrase_vectors, finder.index(), thresholds)
            same = agree = 0
            for v, r in queries:
                ours, theirs = loop.ours(finder, v, r), loop.published(v, r)
                same += not loop.limited
                agree += not loop.limited and ours == theirs
            pairs = loop.pairs / len(queries)
            a, b = turns(
                lambda loop=loop: seconds(lambda: [loop.ours(finder, v, r) for v, r in queries]) / len(queries),  # type: ignore[misc]
                lambda loop=loop: seconds(lambda: [loop.published(v, r) for v, r in queries]) / len(queries),  # type: ignore[misc]
                3,
            )
            self.say(f"read by similarity, {what} ({pairs:.0f} queries)", a * 1e3, b * 1e3, 0.1, "ms")
            if same:
                self.say(f"same answers, {what}, {same} not limited", agree / same, 1.0, -1.0, "")
        finder.thresholds = ours_thresholds

    def opening(self, memory: Memory) -> None:
        """Opening in a fresh process to the first answer by similarity, beside chromadb with as many vectors."""
        assert self.vectors is not None
        np.save(self.folder / "query.npy", self._queries(1)[0])
        ours = [sys.executable, "-m", "benchmarks.opening", "ours", str(self.folder)]
        other = [sys.executable, "-m", "benchmarks.opening", "chroma", str(self.folder)]
        b = 0.0
        with suppress(ImportError):
            fill_chroma(self.folder / "chroma", self.names, self.vectors)
            gc.collect()
            a, b = turns(lambda: _told(ours), lambda: _told(other), 3)
        if not b:
            a = statistics.median(_told(ours) for _ in range(3))
        self.say("opened, first answer by similarity (chromadb)", a, b, 0.5, "s")

    def corrections(self, count: int) -> None:
        """Edits in a row, each corrects a value; an answer is checked after each thousandth."""
        memory = Memory(self.folder / "corrections")
        memory.create(RELATIONS)
        names = self.names[:2000]
        expected: dict[str, str] = {}
        wrong = 0
        began = time.perf_counter()
        with memory.session():
            for i in range(count):
                s, o = self.chance.choice(names), f"{i}.example"
                memory.set(Triple(s, "official website", o))
                expected[s] = o
                if i % 1000 == 999:
                    hits = Finder(memory).find(Query(s, "official website", None)).hits
                    wrong += [h.value for h in hits] != [o]
        took = time.perf_counter() - began
        self.say(f"{count} corrections in a row", took, unit="s")
        self.say("wrong answers among those checked", wrong, unit="")


def _told(command: list[str]) -> float:
    """Seconds that a fresh process says it took."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return float(done.stdout.split()[-1])


def show(line: Line) -> None:
    """Print a figure."""
    other = f"{line.other:12,.2f}  {line.ratio:7.3f}" if line.other else " " * 21
    verdict = ""
    if line.aim and line.other:
        good = line.ratio >= -line.aim if line.aim < 0 else line.ratio <= line.aim
        verdict = f"  {'at least' if line.aim < 0 else 'at most'} {abs(line.aim):g}{'' if good else '  MISSED'}"
    print(f"{line.size:>9,}  {line.name:52} {line.ours:12,.2f} {other} {line.unit:5}{verdict}", flush=True)


def growth(lines: list[Line], sizes: list[int]) -> None:
    """How each of our figures grows from the smallest to the largest size."""
    if len(sizes) < 2:
        return
    print(f"\ngrowth of our figures from {sizes[0]:,} to {sizes[-1]:,} facts ({sizes[-1] // sizes[0]} times as many)")
    for name in dict.fromkeys(line.name for line in lines):
        of = {line.size: line.ours for line in lines if line.name == name}
        if sizes[0] in of and sizes[-1] in of and of[sizes[0]]:
            print(f"{name:52} {of[sizes[-1]] / of[sizes[0]]:8.2f} times")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--names", nargs="*", default=[], help="corpora that names are taken from: redocred:PATH …")
    parser.add_argument("--sizes", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--vectors", type=Path, help="file in which vectors are kept for the next run (.npz)")
    parser.add_argument("--edits", type=int, default=10_000, help="corrections in a row")
    parser.add_argument("--no-vectors", action="store_true", help="leave out what needs them")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    sizes = sorted(arguments.sizes)
    names = real_names(arguments.names, max(100, sizes[-1] // 10))
    vectors = None if arguments.no_vectors else encoded(names, arguments.vectors)
    lines: list[Line] = []
    print(f"{'facts':>9}  {'':52} {'ours':>12} {'other':>12}  {'ratio':>7}")
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="memllm-store-") as name:
            bench = Bench(Path(name), names, vectors, size)
            memory = bench.load()
            bench.sizes(memory)
            bench.lookups(memory)
            bench.edits(memory)
            if vectors is not None:
                finder = bench.index(memory)
                bench.similar(memory, finder)
                bench.reads(memory, finder)
                bench.opening(memory)
            if size == sizes[-1]:
                bench.corrections(arguments.edits)
            lines += bench.lines
    growth(lines, sizes)
    if arguments.json:
        rows = [{k: getattr(line, k) for k in Line.__slots__} | {"ratio": line.ratio} for line in lines]
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
