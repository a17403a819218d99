"""How long an answer took, and what the model did for it."""

from __future__ import annotations

import time


class Clock:
    """Begins when it is made. `first` is when the answer's first piece came, in seconds; 0 while none has."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.first = 0.0
        self.evaluated = 0
        self.generated = 0

    def start(self) -> None:
        """The first piece of the answer is here."""
        if not self.first:
            self.first = self.total()

    def total(self) -> float:
        """Seconds until now."""
        return time.perf_counter() - self._began
