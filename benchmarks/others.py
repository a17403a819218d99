"""What the store is measured beside: the same facts, names and vectors in other libraries, the plain ways to encode."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import ROOT
from memllm_cli.app import App
from memllm_cli.models.catalog import Catalog
from memllm_cli.paths import Home
from memllm_cli.types import Encoder

Vector = NDArray[np.float32]


def load_oxigraph(folder: Path, text: Path) -> float:
    """Seconds of its bulk load; the store is compacted afterwards, for its size."""
    import pyoxigraph

    store = pyoxigraph.Store(str(folder))
    began = time.perf_counter()
    store.bulk_load(path=str(text), format=pyoxigraph.RdfFormat.N_TRIPLES)
    store.flush()
    took = time.perf_counter() - began
    store.optimize()
    return took


def fill_sqlite(
    database: sqlite3.Connection, names: list[str], columns: tuple[list[str], list[str], list[str]]
) -> None:
    """The same facts in tables with the indexes a lookup wants."""
    s, r, o = columns
    ids = {n: i for i, n in enumerate(names)}
    relations = {n: i for i, n in enumerate(dict.fromkeys(r))}
    database.execute("CREATE TABLE entities (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
    database.execute("CREATE TABLE triples (id INTEGER PRIMARY KEY, s INT, r INT, o INT, UNIQUE (s, r, o))")
    database.execute("BEGIN")
    database.executemany("INSERT INTO entities VALUES (?, ?)", ((i, n) for n, i in ids.items()))
    database.executemany(
        "INSERT INTO triples (s, r, o) VALUES (?, ?, ?)",
        ((ids[a], relations[b], ids[c]) for a, b, c in zip(s, r, o, strict=True)),
    )
    database.execute("CREATE INDEX of_object ON triples (o, r)")
    database.execute("COMMIT")


def fill_chroma(folder: Path, names: list[str], vectors: Vector) -> None:
    """chromadb's store with these vectors. Raises ImportError without it."""
    import chromadb

    client = chromadb.PersistentClient(str(folder))
    collection = client.create_collection("names", metadata={"hnsw:space": "cosine"})
    for start in range(0, len(names), 5000):
        part = range(start, min(start + 5000, len(names)))
        collection.add(ids=[str(i) for i in part], embeddings=vectors[part.start : part.stop],
                       documents=names[part.start : part.stop])  # fmt: skip


def encoded(names: list[str], cache: Path | None) -> Vector:
    """Vectors of the names by the default encoder, from a file where they are kept."""
    if cache is not None and cache.exists():
        with np.load(cache, allow_pickle=False) as kept:
            if kept["names"].tolist()[: len(names)] == names:
                return np.asarray(kept["vectors"][: len(names)], dtype=np.float32)
    began = time.perf_counter()
    with opened_encoder() as encoder:
        vectors = encoder.embed(names)
    print(f"encoded {len(names)} names in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    if cache is not None:
        np.savez(cache, names=np.array(names), vectors=vectors)
    return vectors


@contextmanager
def opened_encoder() -> Iterator[Encoder]:
    """The default encoder."""
    encoder = App(home_option=ROOT).open_encoder()
    yield encoder
    encoder.close()


def plain_encoders(names: list[str]) -> dict[str, float]:
    """Seconds a name of the ways a program would encode a batch: llama-cpp-python's `embed`, sentence-transformers."""
    import llama_cpp

    out = {}
    path = Catalog(Home(ROOT, "benchmark")).ready("all-MiniLM-L6-v2").path
    model = llama_cpp.Llama(str(path), embedding=True, n_ctx=512, n_batch=512, verbose=False)
    out["llama-cpp-python"] = _batches(lambda some: model.embed(some), names)
    model.close()
    with suppress(ImportError):
        from sentence_transformers import SentenceTransformer

        bulk = SentenceTransformer("all-MiniLM-L6-v2", device="cpu")
        out["sentence-transformers"] = _batches(lambda some: bulk.encode(some), names)
    return out


def _batches(embed: Callable[[list[str]], object], names: list[str]) -> float:
    embed(names[:32])
    began = time.perf_counter()
    for start in range(0, len(names), 32):
        embed(names[start : start + 32])
    return (time.perf_counter() - began) / len(names)


def plain_index(vectors: Vector) -> float:
    """Seconds of hnswlib's `add_items` with its usual settings, all at once in the order they come."""
    import hnswlib

    index = hnswlib.Index(space="cosine", dim=vectors.shape[1])
    index.init_index(max_elements=len(vectors), M=16, ef_construction=200)
    began = time.perf_counter()
    index.add_items(vectors, np.arange(len(vectors)))
    return time.perf_counter() - began
