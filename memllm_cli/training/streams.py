"""What the language model is trained on: runs of tokens, how much each counts, and what each sees."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tokenize = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Branch:
    """Tokens `[start, end)` of a stream that go on after its first `at` tokens and see only those and themselves.

    A call is in sight only until the next one: so each read of a text, with the text up to the next read, is a branch
    of the text without reads.
    """

    start: int
    end: int
    at: int


@dataclass(frozen=True, slots=True)
class Stream:
    """One run: token ids, and how much each counts in the loss (0 where nothing is taught).

    What stands before the first branch is the trunk. The first token of a branch is predicted from the end of the
    branch before it, that of the first branch from the trunk: there the next read begins.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    items: int
    """Triples written, or reads."""
    branches: tuple[Branch, ...] = ()

    def positions(self) -> NDArray[np.int64]:
        """Where each token stands (tokens,): those of a branch right after what it goes on from."""
        out = np.arange(len(self.ids))
        for b in self.branches:
            out[b.start : b.end] = np.arange(b.at, b.at + b.end - b.start)
        return out

    def sources(self) -> NDArray[np.int64]:
        """The token each is predicted from (tokens,); that of the first is itself and means nothing."""
        out = np.maximum(np.arange(len(self.ids)) - 1, 0)
        for b in self.branches[:1]:
            out[b.start] = b.at - 1
        return out

    def sees(self) -> NDArray[np.bool_]:
        """Whether each token (rows) sees another (tokens, tokens)."""
        out = np.tri(len(self.ids), dtype=bool)
        for b in self.branches:
            out[b.start : b.end, b.at : b.start] = False
        return out


def batches(pool: Sequence[Stream], tokens: int, seed: int, epoch: int) -> list[list[Stream]]:
    """All streams once, in an order that seed and epoch decide: those of like length together, each batch at most
    `tokens` with its padding."""
    rng = random.Random(f"{seed}/{epoch}")
    order = list(pool)
    rng.shuffle(order)
    out: list[list[Stream]] = []
    for start in range(0, len(order), 64):
        batch: list[Stream] = []
        for stream in sorted(order[start : start + 64], key=lambda s: len(s.ids)):
            if batch and (len(batch) + 1) * len(stream.ids) > tokens:
                out.append(batch)
                batch = []
            batch.append(stream)
        out.append(batch)
    rng.shuffle(out)
    return out
