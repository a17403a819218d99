"""The read loop as it was published, to compare with: one SQL query for each pair of a candidate name and relation.

Up to 300 names and 25 relations come from the same index and the same vectors; every pair whose mean distance is below
the threshold is asked for in an in-memory sqlite3, one query a pair. Names that must never match by similarity are left
out on both sides, so that only the way of looking is compared.
"""

from __future__ import annotations

import sqlite3

import numpy as np
from numpy.typing import NDArray

from memllm_cli.calibration.finding import Thresholds
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder, Pair
from memllm_cli.memory.search.index import VectorIndex
from memllm_cli.types import Query

NAMES, RELATIONS, MOST = 300, 25, 30
Keys = set[tuple[int, int, int]]
Vector = NDArray[np.float32]


class Loop:
    """Both ways over one memory."""

    def __init__(
        self,
        memory: Memory,
        names: list[str],
        vectors: Vector,
        phrases: list[str],
        phrase_vectors: Vector,
        index: VectorIndex,
        thresholds: Thresholds,
    ) -> None:
        self.memory, self.index = memory, index
        self.thresholds = thresholds
        self.pairs = 0
        snapshot = memory.snapshot
        self._relations = [snapshot.relations.get(p)[0].id for p in phrases]
        self._phrases = {p: i for i, p in enumerate(phrases)}
        self._phrase_vectors = phrase_vectors
        self.limited = False
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.execute("CREATE TABLE triples (id INTEGER PRIMARY KEY, s INT, r INT, o INT, UNIQUE (s, r, o))")
        self.database.execute("BEGIN")
        self.database.executemany("INSERT INTO triples (s, r, o) VALUES (?, ?, ?)", (f.key for f in snapshot.facts()))
        self.database.execute("CREATE INDEX of_subject ON triples (s)")
        self.database.execute("CREATE INDEX of_object ON triples (o)")
        self.database.execute("COMMIT")

    def _candidates(self, relation: str) -> list[tuple[int, float]]:
        distances = 1.0 - self._phrase_vectors @ self._phrase_vectors[self._phrases[relation]]
        near = np.flatnonzero(distances <= self.thresholds.relation)
        order = near[np.argsort(distances[near])][:RELATIONS]
        return [(self._relations[i], max(0.0, float(distances[i]))) for i in order]

    def _nearest(self, vector: Vector) -> list[tuple[int, float]]:
        """The 300 nearest names at ef 300, those within the threshold."""
        bare = self.index._index
        k = min(NAMES, self.index.count)
        bare.set_ef(max(300, k))
        ids, distances = bare.knn_query(vector[None, :], k=k, num_threads=1)
        near = zip(ids[0].tolist(), distances[0].tolist(), strict=True)
        return [(i, max(0.0, d)) for i, d in near if d <= self.thresholds.entity]

    def published(self, vector: Vector, relation: str) -> Keys | None:
        """Facts of a name (by its vector) and a relation, pair by pair; None when there are too many."""
        names = self._nearest(vector)
        relations = self._candidates(relation)
        self.limited = len(names) >= NAMES or len(relations) >= RELATIONS
        out: Keys = set()
        pairs = sorted(((a + b) / 2, n, r) for n, a in names for r, b in relations)
        for distance, name, number in pairs:
            if distance < self.thresholds.pair:
                self.pairs += 1
                rows = self.database.execute("SELECT s, r, o FROM triples WHERE s = ? AND r = ?", (name, number))
                out.update(rows.fetchall())
        return out if len(out) <= MOST else None

    def ours(self, finder: Finder, vector: Vector, relation: str) -> Keys | None:
        """The same by the store's own way."""
        names = self.index.within(vector, self.thresholds.entity, NAMES)
        pairs = sorted(finder.pairs(names, self._candidates(relation), "subject"))
        found = finder.answer(Query("", relation, None), [Pair(*p, "subject") for p in pairs])
        return None if found.too_many else {h.fact.key for h in found.hits}
