"""Vectors of passages: what a question means, found where none of its words stand.

They are kept in the database, in half precision, a document's passages together; an HNSW index beside it is a cache
(`index.py`). A passage is known by its document and its number there, which is one number to the index.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memllm_cli.errors import ModelMissing
from memllm_cli.memory.disk.files import PASSAGES
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.snapshot import belongs
from memllm_cli.memory.search.index import VectorIndex
from memllm_cli.memory.values.passages import CUT

if TYPE_CHECKING:
    import duckdb

    from memllm_cli.types import Encoder

Found = list[tuple[int, int, float]]
"""Passages: document, number in it, cosine."""
KEY = "passage_encoder"
"""In `meta`: what the vectors depend on, the encoder and how documents are cut."""
PIECE = 256
"""Passages that are encoded between two reports of progress: what Ctrl-C loses at most, but for one document's."""
EXACT = 5000
"""Passages of the documents that are asked up to which all are compared; else the index is asked for more than wanted,
of which those that do not count are left out."""
MORE = 10
LONGEST = 1_500
"""Passages of a document that has more than these, as a long table's rows, are found by their words alone."""
_SHIFT = 24
"""Bits of a passage's number; a document has fewer."""
_CHARACTERS = 2000
_AT_ONCE = 20_000


class Meaning:
    """The passage vectors of one knowledge base, by one encoder, which is made when it is needed."""

    def __init__(self, memory: Memory, encoder: Callable[[], Encoder | None]) -> None:
        self.memory = memory
        self._make = encoder
        self._index: VectorIndex | None = None
        self._at: tuple[str, int, int] | None = None

    def encoder(self) -> Encoder | None:
        """The encoder; None where there is none, and then texts are found by their words alone."""
        try:
            return self._make()
        except ModelMissing:
            return None

    def complete(
        self,
        texts: Iterator[tuple[int, list[str]]],
        progress: Callable[[int, int], None] | None = None,
        total: int = 0,
    ) -> int:
        """Encode the passages of the documents that have no vectors yet; returns how many were encoded.

        `texts` gives documents with what is encoded of each of their passages, in order. What another encoder made, or
        of documents cut otherwise, is made anew.
        """
        encoder = self.encoder()
        if encoder is None:
            return 0
        identity = _identity(encoder)
        with self.memory.open() as connection:
            if _recorded(connection) != identity:
                connection.execute("BEGIN")
                connection.execute("DELETE FROM passage_vectors")
                connection.execute("DELETE FROM meta WHERE key = ?", [KEY])
                connection.execute("INSERT INTO meta VALUES (?, ?)", [KEY, identity])
                connection.execute("COMMIT")
            known = {r[0] for r in connection.execute("SELECT DISTINCT document FROM passage_vectors").fetchall()}
        encoded = 0
        waiting: list[tuple[int, list[str]]] = []
        try:
            for document, passages in texts:
                if document not in known and passages:
                    waiting.append((document, passages))
                    if sum(len(p) for _, p in waiting) >= PIECE:
                        encoded += self._keep(waiting, encoder)
                        waiting = []
                        if progress is not None:
                            progress(encoded, max(total, encoded))
        finally:
            encoded += self._keep(waiting, encoder)
            if progress is not None:
                progress(encoded, encoded)
        return encoded

    def forget(self) -> None:
        """Drop all vectors, and what encoder made them."""
        with self.memory.open() as connection:
            connection.execute("BEGIN")
            connection.execute("DELETE FROM passage_vectors")
            connection.execute("DELETE FROM meta WHERE key = ?", [KEY])
            connection.execute("COMMIT")

    def _keep(self, waiting: Sequence[tuple[int, list[str]]], encoder: Encoder) -> int:
        """Encode and store the passages of some documents."""
        if not waiting:
            return 0
        ids = [(document, number) for document, passages in waiting for number in range(len(passages))]
        vectors = encoder.embed([text[:_CHARACTERS] for _, passages in waiting for text in passages])
        blobs = np.empty(len(ids), dtype=object)
        blobs[:] = [v.tobytes() for v in vectors.astype("<f2")]
        with self.memory.open() as connection:
            known = connection.execute("SELECT DISTINCT document FROM passage_vectors").fetchall()
            held = {d for (d,) in known}
            new = np.asarray([d not in held for d, _ in ids])
            columns = np.asarray(ids, dtype=np.int64).T[:, new]
            connection.register("fresh", {"document": columns[0], "number": columns[1], "vector": blobs[new]})
            connection.execute("BEGIN")
            connection.execute("INSERT INTO passage_vectors SELECT document, number, vector FROM fresh")
            connection.execute("COMMIT")
            connection.unregister("fresh")
        return len(ids)

    def missing(self, documents: Collection[int]) -> set[int]:
        """Documents that have no vectors of the encoder in use."""
        with self.memory.open() as connection:
            recorded = _recorded(connection)
            known = {r[0] for r in connection.execute("SELECT DISTINCT document FROM passage_vectors").fetchall()}
        encoder = self.encoder()
        return set(documents) - known if encoder is not None and recorded == _identity(encoder) else set(documents)

    def nearest(self, question: str, documents: Collection[int], few: bool, most: int) -> Found:
        """The passages of some documents nearest in meaning, nearest first; nothing where there are no vectors.

        `few` says that the documents are part of what counts, and small enough to compare all.
        """
        with self.memory.open() as connection:
            counted = "SELECT count(*), coalesce(max(document), 0) FROM passage_vectors"
            count, last = connection.execute(counted).fetchall()[0]
            recorded = _recorded(connection)
        encoder = self.encoder() if count else None
        if encoder is None or recorded != _identity(encoder):
            return []
        vector = encoder.embed([question])[0]
        if few:
            return self._compared(vector, documents, most)
        index = self._fresh(encoder, count, last)
        found = index.nearest(vector, min(index.count, MORE * most))
        kept = ((i >> _SHIFT, i & ((1 << _SHIFT) - 1), 1.0 - distance) for i, distance in found)
        return [f for f in kept if f[0] in documents][:most]

    def _compared(self, vector: NDArray[np.float32], documents: Collection[int], most: int) -> Found:
        with self.memory.open() as connection:
            rows = connection.execute(
                "SELECT document, number, vector FROM passage_vectors WHERE document IN (SELECT unnest(?::BIGINT[]))",
                [sorted(documents)],
            ).fetchall()
        if not rows:
            return []
        near = _vectors([r[2] for r in rows]) @ vector
        order = np.argsort(-near, kind="stable")[:most]
        return [(rows[i][0], rows[i][1], float(near[i])) for i in order]

    def _fresh(self, encoder: Encoder, count: int, last: int) -> VectorIndex:
        """The index, with what has come since."""
        snapshot = self.memory.snapshot
        state = (snapshot.id, count, last)
        if self._index is None or self._at is None or self._at[0] != snapshot.id or self._index.count > count:
            identity = _identity(encoder)
            self._index = VectorIndex(self.memory.database.folder, PASSAGES, snapshot.id, identity, encoder.dimensions)
            self._index.restore(lambda head: belongs(snapshot, head) and head["count"] <= count)
            self._at = None
        if self._at != state:
            before = self._index.count
            for ids, vectors in self._after(self._index.last):
                self._index.add(ids, vectors)
            if self._index.count != count:  # documents came in another order, or went: all of it anew
                self._index = VectorIndex(
                    self.memory.database.folder, PASSAGES, snapshot.id, _identity(encoder), encoder.dimensions
                )
                for ids, vectors in self._after(0):
                    self._index.add(ids, vectors)
            if self._index.count != before:
                newest = snapshot.history.operation(snapshot.history.last)
                self._index.save(snapshot.history.last, newest.at if newest else "")
            self._at = state
        return self._index

    def _after(self, last: int) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Ids and vectors of the passages of documents beyond that of an id, in pieces and in no order."""
        with self.memory.open() as connection:
            rows = connection.execute(
                "SELECT document, number FROM passage_vectors WHERE document > ?", [last >> _SHIFT]
            ).fetchall()
        order = np.random.default_rng(7).permutation(len(rows))
        for start in range(0, len(rows), _AT_ONCE):
            piece = [rows[i] for i in order[start : start + _AT_ONCE]]
            with self.memory.open() as connection:
                found = connection.execute(
                    "SELECT v.document, v.number, v.vector FROM passage_vectors v "
                    "JOIN (SELECT unnest(?::BIGINT[]) AS d, unnest(?::BIGINT[]) AS n) w "
                    "ON v.document = w.d AND v.number = w.n",
                    [[d for d, _ in piece], [n for _, n in piece]],
                ).fetchall()
            if found:
                yield [(d << _SHIFT) | n for d, n, _ in found], _vectors([v for *_, v in found])


def _vectors(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), -1).astype(np.float32)


def _identity(encoder: Encoder) -> str:
    return f"{encoder.identity} {CUT}"


def _recorded(connection: duckdb.DuckDBPyConnection) -> str | None:
    rows = connection.execute("SELECT value FROM meta WHERE key = ?", [KEY]).fetchall()
    return str(rows[0][0]) if rows else None
