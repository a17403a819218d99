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
COST = 0.06
"""What a piece of a span costs, in nats: of some values the one whose spans share most words with people's answers."""
TOGETHER = 640
"""Pieces that go through the encoder at once: more do not make it faster."""


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` of passage number `passage`.

    `margin` is its log odds against "not there" in its passage, `share` its probability there; both count all that
    begins and ends within it.
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

    def spans(
        self,
        question: str,
        passages: Sequence[tuple[str, str]],
        most: int = 3,
        sentences: Sequence[Sequence[int]] = (),
    ) -> list[Span]:
        """At most `most` spans of each passage (lead, text) that do not overlap, the likeliest of all first.

        `sentences` are where the sentences of each passage begin, in its text: no span reaches from one into the next.
        """
        made = [sequence(question, lead, text, self.vocabulary) for lead, text in passages]
        self.tokens = sum(len(s.ids) for s in made)
        out: list[Span] = []
        waiting: list[int] = []
        size = 0
        for at, s in enumerate(made):
            if waiting and size + len(s.ids) > TOGETHER:
                out += self._read(made, passages, waiting, most, sentences)
                waiting, size = [], 0
            waiting.append(at)
            size += len(s.ids)
        out += self._read(made, passages, waiting, most, sentences)
        return sorted(out, key=lambda s: -s.margin)

    def _read(
        self,
        made: Sequence[Any],
        passages: Sequence[tuple[str, str]],
        numbers: Sequence[int],
        most: int,
        sentences: Sequence[Sequence[int]],
    ) -> list[Span]:
        out = []
        for at, vectors in zip(numbers, self.encoder([made[i].ids for i in numbers]), strict=True):
            scores = vectors @ self.weight.T + self.bias
            starts = sentences[at] if sentences else ()
            out += _best(at, scores, made[at].first, made[at].offsets, passages[at][1], most, starts)
        return out


def _best(
    passage: int,
    scores: Array,
    first: int,
    offsets: Sequence[tuple[int, int]],
    text: str,
    most: int,
    sentences: Sequence[int] = (),
) -> list[Span]:
    """The best spans of one passage from the scores (pieces, 2) of its sequence.

    "EUR 900", "below EUR 900" and "falls below EUR 900" share what the scores say of the price: a span is worth the
    probability of all spans that begin and end within it, less what its pieces cost.
    """
    length = len(offsets)
    if not length:
        return []
    none = float(scores[0].sum())
    begin, end = scores[first : first + length].T.astype(np.float64)
    both = begin[:, None] + end[None, :]
    ahead = np.arange(length)[None, :] - np.arange(length)[:, None]
    field = _fields(offsets, text)
    begun = np.searchsorted(np.asarray(sentences, dtype=np.int64), [start for start, _ in offsets], side="right")
    may = (ahead >= 0) & (ahead < LONGEST) & (field[:, None] == field[None, :])
    top = float(both[may].max())
    own = np.where(may, np.exp(both - top), 0.0)
    held = np.cumsum(own[::-1], axis=0)[::-1].cumsum(axis=1)
    total = float(own.sum())
    worth = np.where(may, np.log(np.maximum(held, 1e-30)) - COST * ahead, -np.inf)
    kept = min(both.size, 40 * most)
    order = np.argpartition(-worth.ravel(), kept - 1)[:kept]
    order = order[np.argsort(-worth.ravel()[order], kind="stable")]
    out: list[Span] = []
    taken: list[tuple[int, int]] = []
    for flat in order:
        i, j = divmod(int(flat), length)
        if not may[i, j] or any(i <= b and a <= j for a, b in taken):
            continue
        taken.append((i, j))
        margin = top + float(np.log(max(held[i, j], 1e-30))) - none
        share = float(held[i, j]) / (total + float(np.exp(min(none - top, 700.0))))
        a, b = _within(worth, begun, i, j)
        out.append(Span(passage, offsets[a][0], offsets[b][1], margin, share))
        if len(out) == most:
            break
    return out


def _within(worth: NDArray[np.float64], sentence: NDArray[np.int64], i: int, j: int) -> tuple[int, int]:
    """The pieces `i` to `j`, or of more than one sentence the best of those in one. What speaks for an answer there
    stays what it is: beginnings and ends are scored apart, and those of two sentences make each other likelier."""
    if sentence[i] == sentence[j]:
        return i, j
    one = sentence[i : j + 1, None] == sentence[None, i : j + 1]
    best = int(np.argmax(np.where(one, worth[i : j + 1, i : j + 1], -np.inf)))
    return i + best // (j - i + 1), i + best % (j - i + 1)


def _fields(offsets: Sequence[tuple[int, int]], text: str) -> NDArray[np.int64]:
    """A number for the field that each piece stands in: no answer reaches over the end of a line or a cell."""
    out = np.zeros(len(offsets), dtype=np.int64)
    for i in range(1, len(offsets)):
        between = text[offsets[i - 1][0] : offsets[i][1]]
        out[i] = out[i - 1] + ("\n" in between or "|" in between)
    return out
