"""The texts of documents, cut into passages and searchable by words and by meaning: caches beside the database.

Two files of one form: a large one, and a small one with what has come since, so that a document more does not rewrite
everything. What they find is looked up in memory before anybody sees it: passages of documents that were forgotten,
undone or replaced are there, and are not found.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.errors import NotFound
from memllm_cli.memory.disk.arrays import read_arrays, write_arrays
from memllm_cli.memory.disk.cache import Sidecar
from memllm_cli.memory.disk.files import FRESH_TEXTS, TEXTS
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.snapshot import Snapshot, belongs
from memllm_cli.memory.search.meaning import EXACT, LONGEST, Meaning
from memllm_cli.memory.search.postings import Postings, rank, terms
from memllm_cli.memory.values.passages import Passage, Stretch, passages
from memllm_cli.types import Block, Document, Sentence

if TYPE_CHECKING:
    import duckdb

    from memllm_cli.types import Encoder

Array = NDArray[Any]
ABOUT = 0.4
"""What it is worth that all words of a question stand in the document of a passage, of 1 for all of them in the passage
itself."""
DEEP = 50
"""Passages that each way of searching ranks at least."""
SMALL = 2000
"""Passages that the small file may hold in any case; beyond that, a quarter of the large one's."""
_BLOCKS = "kind, span_start, span_end, line, page, parent, level, label, note, table_row, table_column"
_SENTENCES = "span_start, span_end, line, page, heading"
_AT_ONCE = 200
"""Documents that are read while the database is open."""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage of a document, by its number among all, and how well it fits the words of a question, from 0 to 1."""

    document: int
    number: int
    passage: Passage
    score: float


class Part:
    """Passages of some documents in arrays: texts in one run of bytes, sentences and stretches by passage."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays
        self.postings = Postings({k: arrays[k] for k in ("words", "starts", "texts", "counts", "lengths")})
        self.documents = arrays["documents"]

    def __len__(self) -> int:
        """How many passages there are."""
        return len(self.documents)

    @classmethod
    def build(cls, documents: Iterator[tuple[int, Document]]) -> Part:
        """From documents with their ids, in the order of these."""
        owner: list[int] = []
        texts: list[bytes] = []
        leads: dict[str, int] = {}
        lead: list[int] = []
        found: list[list[str]] = []
        known: dict[str, str] = {}
        """Each term once, as the same object: there are few of them, said often."""
        inner: dict[str, list[int]] = {"sentences": [], "stretches": []}
        ends: dict[str, list[int]] = {"sentences": [0], "stretches": [0]}
        for id_, document in documents:
            for passage in passages(document):
                owner.append(id_)
                texts.append(passage.text.encode("utf-8", "surrogatepass"))
                lead.append(leads.setdefault(passage.lead, len(leads)))
                found.append([known.setdefault(t, t) for t in terms(f"{passage.lead}\n{passage.text}")])
                for a, b in passage.sentences:
                    inner["sentences"] += (a, b)
                for s in passage.stretches:
                    inner["stretches"] += (s.start, s.end, s.source, s.block)
                for name, numbers in inner.items():
                    ends[name].append(len(numbers))
        above = [x.encode("utf-8", "surrogatepass") for x in leads]
        return cls(
            {
                **Postings.build(found).arrays,
                "documents": np.asarray(owner, dtype=np.int32),
                "bytes": np.frombuffer(b"".join(texts), dtype=np.uint8),
                "ends": np.cumsum([0, *map(len, texts)], dtype=np.int64),
                "lead": np.asarray(lead, dtype=np.int32),
                "lead_bytes": np.frombuffer(b"".join(above), dtype=np.uint8),
                "lead_ends": np.cumsum([0, *map(len, above)], dtype=np.int64),
                **{name: np.asarray(numbers, dtype=np.int32) for name, numbers in inner.items()},
                **{f"{name}_ends": np.asarray(numbers, dtype=np.int64) for name, numbers in ends.items()},
            }
        )

    def passage(self, at: int) -> Passage:
        """One passage."""
        a = self.arrays
        text = a["bytes"][a["ends"][at] : a["ends"][at + 1]].tobytes().decode("utf-8", "surrogatepass")
        above = int(a["lead"][at])
        lead = a["lead_bytes"][a["lead_ends"][above] : a["lead_ends"][above + 1]].tobytes()
        sentences = a["sentences"][a["sentences_ends"][at] : a["sentences_ends"][at + 1]].reshape(-1, 2).tolist()
        stretches = a["stretches"][a["stretches_ends"][at] : a["stretches_ends"][at + 1]].reshape(-1, 4).tolist()
        return Passage(
            lead.decode("utf-8", "surrogatepass"), text, tuple((s, e) for s, e in sentences),
            tuple(Stretch(*s) for s in stretches),
        )  # fmt: skip


