"""Several texts decoded together: each is a generator that says what to append, and looks at the logits after it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from memllm_cli.engine.base import Engine

T = TypeVar("T")


class Lane:
    """One sequence of an engine, for one job."""

    def __init__(self, engine: Engine, seq: int) -> None:
        self._engine, self._seq = engine, seq

    @property
    def length(self) -> int:
        """Tokens it holds."""
        return len(self._engine.tokens(self._seq))

    def rewind(self, length: int) -> None:
        """Keep the first tokens; something must be appended before the next look."""
        self._engine.rewind(self._seq, length)

    def pick(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Log-probabilities (len(ids),) of chosen next ids."""
        return self._engine.pick(self._seq, ids)

    def logits(self) -> NDArray[np.float32]:
        """All logits (vocabulary,)."""
        return self._engine.logits(self._seq)


Job = Callable[[Lane], Generator[list[int], None, T]]
"""Yields tokens to append, at least one; goes on when they are evaluated; returns its result."""


def together(engine: Engine, jobs: Iterable[Job[T]], count: Callable[[int], None] = lambda n: None) -> Iterator[T]:
    """Results in order of completion. `count` is told how many tokens each step evaluates."""
    source = iter(jobs)
    free = list(range(engine.sequences))
    running: dict[int, Generator[list[int], None, T]] = {}
    more = True
    while more or running:
        while free and more:
            job = next(source, None)
            if job is None:
                more = False
                break
            seq = free.pop()
            engine.rewind(seq, 0)
            running[seq] = job(Lane(engine, seq))
        wanted: dict[int, list[int]] = {}
        for seq, work in list(running.items()):
            try:
                wanted[seq] = next(work)
            except StopIteration as end:
                del running[seq]
                free.append(seq)
                yield end.value
        count(sum(map(len, wanted.values())))
        engine.feed(wanted)
