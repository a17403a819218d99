"""Similarity search over entity names: vectors in the database, an HNSW index beside it as a cache.

The sidecar is two files: `entities.hnsw` (hnswlib's format, no checksum of its own) and `entities.json`, written
last, with the knowledge base's id, encoder, dimensions, count, last entity and the checksum of the first. Any
mismatch, and a sidecar that is ahead of the database, means rebuilding from the vectors.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.files import sync_folder

if TYPE_CHECKING:
    import hnswlib

M, EF_CONSTRUCTION, EF = 16, 200, 100
FORMAT = 1


class EntityIndex:
    """Unit vectors of entities, by cosine distance. Ids are those of the database."""

    def __init__(self, folder: Path, kb: str, encoder: str, dimensions: int) -> None:
        self.folder = folder
        self._head = {"format": FORMAT, "kb": kb, "encoder": encoder, "dimensions": dimensions}
        self._dimensions = dimensions
        self._index = self._new(1024)
        self.count = 0
        self.last = 0

    @property
    def files(self) -> tuple[Path, Path]:
        """Payload and manifest."""
        return self.folder / "entities.hnsw", self.folder / "entities.json"

    def _new(self, capacity: int) -> hnswlib.Index:
        import hnswlib

        index = hnswlib.Index(space="cosine", dim=self._dimensions)
        index.init_index(max_elements=capacity, M=M, ef_construction=EF_CONSTRUCTION, random_seed=7)
        index.set_ef(EF)
        return index

    def restore(self, last: int, count: int) -> bool:
        """Load the sidecar if it belongs to a prefix of the vectors (`count` of them, up to entity `last`)."""
        import hnswlib

        payload, manifest = self.files
        try:
            head: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
            data = payload.read_bytes()
        except (OSError, ValueError):
            return False
        if not isinstance(head, dict) or {k: head.get(k) for k in self._head} != self._head:
            return False
        if head.get("sha256") != hashlib.sha256(data).hexdigest():
            return False
        if not (isinstance(head.get("last"), int) and isinstance(head.get("count"), int)):
            return False
        if head["last"] > last or head["count"] > count:
            return False
        index = hnswlib.Index(space="cosine", dim=self._dimensions)
        try:
            index.load_index(str(payload), max_elements=max(1024, 2 * head["count"]))
        except RuntimeError:
            return False
        if index.get_current_count() != head["count"]:
            return False
        index.set_ef(EF)  # not part of the file
        self._index, self.count, self.last = index, head["count"], head["last"]
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

    def save(self) -> None:
        """Write the sidecar: temporary files, verified, fsynced, renamed, manifest last. A cache: failing is fine."""
        payload, manifest = self.files
        fresh = payload.with_suffix(".hnsw.new")
        with suppress(OSError, RuntimeError):
            self._index.save_index(str(fresh))
            data = fresh.read_bytes()  # hnswlib ignores write errors: what is on disk decides
            self._verify(fresh)
            head = self._head | {"count": self.count, "last": self.last, "sha256": hashlib.sha256(data).hexdigest()}
            note = manifest.with_suffix(".json.new")
            note.write_text(json.dumps(head), encoding="utf-8")
            for path, target in ((fresh, payload), (note, manifest)):
                path.chmod(0o600)
                with path.open("rb") as file:
                    os.fsync(file.fileno())
                path.replace(target)
            sync_folder(self.folder)

    def _verify(self, path: Path) -> None:
        import hnswlib

        probe = hnswlib.Index(space="cosine", dim=self._dimensions)
        probe.load_index(str(path))
        if probe.get_current_count() != self.count:
            raise OSError("the saved index is incomplete")

    def within(self, vector: NDArray[np.float32], distance: float, limit: int = 300) -> list[tuple[int, float]]:
        """All entities within a cosine distance, nearest first, at most `limit`.

        An index asked for k neighbours cuts silently, so k doubles until the last one found lies outside.
        """
        k = min(16, self.count)
        while k:
            self._index.set_ef(max(EF, 2 * k))
            try:
                ids, distances = self._index.knn_query(vector[None, :], k=k)
            except RuntimeError:  # the graph reaches fewer than k: hnswlib throws instead of returning them
                limit, k = k - 1, k // 2
                continue
            if distances[0][-1] > distance or k >= min(limit, self.count) - 1:
                inside = [
                    (int(i), max(0.0, float(d))) for i, d in zip(ids[0], distances[0], strict=True) if d <= distance
                ]
                return inside[:limit]
            k = min(2 * k, limit, self.count)
        return []
