"""Slow things beside the person: a model loaded in the background, a sign of life while one waits, Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

T = TypeVar("T")
PATIENCE = 0.3
"""Seconds after which a wait is explained."""


class Loading(Generic[T]):
    """Something slow to make, made in a thread of its own while the person types. It is only made there, never used."""

    def __init__(self, make: Callable[[], T], close: Callable[[T], None] = lambda made: None) -> None:
        self._make, self._close = make, close
        self._thread: threading.Thread | None = None
        self._made: list[T] = []
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin to make it, unless that is done or under way."""
        if not self._made and self._thread is None:
            self._thread = threading.Thread(target=self._load, name="load model", daemon=True)
            self._thread.start()

    def get(self) -> T:
        """What is made, waited for. Raises what making it raised; the next call then tries again."""
        self.start()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._made[0]

    def drop(self) -> None:
        """Give it back; the next `get` makes a new one. Waits for one that is being made."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for made in self._made:
            self._close(made)
        self._made, self._error = [], None

    def _load(self) -> None:
        try:
            self._made = [self._make()]
        except Exception as error:  # raised again, as it is, in the thread that asks for it
            self._error = error


class Waiting:
    """A status line on standard error while a block takes longer than `PATIENCE`; nothing when `console` is None.

    On something that is no terminal the text is printed once, as a line, unless `lines` is False.
    """

    def __init__(self, console: Console | None, text: str, lines: bool = True) -> None:
        self._console = console if console is not None and (lines or console.is_terminal) else None
        self._text = text
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._status: Status | None = None
        self._over = False

    def __enter__(self) -> Waiting:
        if self._console is not None:
            self._timer = threading.Timer(PATIENCE, self._appear)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the line away, also within the block."""
        with self._lock:
            self._over = True
            if self._timer is not None:
                self._timer.cancel()
            if self._status is not None:
                self._status.stop()
                self._status = None

    def _appear(self) -> None:
        from rich.text import Text

        with self._lock:
            if self._over or self._console is None:
                return
            text = Text(self._text, style="dim")
            if not self._console.is_terminal:
                self._console.print(text)
                return
            self._status = self._console.status(text)
            self._status.start()


class Interrupt:
    """Ctrl-C while a block runs: the first only sets `wanted`, so that nothing is left half done; the second raises.

    Outside the main thread signals cannot be caught, and it does nothing.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._before: Any = None
        self._caught = False

    def __enter__(self) -> Interrupt:
        self.wanted = False
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._signal)
            self._caught = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._caught:
            signal.signal(signal.SIGINT, self._before)
            self._caught = False

    def _signal(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
