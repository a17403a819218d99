"""Similarity search: vectors are in the database, an HNSW index beside it is a cache.

The sidecar (`disk/cache.py`) is in hnswlib's format, which has no checksum of its own. A mismatch, and
a sidecar that knows more than the database, means rebuilding from the vectors; one that is behind takes the rest in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.memory.disk.cache import Sidecar

if TYPE_CHECKING:
    import hnswlib

M, EF_CONSTRUCTION = 16, 400
EF = 400
"""How many a search keeps in sight at least: so 99 of 100 are found among 100,000 (docs/decisions.md)."""


class VectorIndex:
    """Unit vectors by cosine distance, of the sidecar `name`. Ids are those of what they stand for in the database."""

    def __init__(self, folder: Path, name: str, kb: str, encoder: str, dimensions: int) -> None:
        self.sidecar = Sidecar(folder, name, kb, encoder=encoder, dimensions=dimensions)
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
        """All ids within a cosine distance, nearest first, at most `limit`."""
        ids, distances = self._nearest(vector[None, :], min(limit, self.count))
        count = int(distances.searchsorted(distance, "right"))
        return list(zip(ids[:count].tolist(), np.maximum(distances[:count], 0.0).tolist(), strict=True))

    def nearest(self, vector: NDArray[np.float32], most: int) -> list[tuple[int, float]]:
        """The nearest ids with their cosine distances, nearest first, at most `most`."""
        return self.within(vector, 2.0, most)

    def _nearest(self, row: NDArray[np.float32], most: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """The nearest `most`, or as many as the graph reaches: hnswlib throws where it finds fewer than asked for."""
        found = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        low, high, k = 0, most, most
        while low < high:
            self._index.set_ef(max(EF, k))
            try:
                ids, distances = self._index.knn_query(row, k=k, num_threads=1)
                low, found = k, (ids[0], distances[0])
            except RuntimeError:
                high = k - 1
            k = (low + high + 1) // 2
        return found
