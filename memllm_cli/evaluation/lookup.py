"""What editing is measured beside: the stored question nearest to the one that is asked. No model, no triples."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memllm_cli.types import Encoder

THRESHOLDS = {"tfidf": 0.42, "encoder": 0.66}
"""Cosine from which on the nearest stored question is taken; found on 1,000 edits for development (`tune`)."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """For each of some questions the nearest stored one and its cosine (questions,), (questions,)."""

    nearest: NDArray[np.int64]
    cosine: NDArray[np.float64]

    def picks(self, threshold: float) -> list[int]:
        """The stored question of each, -1 where none is near enough."""
        return [int(n) if c >= threshold else -1 for n, c in zip(self.nearest, self.cosine, strict=True)]


def tfidf(stored: Sequence[str], asked: Sequence[str]) -> Lookup:
    """By the words, those in few stored questions counting more (log of the share, counts squashed by logarithm)."""
    documents = [Counter(_words(s)) for s in stored]
    held = Counter(w for d in documents for w in d)
    rare = {w: math.log((1 + len(stored)) / (1 + n)) + 1 for w, n in held.items()}
    postings: dict[str, list[tuple[int, float]]] = {}
    for i, document in enumerate(documents):
        for word, weight in _weighted(document, rare).items():
            postings.setdefault(word, []).append((i, weight))
    nearest, cosine = [], []
    for question in asked:
        scores = np.zeros(len(stored))
        for word, weight in _weighted(Counter(_words(question)), rare).items():
            for i, other in postings.get(word, ()):
                scores[i] += weight * other
        nearest.append(int(np.argmax(scores)))
        cosine.append(float(scores.max()))
    return Lookup(np.array(nearest, dtype=np.int64), np.array(cosine))


def by_encoder(encoder: Encoder, stored: Sequence[str], asked: Sequence[str]) -> Lookup:
    """By the vectors of the whole questions."""
    similar = encoder.embed(asked) @ encoder.embed(stored).T
    return Lookup(np.argmax(similar, axis=1).astype(np.int64), similar.max(axis=1).astype(np.float64))


def _weighted(words: Counter[str], rare: dict[str, float]) -> dict[str, float]:
    unseen = max(rare.values(), default=1.0)
    raw = {w: (1 + math.log(n)) * rare.get(w, unseen) for w, n in words.items()}
    norm = math.sqrt(sum(v * v for v in raw.values())) or 1.0
    return {w: v / norm for w, v in raw.items()}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
