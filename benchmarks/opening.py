"""In a fresh process: open what `benchmarks.store` left in a folder and answer once; prints the seconds it took."""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main() -> None:
    """Entry point: `ours` or `chroma`, and the folder."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    import numpy as np

    vector = np.load(folder / "query.npy")
    began = time.perf_counter()
    if kind == "ours":
        from memllm_cli.memory.disk.files import NAMES
        from memllm_cli.memory.edit.memory import Memory
        from memllm_cli.memory.history.snapshot import belongs
        from memllm_cli.memory.search.find import Finder, Pair
        from memllm_cli.memory.search.index import VectorIndex
        from memllm_cli.types import Query

        memory = Memory(folder / "kb")
        snapshot = memory.snapshot
        index = VectorIndex(folder / "kb", NAMES, snapshot.id, "all-MiniLM-L6-v2", len(vector))
        assert index.restore(lambda head: belongs(snapshot, head))
        finder = Finder(memory)
        relations = [(relation, 0.0) for relation in snapshot.relations.by_id]
        pairs = sorted(finder.pairs(index.within(vector, 0.35)[:1], relations, "subject"))[:1]
        assert finder.answer(Query("", "", None), [Pair(*p, "subject") for p in pairs]).hits
    else:
        import chromadb

        collection = chromadb.PersistentClient(str(folder / "chroma")).get_collection("names")
        assert collection.query(query_embeddings=[vector], n_results=10)["ids"]
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
