"""What the program asks of a language model. Knows token ids and logits, nothing of calls or memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Engine(Protocol):
    """A causal language model with several sequences, each with a kept context.

    A sequence is a list of token ids that has been evaluated; the logits of its last position are at hand
    until the sequence changes. Not safe to use from two threads at once.
    """

    name: str
    """File name or catalog name, for people."""
    sha256: str
    """Hash of the model file; recorded with every fact the model writes."""
    context: int
    """Tokens one sequence may hold."""
    sequences: int
    """How many sequences there are (numbered from 0)."""
    template: str
    """Which of the project's own chat formats fits: `chatml`, `llama3`, `gemma`, `mistral` or `plain`."""
    stops: frozenset[int]
    """Ids that end a turn."""

    def tokenize(self, text: str) -> list[int]:
        """Ids of `text`. Nothing in it is taken for a special token, and none is added."""

    def special(self, text: str) -> int | None:
        """The id of the control token spelled `text` (`<|im_start|>`), or None if the model has none."""

    def bos(self) -> list[int]:
        """What every prompt starts with: one id or none."""

    def piece(self, token: int) -> bytes:
        """The bytes one token stands for (control tokens: none). UTF-8 characters may span tokens."""

    def tokens(self, seq: int) -> Sequence[int]:
        """The ids evaluated in a sequence."""

    def load(self, seq: int, tokens: Sequence[int]) -> int:
        """Make the sequence equal `tokens`, evaluating only what follows the common prefix.

        At least the last token is evaluated, so that logits are at hand. Returns how many were evaluated.
        Raises ValueError when `tokens` is empty or longer than `context`.
        """

    def feed(self, batch: Mapping[int, Sequence[int]]) -> None:
        """Append tokens to several sequences and evaluate them together. Empty lists are ignored."""

    def rewind(self, seq: int, length: int) -> None:
        """Keep the first `length` tokens of a sequence; its logits are gone until something is fed."""

    def fork(self, source: int, target: int) -> None:
        """Make `target` a copy of `source` without evaluating anything; its logits are copied too."""

    def logits(self, seq: int) -> NDArray[np.float32]:
        """All logits (vocabulary,) after the last token. A view: valid until the sequence changes."""

    def pick(self, seq: int, ids: Sequence[int]) -> NDArray[np.float32]:
        """Log-probabilities (len(ids),), over the whole vocabulary, of chosen next ids."""

    def follow(self, seq: int, tokens: Sequence[int], watch: Sequence[int] = ()) -> NDArray[np.float64]:
        """Append tokens; log-probabilities (len(tokens), 1 + len(watch)) of each, and of the ids `watch` in its place.

        The sequence must have logits. Much faster than feeding one at a time.
        """

    def close(self) -> None:
        """Give the memory back."""


def sample(
    logits: NDArray[np.float32],
    temperature: float = 0.0,
    top_p: float = 0.95,
    forbidden: Collection[int] = (),
    generator: np.random.Generator | None = None,
) -> int:
    """The next id: the best one at temperature 0, else drawn from the nucleus of mass `top_p`."""
    if forbidden:
        logits = logits.copy()
        logits[list(forbidden)] = -np.inf
    if temperature <= 0:
        return int(np.argmax(logits))
    top = np.argpartition(logits, -min(200, len(logits)))[-min(200, len(logits)) :]
    top = top[np.argsort(-logits[top])]
    p = np.exp((logits[top] - logits[top[0]]).astype(np.float64) / temperature)
    p /= p.sum()
    keep = int(np.searchsorted(np.cumsum(p), top_p)) + 1
    draw = (generator or np.random.default_rng()).choice(keep, p=p[:keep] / p[:keep].sum())
    return int(top[draw])


def remembered(tokenize: Callable[[str], list[int]], most: int = 50_000) -> Callable[[str], list[int]]:
    """The same function with its answers kept, up to `most` of them: the same names and marks are asked for often."""
    cache: dict[str, list[int]] = {}

    def tokens(text: str) -> list[int]:
        known = cache.get(text)
        if known is None:
            if len(cache) >= most:
                cache.clear()
            known = cache[text] = tokenize(text)
        return known

    return tokens


def log_sum_exp(row: NDArray[np.float32]) -> float:
    """log of the sum of exp, computed in float32 around the highest value."""
    top = float(row.max())
    return top + math.log(float(np.exp(row - np.float32(top)).sum()))


def decode(pieces: Iterable[bytes]) -> str:
    """Text of a run of token pieces; bytes that are no UTF-8 become U+FFFD."""
    return b"".join(pieces).decode("utf-8", errors="replace")
