"""What reaches a terminal: cleaning at one place, and the console everything is printed on.

Data goes to standard output, progress and notes to standard error. Whatever came from a document, a model or the
memory is stripped of control characters before it is printed, and its markup is escaped.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from memllm_cli.errors import MemllmError, PartlyDone
from memllm_cli.streams import takes_any_letter

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console
    from rich.progress import Progress, TaskID

ENVELOPE = 1
"""Version of the JSON envelope."""
_BIDI = {chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}
# Strings end at ST (or BEL); none reaches over a line's end or another sequence's start, which keeps one pass linear.
_STRING = "[^\x07\x1b\n\x90\x98\x9c-\x9f]*+(?:\x07|\x1b\\\\|\x9c)"
ESCAPE = (
    "(?:\x1b\\[|\x9b)[0-?]*+[ -/]*+[@-~]"  # CSI: colours, cursor movements
    f"|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f]){_STRING}"  # OSC, DCS, SOS, PM, APC: titles, links, clipboard
    "|\x1b[#%(-+][0-~]"  # character sets
)
"""Pattern of a whole escape sequence, in its 7-bit and its C1 form (ECMA-48, sections 5.4 and 5.6)."""
_ESCAPES = re.compile(ESCAPE)
_STARTS = re.compile("[\x1b\x90\x98\x9b\x9d-\x9f]")


def clean(text: str, lines: bool = False) -> str:
    """Untrusted text, fit for a terminal; with `lines`, newlines stay.

    Escape sequences go as a whole; then what is left of control, bidi and unassigned characters goes.
    """
    if _STARTS.search(text):
        text = _ESCAPES.sub("", text)
    out = []
    for c in text:
        if c == "\n" and lines:
            out.append(c)
        elif c in "\n\t":
            out.append(" ")
        elif c in _BIDI or unicodedata.category(c) in ("Cc", "Cs", "Cn", "Co"):
            continue
        else:
            out.append(c)
    return "".join(out)


def safe(text: str, lines: bool = False) -> str:
    """`clean` text with rich's markup escaped."""
    from rich.markup import escape

    return escape(clean(text, lines))


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 fact`, `2 facts`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the block is done; a second one is let through. Only the main thread can do this.

    For what must not be torn: a commit, the start of an extension module, and foreign code that calls back into
    Python, where an exception is lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = False

    def hold(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
        if pressed:
            signal.raise_signal(signal.SIGINT)


CALIBRATED = ("draft-", "structure-")
"""Beginnings of the formats whose probabilities mean what they say."""


def sureness(probability: float, format: str | None) -> str:
    """How sure a writer was, in words: of ten facts like this, how many are right."""
    if not (format or "").startswith(CALIBRATED):
        return f"the model's score {probability:.2f}"
    tenths = round(10 * probability)
    if tenths >= 10:
        return "nearly all like this are right"
    return f"about {tenths} in 10 like this are right" if tenths else "hardly any like this are right"


@dataclass(slots=True)
class Output:
    """How one command prints. `json` wins over everything; `quiet` drops notes; without `input` nothing is asked."""

    command: str = ""
    json: bool = False
    quiet: bool = False
    input: bool = True
    _out: Console | None = field(default=None, init=False, repr=False)
    _err: Console | None = field(default=None, init=False, repr=False)

    @property
    def out(self) -> Console:
        """Standard output: data."""
        if self._out is None:
            from rich.console import Console

            self._out = Console(highlight=False, soft_wrap=True, emoji=False)
        return self._out

    @property
    def err(self) -> Console:
        """Standard error: progress and notes. One console, so that notes are printed above a running bar."""
        if self._err is None:
            from rich.console import Console

            self._err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        return self._err

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to be asked."""
        return self.input and not self.json and sys.stdin.isatty() and sys.stderr.isatty()

    def note(self, text: str) -> None:
        """A line for people about what is happening; rich markup is understood, so escape foreign text."""
        if not self.quiet and not self.json:
            self.err.print(f"[dim]{text}[/dim]")

    def line(self, text: str) -> None:
        """A line of data, with markup."""
        if not self.json:
            self.out.print(text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Data as a table on a terminal and as tab-separated lines in a pipe. Cells are untrusted."""
        if self.json:
            return
        if not sys.stdout.isatty():
            for row in rows:
                sys.stdout.write("\t".join(clean(c) for c in row) + "\n")
            return
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(safe(c) for c in row))
        self.out.print(table)

    def data(self, value: Any) -> None:
        """The result for machines: one envelope a command; nothing unless `--json` was given."""
        if self.json:
            self._envelope({"ok": True, "data": value})

    def _envelope(self, body: dict[str, Any]) -> None:
        import json

        whole = {"memllm": ENVELOPE, "command": self.command, **body}
        text = json.dumps(whole, ensure_ascii=not takes_any_letter())
        sys.stdout.write(text + "\n")

    def error(self, error: MemllmError) -> None:
        """What happened and what to do next."""
        if self.json:
            body = {"message": error.message, "hint": error.hint, "code": error.exit_code}
            done = {"data": error.data} if isinstance(error, PartlyDone) else {}
            self._envelope({"ok": False, **done, "error": body})
        self.err.print(f"[red]error:[/red] {safe(error.message)}")
        if error.hint:
            self.err.print(f"[dim]{safe(error.hint)}[/dim]")

    def interrupted(self, said: str = "") -> None:
        """That Ctrl-C was pressed, and what it left."""
        text = f"interrupted: {said}" if said else "interrupted"
        if self.json:
            self._envelope({"ok": False, "error": {"message": text, "hint": "", "code": 130}})
        self.err.print(f"[dim]{safe(text)}[/dim]")

    def confirm(self, question: str, default: bool = False) -> bool:
        """Ask; the default when nobody is there."""
        if not self.interactive:
            return default
        answer = input(f"{clean(question)} [{'Y/n' if default else 'y/N'}] ").strip().lower()
        return default if not answer else answer in ("y", "yes")

    def ask(self, question: str) -> str:
        """What a person types after a question."""
        return input(clean(question)).strip()

    def bar(self, what: str) -> Callable[[int, int], None]:
        """Shows how far something is (done, total) each time the result is called, where somebody looks."""
        bars: list[tuple[Progress, TaskID]] = []

        def show(done: int, total: int) -> None:
            if self.quiet or self.json or not self.err.is_terminal:
                return
            if not bars and done < total:
                from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

                columns = (TextColumn(what), BarColumn(bar_width=24), TimeRemainingColumn())
                bar = Progress(*columns, console=self.err, transient=True)
                bar.start()
                bars.append((bar, bar.add_task("", total=total)))
            for bar, task in bars:
                bar.update(task, completed=done)
                if done >= total:
                    bar.stop()
            if done >= total:
                bars.clear()

        return show

    @contextmanager
    def working(self, what: str) -> Iterator[Callable[[str], None]]:
        """A line that says what is going on for as long as the block takes; call the result to change it."""
        if self.quiet or self.json:
            yield lambda text: None
            return
        with self.err.status(what) as status:
            yield status.update