class Texts:
    """The passages of one knowledge base; what has come since the last search is taken in before the next.

    With an `encoder` (made when it is needed) passages are found by meaning too, those that have vectors (`complete`).
    """

    def __init__(self, memory: Memory, encoder: Callable[[], Encoder | None] | None = None) -> None:
        self.memory = memory
        self.meaning = Meaning(memory, encoder) if encoder is not None else None
        self._parts: list[Part] = []
        self._state: tuple[str, int] = ("", 0)
        """The knowledge base and the last operation they know."""

    @property
    def parts(self) -> list[Part]:
        """The parts, brought up to date."""
        snapshot = self.memory.snapshot
        state = (snapshot.id, snapshot.history.last)
        if self._state != state:
            self._parts = _fresh(self.memory, snapshot)
            self._state = state
        return self._parts

    def __len__(self) -> int:
        """How many passages there are, those of documents that do not count any more among them."""
        return sum(map(len, self.parts))

    def search(self, question: str, most: int = 10, within: Collection[int] | None = None) -> list[Found]:
        """Passages that fit a question by words and meaning, best first, of the documents (by id) `within`, or of all
        that count."""
        parts = self.parts
        live = {d.id for d in self.memory.snapshot.documents()}
        if within is not None:
            live &= set(within)
        if not parts or not live:
            return []
        wanted = terms(question)
        scores, highest = rank([p.postings for p in parts], wanted)
        score = np.concatenate(scores) / np.float32(highest or 1)
        documents = np.concatenate([p.documents for p in parts])
        if not len(documents):
            return []
        count = int(documents.max()) + 1
        mask = np.zeros(count, dtype=bool)
        mask[[d for d in live if d < count]] = True
        counting = mask[documents]
        score = np.where(counting, score, -1.0)
        kept = min(len(score), max(most, DEEP))
        worth = np.where(score > 0, score + ABOUT * _shares(parts, wanted, mask)[documents], -1.0)
        best = np.argpartition(-worth, kept - 1)[:kept] if kept else np.empty(0, dtype=np.int64)
        best = best[np.argsort(-worth[best], kind="stable")]
        ranked = [int(i) for i in best if score[i] > 0]
        if self.meaning is not None:
            found = self.meaning.nearest(question, live, int(counting.sum()) <= EXACT, max(most, DEEP))
            ranked = fused(ranked, ranked, [i for i in map(self._number, found) if i is not None])
        return [self._found(i, float(max(score[i], 0.0))) for i in ranked[:most]]

    def complete(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Encode what has no vectors yet of the documents that count; returns how many passages. Ctrl-C keeps what is
        done, and the next call goes on."""
        if self.meaning is None:
            return 0
        live = self.meaning.missing({d.id for d in self.memory.snapshot.documents()}) - self._long()
        if not live:
            return 0
        wanted = [int(np.isin(p.documents, list(live)).sum()) for p in self.parts]
        return self.meaning.complete(self._written(live), progress, sum(wanted))

    def _long(self) -> set[int]:
        """Documents of so many passages that these are found by their words alone."""
        counts = (np.unique(p.documents, return_counts=True) for p in self.parts)
        return {int(d) for ids, many in counts for d in ids[many > LONGEST].tolist()}

    def forget_vectors(self) -> None:
        """Drop the vectors of all passages, to encode them again."""
        if self.meaning is not None:
            self.meaning.forget()

    def _written(self, documents: Collection[int]) -> Iterator[tuple[int, list[str]]]:
        """What is encoded of each passage of some documents."""
        for part in self.parts:
            for document in np.unique(part.documents).tolist():
                if document in documents:
                    first, last = np.searchsorted(part.documents, [document, document + 1])
                    cut = (part.passage(i) for i in range(first, last))
                    yield document, [f"{p.lead}\n{p.text}" if p.lead else p.text for p in cut]

    def _number(self, found: tuple[int, int, float]) -> int | None:
        """The number among all of a passage of a document; None where it is not there."""
        document, number, _ = found
        before = 0
        for part in self.parts:
            first, last = np.searchsorted(part.documents, [document, document + 1])
            if first + number < last:
                return before + int(first) + number
            before += len(part)
        return None

    def _found(self, number: int, score: float) -> Found:
        at = number
        for part in self.parts:
            if at < len(part):
                return Found(int(part.documents[at]), number, part.passage(at), score)
            at -= len(part)
        raise IndexError(number)

    def of(self, document: int) -> Iterator[Passage]:
        """The passages of a document, in order."""
        for part in self.parts:
            for i in np.flatnonzero(part.documents == document):
                yield part.passage(int(i))


def _shares(parts: Sequence[Part], wanted: Sequence[str], live: Array) -> Array:
    """Of each document (by id; `live` is true for those that count) the share of some words that stand in it at all,
    rare ones counting more: what a passage is about is often said elsewhere in its document."""
    share = np.zeros(len(live))
    total = 0.0
    for word in dict.fromkeys(wanted):
        holding = np.zeros(len(live), dtype=bool)
        for part in parts:
            holding[part.documents[part.postings.of(word)[0]]] = True
        weight = math.log((1 + live.sum()) / (1 + (holding & live).sum())) + 0.05
        share[holding] += weight
        total += weight
    return share / total if total else share


def fused(*rankings: Sequence[int], depth: int = 20) -> list[int]:
    """Several rankings as one: each place counts by its reciprocal (Cormack et al. 2009). Of `depth` 20 the right
    passage is among the first six more often than of the usual 60 (docs/decisions.md)."""
    out: dict[int, float] = {}
    for ranking in rankings:
        for place, item in enumerate(ranking):
            out[item] = out.get(item, 0.0) + 1 / (depth + place)
    return sorted(out, key=lambda i: -out[i])


def _fresh(memory: Memory, snapshot: Snapshot) -> list[Part]:
    """The parts, holding every document of the history; kept beside the database where that is possible."""
    folder = memory.database.folder
    large, small = (Sidecar(folder, name, snapshot.id) for name in (TEXTS, FRESH_TEXTS))
    known = kept = 0
    parts: list[Part] = []
    for sidecar in (large, small):
        head = sidecar.read()
        if head is None or not belongs(snapshot, head) or head.get("after") != known:
            break
        try:
            part = Part(read_arrays(sidecar.payload))
        except (OSError, ValueError, KeyError):
            break
        parts.append(part)
        known = int(head["last"])
        kept = kept or known
    documents = snapshot.history.documents
    missing = sorted(d.id for d in documents.values() if d.operation > known)
    if not missing:
        return parts
    base = parts[0] if parts else None
    ids = sorted(d.id for d in documents.values() if d.operation > kept)
    part = Part.build(_documents(memory, ids))
    rewrite = base is not None and len(part) > max(SMALL, len(base) // 4)
    if rewrite:
        part = Part.build(_documents(memory, sorted(d.id for d in documents.values())))
        base = None
    target, after = (large, 0) if base is None else (small, kept)
    if base is None:
        small.drop()
    last = snapshot.history.operation(snapshot.history.last)

    def verify(path: Path) -> None:
        if len(Part(read_arrays(path))) != len(part):
            raise OSError("what was written is not what was meant")

    target.save(
        lambda path: write_arrays(path, part.arrays), verify, last=snapshot.history.last, at=last.at if last else "",
        count=len(part), after=after,
    )  # fmt: skip
    return [part] if base is None else [base, part]


def _documents(memory: Memory, ids: Sequence[int]) -> Iterator[tuple[int, Document]]:
    """Documents with their blocks and sentences, by id."""
    for start in range(0, len(ids), _AT_ONCE):
        some = list(ids[start : start + _AT_ONCE])
        with memory.open() as connection:
            rows = connection.execute(
                "SELECT id, title, text FROM documents WHERE id IN (SELECT unnest(?::BIGINT[])) ORDER BY id", [some]
            ).fetchall()
            blocks = _by_document(connection, _BLOCKS, "blocks", "number", some)
            sentences = _by_document(
                connection, "span_start, span_end, line, page, heading", "sentences", "span_start", some
            )
        for id_, title, text in rows:
            yield id_, Document(
                "", title, "", "", text, tuple(Sentence(*s) for s in sentences.get(id_, ())),
                blocks=tuple(Block(*b) for b in blocks.get(id_, ())),
            )  # fmt: skip


def _by_document(
    connection: duckdb.DuckDBPyConnection, columns: str, table: str, order: str, ids: list[int]
) -> dict[int, list[tuple[Any, ...]]]:
    out: dict[int, list[tuple[Any, ...]]] = {}
    found = connection.execute(
        f"SELECT document, {columns} FROM {table} WHERE document IN (SELECT unnest(?::BIGINT[])) "
        f"ORDER BY document, {order}",
        [ids],
    )
    for document, *row in found.fetchall():
        out.setdefault(document, []).append(tuple(row))
    return out


_PARTS = re.compile(r"[/\\]+")


def confined(snapshot: Snapshot, names: Sequence[str]) -> set[int]:
    """Documents that are called so, by path, file name or title, or lie in a folder of that name."""
    out: set[int] = set()
    for name in names:
        wanted = [p for p in _PARTS.split(name.strip()) if p not in ("", ".")]
        for document in snapshot.documents():
            path = _PARTS.split(document.uri.removeprefix("stdin:"))
            folded = [p.casefold() for p in path]
            asked = [p.casefold() for p in wanted]
            size = len(asked)
            run = any(folded[i : i + size] == asked for i in range(len(folded) - size + 1)) if size else False
            stem = path[-1].rpartition(".")[0].casefold()
            loose = re.sub(r"[-_ ]+", " ", stem) == re.sub(r"[-_ ]+", " ", asked[0]) if size == 1 else False
            if run or loose or document.title.casefold() == name.strip().casefold() or (size == 1 and stem == asked[0]):
                out.add(document.id)
    return out


def confined_to(snapshot: Snapshot, names: Sequence[str]) -> set[int] | None:
    """The documents of these names, paths or folders; None without any. Raises NotFound for one that means nothing."""
    if not names:
        return None
    found: set[int] = set()
    for name in names:
        here = confined(snapshot, [name])
        if not here:
            raise NotFound(
                f"No document is called '{name}', and none lies in such a folder.", "See: memllm source list"
            )
        found |= here
    return found
