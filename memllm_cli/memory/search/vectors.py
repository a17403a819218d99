"""Vectors of names in the database: made once by one encoder, in pieces that are kept as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memllm_cli.errors import EncoderMismatch
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.values.literals import ENTITY
from memllm_cli.memory.values.names import normal

if TYPE_CHECKING:
    import duckdb

    from memllm_cli.types import Encoder

PIECE = 2048
"""Names encoded between two reports of progress: what Ctrl-C loses at most."""
_KEPT = 8
"""Pieces stored at once: DuckDB writes the last part of the table anew with each."""
_AT_ONCE = 20_000
"""Vectors read while the database is open."""
NAMED = (ENTITY, "text")
"""Kinds of values that are found by similarity. Numbers, dates and the like are found by their value."""


class Vectors:
    """The vectors of one knowledge base, by one encoder."""

    def __init__(self, memory: Memory, encoder: Encoder) -> None:
        self.memory = memory
        self.encoder = encoder

    def complete(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Encode the names that have no vector yet; returns how many there are. Raises EncoderMismatch."""
        with self.memory.open() as connection:
            done = {r[0] for r in connection.execute("SELECT entity FROM vectors").fetchall()}
            self._check(connection, bool(done))
        history = self.memory.snapshot.history
        if len(done) == history.counts[2]:
            return len(done)
        missing = [(e.id, e.name) for e in history.entities() if e.id not in done and e.kind in NAMED]
        missing.sort(key=lambda m: len(m[1]))  # names of one length fill a batch without waste
        waiting: list[tuple[list[int], NDArray[np.float32]]] = []
        try:
            for start in range(0, len(missing), PIECE):
                piece = missing[start : start + PIECE]
                waiting.append(([i for i, _ in piece], self._encoded([name for _, name in piece])))
                if progress is not None:
                    progress(start + len(piece), len(missing))
                if len(waiting) == _KEPT:
                    self._keep(waiting)
        finally:
            if waiting:
                self._keep(waiting)
        return len(done) + len(missing)

    def _keep(self, waiting: list[tuple[list[int], NDArray[np.float32]]]) -> None:
        """Store what was encoded, and empty the list."""
        ids = [i for some, _ in waiting for i in some]
        with self.memory.open() as connection:
            self._store(connection, ids, np.concatenate([v for _, v in waiting]))
        self.memory.snapshot.history.encoder = self.encoder.identity
        waiting.clear()

    def _encoded(self, names: list[str]) -> NDArray[np.float32]:
        """Vectors of names; those that are one in normal form are encoded once."""
        forms: dict[str, int] = {}
        places = [forms.setdefault(normal(n), len(forms)) for n in names]
        first: dict[int, str] = {}
        for place, name in zip(places, names, strict=True):
            first.setdefault(place, name)
        return self.encoder.embed(list(first.values()))[places]

    def after(self, entity: int) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Ids and vectors (n, dimensions) of entities above an id, in pieces and in no order: a graph that is fed
        names in the order of documents, or of the alphabet, finds fewer of them."""
        with self.memory.open() as connection:
            rows = connection.execute("SELECT entity FROM vectors WHERE entity > ?", [entity]).fetchall()
        shuffled = np.random.default_rng(7).permutation(np.array(rows, dtype=np.int64).ravel())
        for start in range(0, len(shuffled), _AT_ONCE):
            piece = shuffled[start : start + _AT_ONCE]
            with self.memory.open() as connection:
                query = "SELECT entity, vector FROM vectors WHERE entity IN (SELECT unnest(?::INTEGER[]))"
                found = dict(connection.execute(query, [piece.tolist()]).fetchall())
            ids = [i for i in piece.tolist() if i in found]
            data = np.frombuffer(b"".join(found[i] for i in ids), dtype="<f4")
            yield ids, data.reshape(len(ids), -1)

    def _check(self, connection: duckdb.DuckDBPyConnection, some: bool) -> None:
        identity = self.encoder.identity
        row = connection.execute("SELECT value FROM meta WHERE key = 'encoder'").fetchone()
        if row is not None and row[0] != identity and some:
            raise EncoderMismatch(
                f"'{self.memory.name}' was encoded with {row[0]}, not with {identity}.",
                f"Use that encoder, or encode again: memllm reindex --encoder {identity}",
            )

    def _store(self, connection: duckdb.DuckDBPyConnection, ids: list[int], vectors: NDArray[np.float32]) -> None:
        identity = self.encoder.identity
        blobs = np.empty(len(ids), dtype=object)
        blobs[:] = [v.tobytes() for v in vectors.astype("<f4", copy=False)]
        recorded = connection.execute("SELECT value FROM meta WHERE key = 'encoder'").fetchall()
        connection.register("fresh", {"entity": np.array(ids), "vector": blobs})
        connection.execute("BEGIN")
        if recorded != [(identity,)]:
            connection.execute("DELETE FROM meta WHERE key = 'encoder'")
            connection.execute("INSERT INTO meta VALUES ('encoder', ?)", [identity])
        connection.execute(
            "INSERT INTO vectors SELECT entity, vector FROM fresh WHERE entity NOT IN (SELECT entity FROM vectors)"
        )
        connection.execute("COMMIT")
        connection.unregister("fresh")
