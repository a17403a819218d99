"""The extractor's heads in numpy: which spans are said of something, and of what, how, whether and when.

The same computation as the trained one (`training.extract_model`), from the vectors of the encoder. Names of arrays:

    shape                    added to the vectors of the encoder: how a word is written
    begin, end, *_alone      two vectors a piece whose product says that a span from one to the other is an object
    length                   what a span's length in pieces speaks for it
    span, span_norm          one vector an object, from its first, its last and its mean piece
    query, key               for each of `POINTERS` and each end of a span: what an object looks for, what a piece is
    name, name_norm          what the words of a subject look for: the fullest name of the same thing
    fixed, field             relations of a fixed set, where no words of the text say one; fields that are known by name
    truth, truth_norm        truth of a statement and its marks, from object, subject and relation together
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
POINTERS = ("subject", "relation", "since", "until", "when", "by", "name")
"""What is looked for, from an object: the words for its subject in or near the sentence, those of the relation, of the
times, who says so. The last is looked for from the subject: its fullest name."""
TRUTHS = ("stated", "denied", "planned", "asked", "reported")
MARKS = ("ended", "about")
"""Whether what is said is no longer so; whether the value is approximate."""
FIXED = (
    "is", "has", "in", "of", "at", "on", "by", "for", "from", "to", "with", "called", "part of", "includes",
)  # fmt: skip
"""Relations where no words of the text say one."""
FIELDS = (
    "", "document name", "party", "agreement date", "effective date", "expiration date", "renewal term",
    "notice period", "governing law",
)  # fmt: skip
"""Relations of contracts that are known by name; the first stands for none of them."""
WIDEST = 32
"""Pieces of an object at most."""
SIZE = 128
"""Of the vectors that begin, end and pointers are compared by."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Spans that something is said by, as pieces (first, last), with the log odds of that and a vector each."""

    spans: tuple[tuple[int, int], ...]
    scores: Array
    vectors: Array


class Heads:
    """Trained heads; `weights` are float arrays by the names above."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        self._w: dict[str, Array] = {k: np.asarray(v, dtype=np.float32) for k, v in weights.items()}

    def shaped(self, x: Array, shapes: Sequence[int]) -> Array:
        """The vectors (pieces, width) that everything else is computed from."""
        out: Array = x + self._w["shape"][list(shapes)]
        return out

    def objects(self, x: Array, sentence: NDArray[np.int64], least: float, most: int) -> Objects:
        """At most `most` spans within one sentence each, of log odds from `least` on, the likeliest first.

        `sentence` (pieces,) numbers the sentences of the pieces; negative where no object can be.
        """
        begin = self._linear("begin", x) / np.float32(SIZE**0.5)
        scores = begin @ self._linear("end", x).T
        scores += self._linear("begin_alone", x) + self._linear("end_alone", x).T
        ahead = np.arange(len(x))[None, :] - np.arange(len(x))[:, None]
        may = (ahead >= 0) & (ahead < WIDEST) & (sentence[:, None] == sentence[None, :]) & (sentence >= 0)[:, None]
        scores += self._w["length"][np.clip(ahead, 0, WIDEST - 1), 0]
        scores[~may] = -np.inf
        i, j = np.nonzero(scores >= least)
        order = np.argsort(-scores[i, j], kind="stable")[:most]
        i, j = i[order], j[order]
        chosen: Array = scores[i, j].astype(np.float32)
        return Objects(tuple(zip(i.tolist(), j.tolist(), strict=True)), chosen, self.vectors(x, i, j))

    def vectors(self, x: Array, first: NDArray[np.int64], last: NDArray[np.int64]) -> Array:
        """A vector for each span of pieces (first, last)."""
        sums = np.concatenate([np.zeros((1, x.shape[1]), np.float32), np.cumsum(x, axis=0, dtype=np.float32)])
        mean = (sums[last + 1] - sums[first]) / (last + 1 - first)[:, None].astype(np.float32)
        return self._mixed("span", np.concatenate([x[first], x[last], mean], 1))

    def keys(self, x: Array) -> Array:
        """What the pieces are to the pointers (pointers, 2, pieces, size)."""
        return self._pointed("key", x)

    def pointed(self, pointer: str, queries: Array, keys: Array) -> Array:
        """Scores (n, 2, pieces) that what a pointer looks for begins, and ends, at a piece."""
        k = POINTERS.index(pointer)
        q = self._pointed("query", queries)[k] / np.float32(SIZE**0.5)
        out: Array = q @ keys[k].transpose(0, 2, 1)
        return out.transpose(1, 0, 2)

    def naming(self, objects: Array, x: Array, subjects: NDArray[np.int64]) -> Array:
        """What the words of subjects (n, 2: first and last piece) look for, to point at their fullest name with."""
        return self._mixed("name", np.concatenate([objects, x[subjects[:, 0]], x[subjects[:, 1]]], 1))

    def fixed(self, objects: Array) -> Array:
        """Log probabilities (n, FIXED)."""
        return _log_softmax(self._linear("fixed", objects))

    def field(self, objects: Array) -> Array:
        """Log probabilities (n, FIELDS)."""
        return _log_softmax(self._linear("field", objects))

    def truth(
        self, objects: Array, x: Array, subject: NDArray[np.int64], relation: NDArray[np.int64]
    ) -> tuple[Array, Array]:
        """Log probabilities (n, TRUTHS), log odds (n, MARKS). `subject`, `relation` are first pieces; 0 for none."""
        z = self._mixed("truth", np.concatenate([objects, x[subject], x[relation]], 1))
        return _log_softmax(self._linear("truths", z)), self._linear("marks", z)

    def _pointed(self, name: str, x: Array) -> Array:
        flat = self._linear(name, x).reshape(len(x), len(POINTERS), 2, SIZE)
        out: Array = np.ascontiguousarray(flat.transpose(1, 2, 0, 3))
        return out

    def _mixed(self, name: str, x: Array) -> Array:
        y = _gelu(self._linear(name, x))
        centred = y - y.mean(-1, keepdims=True)
        out: Array = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + np.float32(1e-5))
        return out * self._w[f"{name}_norm.w"] + self._w[f"{name}_norm.b"]

    def _linear(self, name: str, x: Array) -> Array:
        out: Array = x @ self._w[f"{name}.w"].T + self._w[f"{name}.b"]
        return out


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(-1, keepdims=True)
    out: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return out


def _gelu(x: Array) -> Array:
    inner = np.float32((2 / np.pi) ** 0.5) * (x + np.float32(0.044715) * x**3)
    out: Array = np.float32(0.5) * x * (1 + np.tanh(inner))
    return out
