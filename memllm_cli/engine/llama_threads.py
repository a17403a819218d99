"""How many threads to compute with, given that other programs want the cores, too.

llama.cpp's threads wait for each other after every step. When one of them is kept waiting for its core, all are,
and two threads are slower than one. Measured on two cores with another program using one of them: 30 tokens a
second with two threads, 80 with one (and 1 with the long spinning waits that OpenMP has by default).
"""

from __future__ import annotations

import time
from collections.abc import Callable

_STARVED = 0.75  # share of the processor time asked for; 0.97 on an idle machine, 0.5 when a core is taken
_SHORTEST = 0.002  # seconds; shorter evaluations say nothing
_FIRST, _LAST = 0.5, 16.0  # seconds to make do with fewer threads before all are tried again


class Threads:
    """A number of threads that goes down while the processor time does not arrive, and up again later.

    Call `begin` before an evaluation and `end` after it. The clocks (seconds) can be replaced in tests.
    """

    def __init__(
        self,
        most: int,
        wall: Callable[[], float] = time.perf_counter,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self._most = self._now = max(1, most)
        self._wall, self._used = wall, used
        self._strikes = 0
        self._hold = _FIRST
        self._until = 0.0
        self._began = (0.0, 0.0)

    def begin(self) -> int:
        """How many threads to use for the evaluation that follows."""
        at = self._wall()
        if self._now < self._most and at >= self._until:
            self._now = self._most
        self._began = (at, self._used())
        return self._now

    def end(self) -> None:
        """Judge the evaluation that has just ended."""
        at = self._wall()
        spent = at - self._began[0]
        if self._now == 1 or spent < _SHORTEST:
            return
        if self._used() - self._began[1] >= _STARVED * spent * self._now:
            self._strikes = 0
            if self._now == self._most:
                self._hold = _FIRST
            return
        self._strikes += 1
        if self._strikes >= 2:  # one alone may be the model's pages coming from the disk
            self._strikes = 0
            self._now //= 2
            self._until = at + self._hold
            self._hold = min(_LAST, self._hold * 2)
