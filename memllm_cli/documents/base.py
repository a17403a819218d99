"""What the readers share: limits, what `find` returns, and the parts that every format is brought to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MB = 1024 * 1024


def words(text: str) -> frozenset[str]:
    """The words of `text` as a set, for lists that read better in a row."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader may spend: folder depth, entries, bytes of a file and of an unpacked archive, the PDF child's
    seconds and bytes; and up to how many rows the cells of a table become facts."""

    depth: int = 20
    files: int = 100_000
    file_bytes: int = 20 * MB
    pdf_bytes: int = 50 * MB
    pdf_seconds: float = 60.0
    pdf_memory: int = 2048 * MB
    pdf_output: int = 64 * MB
    package_bytes: int = 512 * MB
    package_members: int = 20_000
    table_rows: int = 2_000

    def bytes_for(self, binary: bool) -> int:
        """The largest file, of a binary format or of text, in bytes."""
        return self.pdf_bytes if binary else self.file_bytes


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that `find` left out, and why (the reason does not repeat the path)."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """Files to read, in order, and what was left out."""

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


Kind = Literal[
    "heading", "paragraph", "item", "table", "pair", "term", "definition", "quote", "turn", "code", "footnote"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of a part that stands on one line of the source; line and page count from 1."""

    number: int
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table as the source has it: how many columns and rows it covers, whether it is marked as a header."""

    text: str
    line: int
    width: int = 1
    height: int = 1
    header: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a document as a reader of its format finds it, in order: what `assemble` makes blocks of.

    `level` is a heading's (1 is the highest), or how deep an item or a quote is nested (from 0). `label` is the key of
    a pair, the term of a definition, the speaker of a turn, the mark of a footnote or the caption of a table; the lines
    of a pair begin with it, and of a turn where the source writes it there. `note` is the time of a turn. A
    table has `rows` instead of lines.
    """

    kind: Kind
    lines: tuple[Line, ...] = ()
    level: int = 0
    label: str = ""
    note: str = ""
    rows: tuple[tuple[Cell, ...], ...] = ()


FRONT_MATTER = "front matter"
"""Note of the pairs that stand before a text: they are about it, and none of its sentences."""


@dataclass(slots=True)
class Parsed:
    """What a reader of one format returns: parts in order, the title it found ("" if none), notes, other names."""

    parts: list[Part] = field(default_factory=list)
    title: str = ""
    notes: list[str] = field(default_factory=list)


class Gatherer:
    """Collects running text into parts while a reader walks its tree, with the source line of each piece."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.line = 1
        self._lines: list[Line] = []
        self._parts: list[str] = []
        self._start = 1

    def add(self, text: str) -> None:
        """Append text; newlines in it advance the source line."""
        for index, part in enumerate(text.split("\n")):
            if index:
                self._parts.append(" ")
                self.line += 1
            if not part:
                continue
            if self.line != self._start and (not self._parts or self._parts[-1][-1:].isspace()):
                self._cut()
            self._parts.append(part)

    def break_line(self) -> None:
        """End the line and not the part, as `<br>` does."""
        self._parts.append(" ")
        self._cut()

    def _cut(self) -> None:
        text = "".join(self._parts)
        if text.strip():
            self._lines.append(Line(self._start, text))
        self._parts = []
        self._start = self.line

    def trim_end(self, text: str) -> None:
        """Take back `text` where the running text ends with it, and spaces around."""
        while self._parts and not self._parts[-1].strip():
            self._parts.pop()
        if self._parts and self._parts[-1].strip() == text.strip():
            self._parts.pop()

    def flush(self, kind: Kind = "paragraph", level: int = 0, label: str = "") -> None:
        """End the part; nothing happens if it holds only white space."""
        if lines := self.take():
            self.parts.append(Part(kind, lines, level, label))

    def take(self) -> tuple[Line, ...]:
        """The running text so far, which is forgotten here; empty if it is only white space."""
        self._cut()
        lines, self._lines = tuple(self._lines), []
        return lines
