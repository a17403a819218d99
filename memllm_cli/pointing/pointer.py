"""Spans of passages that may answer a question, each with how much more it says than "not there"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.pieces import Vocabulary
from memllm_cli.pointing.layout import sequence

Array = NDArray[np.float32]
LONGEST = 40
"""Pieces of a span at most."""
LENGTH = 0.02
"""What a piece costs: where an answer has several parts, a span over all of them looks as good as each."""
TOGETHER = 640
"""Pieces that go through the encoder at once: more do not make it faster."""


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` of passage number `passage`.

    `margin` is its log odds against "not there" in its passage, `share` its probability among the spans of its passage.
    """

    passage: int
    start: int
    end: int
    margin: float
    share: float


class Pointer:
    """An encoder (ids of several sequences to their vectors) and a head of two scores a piece."""

    def __init__(
        self, encoder: Callable[[Sequence[Sequence[int]]], list[Array]], vocabulary: Vocabulary,
        head: Mapping[str, NDArray[Any]],
    ) -> None:  # fmt: skip
        self.encoder, self.vocabulary = encoder, vocabulary
        self.weight = np.asarray(head["head.weight"], dtype=np.float32)
        self.bias = np.asarray(head["head.bias"], dtype=np.float32)
        self.tokens = 0
        """Pieces of the last question's passages."""

    def spans(self, question: str, passages: Sequence[tuple[str, str]], most: int = 3) -> list[Span]:
        """At most `most` spans of each passage (lead, text) that do not overlap, the likeliest of all first."""
        made = [sequence(question, lead, text, self.vocabulary) for lead, text in passages]
        self.tokens = sum(len(s.ids) for s in made)
        out: list[Span] = []
        waiting: list[int] = []
        size = 0
        for at, s in enumerate(made):
            if waiting and size + len(s.ids) > TOGETHER:
                out += self._read(made, waiting, most)
                waiting, size = [], 0
            waiting.append(at)
            size += len(s.ids)
        out += self._read(made, waiting, most)
        return sorted(out, key=lambda s: -s.margin)

    def _read(self, made: Sequence[Any], numbers: Sequence[int], most: int) -> list[Span]:
        out = []
        for at, vectors in zip(numbers, self.encoder([made[i].ids for i in numbers]), strict=True):
            scores = vectors @ self.weight.T + self.bias
            out += _best(at, scores, made[at].first, made[at].offsets, most)
        return out


def _best(passage: int, scores: Array, first: int, offsets: Sequence[tuple[int, int]], most: int) -> list[Span]:
    """The best spans of one passage from the scores (pieces, 2) of its sequence."""
    length = len(offsets)
    if not length:
        return []
    none = float(scores[0].sum())
    begin, end = scores[first : first + length].T
    both = begin[:, None] + end[None, :]
    ahead = np.arange(length)[None, :] - np.arange(length)[:, None]
    both = np.where((ahead >= 0) & (ahead < LONGEST), both - np.float32(LENGTH) * ahead, -np.inf)
    top = max(float(both.max()), none)
    total = float(np.exp(both - top).sum()) + float(np.exp(none - top))
    kept = min(both.size, 12 * most)
    order = np.argpartition(-both.ravel(), kept - 1)[:kept]
    order = order[np.argsort(-both.ravel()[order], kind="stable")]
    out: list[Span] = []
    taken: list[tuple[int, int]] = []
    for flat in order:
        i, j = divmod(int(flat), length)
        if not np.isfinite(both[i, j]) or any(i <= b and a <= j for a, b in taken):
            continue
        taken.append((i, j))
        score = float(both[i, j])
        out.append(Span(passage, offsets[i][0], offsets[j][1], score - none, float(np.exp(score - top)) / total))
        if len(out) == most:
            break
    return out
