"""The drafter's heads in numpy: tags of tokens, and relations of all pairs of names.

The same computation as the trained one (`training.draft_model`), from the vectors of the encoder. Names of arrays:

    shape, first                  added to the vectors of the pieces before the encoder reads them
    tagger                        BIO tags of the types of names
    query, key                    attention of a name over the tokens: what a pair has in common is its context
    head, tail, *_context, mix    one vector a pair, from both names and their context (grouped bilinear)
    tri.N.*                       pairs look at pairs that share a name (i-k and k-j tell of i-j), as in the
                                  triangle update of Jumper et al. 2021
    threshold, same, rows, bias   a relation holds where its score is above the threshold's (adaptive threshold,
                                  Zhou et al. 2021); `same` says that two names mean one thing
    project, project_bias         the row of a relation from the vector of its description, for relations without one
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memllm_cli.types import KINDS

Array = NDArray[np.float32]
HEADS = 12
FAR = 8
"""Sentences apart from which on distance does not count; FAR + 1 stands for a name and itself."""
TAGS = 1 + 2 * len(KINDS)
"""Outside, then beginning and inside of each type."""


@dataclass(frozen=True, slots=True)
class Place:
    """Tokens `[start, end)` of one mention, in sentence `sentence`."""

    start: int
    end: int
    sentence: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """Scores of all ordered pairs of n names.

    `margins` (n, n, relations): above the threshold where positive. `same` (n, n): log odds that both mean one
    thing. `attention` (n, n, tokens): where the pair's context is, summing to 1.
    """

    margins: Array
    same: Array
    attention: Array


class Heads:
    """Trained heads; `weights` are float arrays by the names above."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        self._w: dict[str, Array] = {k: np.asarray(v, dtype=np.float32) for k, v in weights.items()}
        self.layers = len({k.split(".")[1] for k in self._w if k.startswith("tri.")})

    def added(self, shapes: Sequence[int], first: Sequence[int]) -> Array:
        """What to add to the vectors of the pieces (tokens, width)."""
        out: Array = self._w["shape"][list(shapes)] + self._w["first"][list(first)]
        return out

    def tags(self, x: Array) -> Array:
        """Log probabilities (tokens, TAGS)."""
        logits = self._linear("tagger", x)
        shifted = logits - logits.max(-1, keepdims=True)
        out: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        return out

    def rows(self, descriptions: Array) -> tuple[Array, Array]:
        """Rows and biases for relations known by the vectors of their descriptions alone (k, width)."""
        return descriptions @ self._w["project"].T, descriptions @ self._w["project_bias"][0]

    def pairs(self, x: Array, tags: Array, names: Sequence[Sequence[Place]], rows: Array, bias: Array) -> Pairs:
        """Score all pairs of names. `x` (tokens, width), `tags` from `tags`, `rows` (relations, hidden), `bias`."""
        w, n = self._w, len(names)
        own = np.repeat(np.arange(n), [len(p) for p in names])
        first = np.array([p.start for places in names for p in places])
        last = np.array([p.end - 1 for places in names for p in places])
        counts = np.bincount(own, minlength=n)[:, None].astype(np.float32)
        mentions = (x[first] + x[last]) / 2
        member = (own[None] == np.arange(n)[:, None]).astype(np.float32)
        mean = member @ mentions / counts
        top = mentions.max(0)
        pooled = np.log(member @ np.exp(mentions - top) + 1e-9) + top
        kinds = np.exp(tags[:, 1::2]) + np.exp(tags[:, 2::2])
        kind = (member @ kinds[first] / counts) @ w["kind.w"].T

        length, width = x.shape
        q = self._linear("query", pooled).reshape(n, HEADS, -1).transpose(1, 0, 2)
        k = self._linear("key", x).reshape(length, HEADS, -1).transpose(1, 2, 0)
        attention = _softmax(q @ k / np.float32((width / HEADS) ** 0.5))
        both = np.einsum("hil,hjl->ijl", attention, attention, optimize=True) + 1e-9
        both /= both.sum(-1, keepdims=True)
        flat = both.reshape(n * n, length)  # one large product is many times faster than n small ones

        f = np.concatenate([pooled, mean, kind], 1)
        context = flat @ (x @ np.concatenate([w["head_context.w"], w["tail_context.w"]]).T)
        of_head, of_tail = np.split(context.reshape(n, n, -1), 2, axis=-1)
        u = np.tanh(self._linear("head", f)[:, None] + of_head)
        v = np.tanh(self._linear("tail", f)[None] + of_tail)
        hidden = u.shape[-1]
        block = w["mix.w"].shape[1] // hidden
        grouped = u.reshape(n, n, -1, block, 1) * v.reshape(n, n, -1, 1, block)
        z = self._linear("mix", grouped.reshape(n * n, -1)).reshape(n, n, hidden)
        z = _gelu(_norm(z + (w["distance"] @ w["gap.w"].T)[_gaps(names)], w["norm.w"], w["norm.b"]))
        for i in range(self.layers):
            z = self._triangle(i, z)
        scores = (z.reshape(n * n, hidden) @ rows.T + bias).reshape(n, n, -1)
        threshold = self._linear("threshold", z)
        return Pairs(scores - threshold, self._linear("same", z)[..., 0], both)

    def _triangle(self, layer: int, z: Array) -> Array:
        name, n = f"tri.{layer}.", float(len(z) ** 0.5)
        y = _norm(z, self._w[name + "norm.w"], self._w[name + "norm.b"])

        def part(key: str) -> Array:
            return self._linear(name + key, y).transpose(2, 0, 1)

        out = (part("a") * _sigmoid(part("a_gate"))) @ (part("b") * _sigmoid(part("b_gate")))
        across = part("c") @ part("d").transpose(0, 2, 1)
        both: Array = np.concatenate([out, across]).transpose(1, 2, 0).astype(np.float32) / n
        both = _norm(both, self._w[name + "out_norm.w"], self._w[name + "out_norm.b"])
        gate: Array = _sigmoid(self._linear(name + "gate", y))
        updated: Array = z + np.multiply(gate, self._linear(name + "out", both))
        return updated

    def _linear(self, name: str, x: Array) -> Array:
        out: Array = x.reshape(-1, x.shape[-1]) @ self._w[name + ".w"].T + self._w[name + ".b"]
        return out.reshape(*x.shape[:-1], -1)


def _gaps(names: Sequence[Sequence[Place]]) -> NDArray[np.int64]:
    """Sentences between the nearest mentions of each pair."""
    n = len(names)
    out = np.full((n, n), FAR + 1)
    for i in range(n):
        for j in range(i):
            gap = min(abs(a.sentence - b.sentence) for a in names[i] for b in names[j])
            out[i, j] = out[j, i] = min(FAR, gap)
    return out


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    out: Array = e / e.sum(-1, keepdims=True)
    return out


def _sigmoid(x: Array) -> Array:
    out: Array = (1 / (1 + np.exp(-np.clip(x, -60, 60)))).astype(np.float32)
    return out


def _norm(x: Array, weight: Array, bias: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    out: Array = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias
    return out


def _gelu(x: Array) -> Array:
    inner = np.float32((2 / np.pi) ** 0.5) * (x + np.float32(0.044715) * x**3)
    out: Array = np.float32(0.5) * x * (1 + np.tanh(inner))
    return out
