"""What a lighter encoder would give and cost: vectors of word pieces, made once by the default encoder, and their mean.

    python -m benchmarks.static --names redocred:dev.json --aliases redocred:dev.json

Each piece of the vocabulary that the names use is encoded alone; a name is the mean of its pieces, rare ones weighing
more (smooth inverse frequency, Arora et al. 2017), without the direction that all share. Asked for is the other name of
a thing among many: is it the nearest, among the ten nearest.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import ROOT
from benchmarks.identity import Pairs, aliases
from benchmarks.names import names as real_names
from memllm_cli.app import App
from memllm_cli.embed.llama import LlamaEmbedder
from memllm_cli.memory.values.names import normal

Vector = NDArray[np.float32]


class Static:
    """Means of the vectors of word pieces."""

    def __init__(self, encoder: LlamaEmbedder, names: list[str]) -> None:
        self._encoder = encoder
        pieces = [self._pieces(n) for n in names]
        counts = Counter(i for some in pieces for i in some)
        self._at = {piece: at for at, piece in enumerate(counts)}
        library, vocabulary = encoder._llama, encoder._vocab
        texts = [library.llama_vocab_get_text(vocabulary, i).decode("utf-8", "replace").lstrip("▁") for i in self._at]
        frequency = np.array(list(counts.values())) / sum(counts.values())
        self._vectors = encoder.embed(texts) * (1e-3 / (1e-3 + frequency))[:, None].astype(np.float32)
        self._shared = np.zeros(encoder.dimensions, dtype=np.float32)
        some = self.embed(names[:5000])
        self._shared = np.linalg.svd(some, full_matrices=False)[2][0]

    def _pieces(self, name: str) -> list[int]:
        return self._encoder._tokenize(name)[1:-1]

    def embed(self, texts: list[str]) -> Vector:
        """Unit vectors (len(texts), dimensions)."""
        out = np.zeros((len(texts), self._vectors.shape[1]), dtype=np.float32)
        for row, text in enumerate(texts):
            known = [self._at[i] for i in self._pieces(text) if i in self._at]
            if known:
                out[row] = self._vectors[known].mean(axis=0)
        out -= np.outer(out @ self._shared, self._shared)
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out / np.maximum(norms, 1e-9), dtype=np.float32)


def found(vectors: Vector, places: dict[str, int], pairs: Pairs) -> tuple[float, float]:
    """How often the other name is the nearest of all, and among the ten nearest."""
    first = ten = 0
    for a, b in pairs:
        similar = vectors @ vectors[places[a]]
        similar[places[a]] = -1
        better = int((similar > similar[places[b]]).sum())
        first, ten = first + (better < 1), ten + (better < 10)
    return first / len(pairs), ten / len(pairs)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.static", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--names", nargs="*", default=[], help="corpora that names are taken from: redocred:PATH …")
    parser.add_argument("--aliases", nargs="+", required=True, help="annotated corpora: redocred:PATH …")
    parser.add_argument("--count", type=int, default=10_000, help="names to choose among")
    arguments = parser.parse_args()

    encoder = App(home_option=ROOT).open_encoder()
    assert isinstance(encoder, LlamaEmbedder)
    pairs = aliases(arguments.aliases, 3000)
    forms = {normal(n): n for p in pairs for n in p} | {
        normal(n): n for n in real_names(arguments.names, arguments.count)
    }
    names = list(dict.fromkeys([*(n for p in pairs for n in p), *forms.values()]))
    places = {n: i for i, n in enumerate(names)}
    began = time.perf_counter()
    static = Static(encoder, names)
    print(f"{len(pairs)} pairs among {len(names)} names; pieces encoded in {time.perf_counter() - began:.0f} s")
    for what, embed in (("all-MiniLM-L6-v2", encoder.embed), ("means of its pieces", static.embed)):
        began = time.perf_counter()
        vectors = embed(names)
        took = time.perf_counter() - began
        first, ten = found(vectors, places, pairs)
        print(f"{what:24} {took / len(names) * 1e3:6.3f} ms a name   nearest {first:.1%}   among ten {ten:.1%}")


if __name__ == "__main__":
    main()
