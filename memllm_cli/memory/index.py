"""Similarity search over entity names: vectors in the database, an HNSW index beside it as a cache.

The sidecar (`sidecar.py`) is `entities.hnsw` in hnswlib's format, which has no checksum of its own. A mismatch, and a
sidecar that knows more than the database, means rebuilding from the vectors; one that is behind takes the rest in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.memory.sidecar import Sidecar

if TYPE_CHECKING:
    import hnswlib

M, EF_CONSTRUCTION = 16, 200
FEW, EF = 64, 400
"""Neighbours asked for first, and how many the search keeps in sight at least: 99 of 100 are found among 100,000."""


class EntityIndex:
    """Unit vectors of entities, by cosine distance. Ids are those of the database."""

    def __init__(self, folder: Path, kb: str, encoder: str, dimensions: int) -> None:
        identity = {"kind": "entities", "kb": kb, "encoder": encoder, "dimensions": dimensions}
        self.sidecar = Sidecar(folder, "entities.hnsw", identity)
        self._dimensions = dimensions
        self._index = self._new(1024)
        self.count = 0
        self.last = 0
        """The largest id in it."""

    def _new(self, capacity: int) -> hnswlib.Index:
        import hnswlib

        index = hnswlib.Index(space="cosine", dim=self._dimensions)
        index.init_index(max_elements=capacity, M=M, ef_construction=EF_CONSTRUCTION, random_seed=7)
        return index

    def restore(self, belongs: Callable[[dict[str, Any]], bool]) -> bool:
        """Load the sidecar if it is whole and `belongs` says that its manifest fits this history."""
        import hnswlib

        head = self.sidecar.read()
        if head is None or type(head.get("entity")) is not int or not belongs(head):
            return False
        index = hnswlib.Index(space="cosine", dim=self._dimensions)
        try:
            index.load_index(str(self.sidecar.payload), max_elements=max(1024, head["count"] + head["count"] // 4))
        except RuntimeError:
            return False
        if index.get_current_count() != head["count"]:
            return False
        self._index, self.count, self.last = index, head["count"], head["entity"]
        return True

    def add(self, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Insert vectors (n, dimensions); ids rise from call to call."""
        if not len(ids):
            return
        needed = self.count + len(ids)
        if needed > self._index.get_max_elements():
            self._index.resize_index(2 * needed)
        self._index.add_items(vectors, np.asarray(ids, dtype=np.int64))
        self.count, self.last = needed, max(self.last, max(ids))

    def save(self, operation: int, at: str) -> bool:
        """Keep the index beside the database; it knows the names up to an operation. A cache: failing is fine."""
        return self.sidecar.save(
            lambda path: self._index.save_index(str(path)),
            self._verify,  # hnswlib ignores write errors: what is on disk decides
            last=operation, at=at, entity=self.last, count=self.count,
        )  # fmt: skip

    def _verify(self, path: Path) -> None:
        import hnswlib

        probe = hnswlib.Index(space="cosine", dim=self._dimensions)
        probe.load_index(str(path))
        if probe.get_current_count() != self.count:
            raise OSError("the saved index is incomplete")

    def within(self, vector: NDArray[np.float32], distance: float, limit: int = 300) -> list[tuple[int, float]]:
        """All entities within a cosine distance, nearest first, at most `limit`.

        An index asked for k neighbours cuts silently: when the last one found lies within, `limit` are asked for.
        """
        return self._within(vector, distance, limit)[0]

    def plan(self, vector: NDArray[np.float32], distance: float, limit: int = 300) -> tuple[int, int]:
        """The k and ef with which `within` finds its last answer; what to compare its time with."""
        return self._within(vector, distance, limit)[1]

    def _within(
        self, vector: NDArray[np.float32], distance: float, limit: int
    ) -> tuple[list[tuple[int, float]], tuple[int, int]]:
        row, most = vector[None, :], min(limit, self.count)
        k = min(FEW, most)
        while k > 0:
            ef = max(EF, 2 * k)
            self._index.set_ef(ef)
            try:
                ids, distances = self._index.knn_query(row, k=k, num_threads=1)
            except RuntimeError:  # the graph reaches fewer than k: hnswlib throws instead of returning them
                most, k = k - 1, k // 2
                continue
            near = distances[0]
            if near[-1] > distance or k >= most:
                count = int(near.searchsorted(distance, "right"))
                inside = zip(ids[0][:count].tolist(), np.maximum(near[:count], 0.0).tolist(), strict=True)
                return list(inside), (k, ef)
            k = most
        return [], (0, 0)
