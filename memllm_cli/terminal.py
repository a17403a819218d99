"""What reaches a terminal: cleaning at one place, and the console everything is printed on.

Data goes to standard output, progress and notes to standard error. Whatever came from a document, a model or the
memory is stripped of control characters before it is printed, and its markup is escaped.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memllm_cli.errors import MemllmError

if TYPE_CHECKING:
    from rich.console import Console

ENVELOPE = 1
"""Version of the JSON envelope."""
_BIDI = {chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}


def clean(text: str, lines: bool = False) -> str:
    """Untrusted text, fit for a terminal: no control, bidi or unassigned characters; with `lines`, newlines stay."""
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


@dataclass(slots=True)
class Output:
    """How one command prints. `json` wins over everything; `quiet` drops notes; without `input` nothing is asked."""

    command: str = ""
    json: bool = False
    quiet: bool = False
    input: bool = True

    @property
    def out(self) -> Console:
        """Standard output: data."""
        from rich.console import Console

        return Console(highlight=False, soft_wrap=True)

    @property
    def err(self) -> Console:
        """Standard error: progress and notes."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, soft_wrap=True)

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

        text = json.dumps({"memllm": ENVELOPE, "command": self.command, **body}, ensure_ascii=False)
        sys.stdout.write(text + "\n")

    def error(self, error: MemllmError) -> None:
        """What happened and what to do next."""
        if self.json:
            body = {"message": error.message, "hint": error.hint, "code": error.exit_code}
            self._envelope({"ok": False, "error": body})
        self.err.print(f"[red]error:[/red] {safe(error.message)}")
        if error.hint:
            self.err.print(f"[dim]{safe(error.hint)}[/dim]")

    def confirm(self, question: str, default: bool = False) -> bool:
        """Ask; the default when nobody is there."""
        if not self.interactive:
            return default
        answer = input(f"{clean(question)} [{'Y/n' if default else 'y/N'}] ").strip().lower()
        return default if not answer else answer in ("y", "yes")
