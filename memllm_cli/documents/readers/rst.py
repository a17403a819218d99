"""reStructuredText, roughly: headings, paragraphs, items, fields, definitions, tables, code.

A line-based reading without docutils: it renders what prose documents use and leaves the rest as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from memllm_cli.documents.base import Cell, Kind, Line, Parsed, Part, words
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.readers.rst_tables import listed, separated
from memllm_cli.documents.readers.text import unwrap

_PUNCT = re.compile(r"([!-/:-@\[-`{-~])\1+")
_DIRECTIVE = re.compile(r"(\s*)\.\.\s+(?:\|[^|]+\|\s+)?([A-Za-z][\w:.-]*?)::(?:\s+(.*))?$")
_EXPLICIT = re.compile(r"(\s*)\.\.(?:\s|$)")
_UNSHOWN = words(
    "image include raw toctree contents index highlight role default-role meta currentmodule sectnum header footer "
    "unicode date replace class target-notes"
)
_OF_PATHS = words("figure only ifconfig container rst-class")
"""Directives whose argument is no text."""
_FIELD = re.compile(r"(\s*):([^:\s](?:[^:]{0,60}[^:\s])?):(?:\s+(\S.*))?$")
_KEYED = re.compile(r"[^\W\d_][\w -]{0,30}:\s+\S")
_NOTE_MARK = re.compile(r"\s?\[(?:\d{1,3}|#[\w-]*|\*)\]_(?!\w)")
_CODE = words("code code-block sourcecode parsed-literal prompt console literalinclude")
_TABLES = {"list-table": listed, "csv-table": separated}
_ITEM = re.compile(r"(\s*)(?:[-*+•]|#\.|\(?\d{1,3}[.)]|\(?[a-z]\))\s+(?=\S)")
_OPTION = re.compile(r"\s*:[\w -]+:(?:\s|$)")
_GRID = re.compile(r"\s*\+(?:[-=]+\+)+\s*")
_SIMPLE = re.compile(r"\s*=+(?:\s+=+)+\s*")
# Lengths are bounded: unbounded, hostile runs of marks would take quadratic time.
_NAME = r":[\w+.-]{1,40}(?::[\w+.-]{1,40})?:"
_ROLE_TARGET = re.compile(_NAME + r"`([^`<]{0,300}?)\s{0,9}<[^`<>]{0,500}>`")
_ROLE = re.compile(_NAME + r"`~?([^`]{0,500})`")
_LINK = re.compile(r"`([^`<]{1,300}?)\s{0,9}<[^`<>]{0,500}>`_{1,2}")
_LITERAL = re.compile(r"``(.{1,500}?)``")
_REFERENCE = re.compile(r"`([^`]{1,500})`_{0,2}")
_STRONG = re.compile(r"(?<![\w*])\*{1,2}(?=\S)([^*\n]{0,500}?\S)\*{1,2}(?![\w*])")
_WORD_REFERENCE = re.compile(r"(?<=\w)_{1,2}(?=[\s.,;:)]|$)")


def parse(source: str) -> Parsed:
    """Blocks of a reStructuredText file."""
    return _Reader(source.expandtabs(8).split("\n")).run()


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def inline(text: str) -> str:
    """Inline markup as its text: roles, links, literals and emphasis without their marks."""
    text = _ROLE_TARGET.sub(r"\1", _NOTE_MARK.sub("", text))
    text = _ROLE.sub(r"\1", text)
    text = _LINK.sub(r"\1", text)
    # Literals are kept as they are: their underscores and stars are no markup.
    parts = _LITERAL.split(text)
    for index in range(0, len(parts), 2):
        part = _REFERENCE.sub(r"\1", parts[index])
        parts[index] = _WORD_REFERENCE.sub("", _STRONG.sub(r"\1", part))
    return "".join(parts)


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self.parsed = Parsed()
        self.marks: list[str] = []

    def run(self) -> Parsed:
        while self.at < len(self.lines):
            self.step()
        return self.parsed

    def line(self, offset: int = 0) -> str:
        index = self.at + offset
        return self.lines[index] if 0 <= index < len(self.lines) else ""

    def step(self) -> None:
        """Read one construct and move on behind it."""
        text = self.line()
        if not text.strip():
            self.at += 1
        elif not (self.heading() or self.explicit() or self.table() or self.field() or self.definition()):
            if text.lstrip().startswith(">>>"):
                start = self.at
                while self.line().strip():
                    self.at += 1
                self.code(start)
            elif text.strip() == "::":
                self.at += 1
                self.skip_indented(_indent(text), code=True)
            elif _PUNCT.fullmatch(text.strip()) and len(text.strip()) >= 4:
                self.at += 1
            else:
                self.paragraph()

    def heading(self) -> bool:
        over = _PUNCT.fullmatch(self.line().rstrip())
        if over and self.line(1).strip() and self.line(2).rstrip() == self.line().rstrip():
            title, mark, number, used = self.line(1), over.group(1) * 2, self.at + 2, 3
        else:
            under = _PUNCT.fullmatch(self.line(1).rstrip())
            wide = len(self.line().rstrip())
            if not under or _indent(self.line()) or over or len(self.line(1).rstrip()) < min(wide, max(3, wide - 2)):
                return False
            title, mark, number, used = self.line(), under.group(1), self.at + 1, 2
        if mark not in self.marks:
            self.marks.append(mark)
        title = inline(title)
        self.parsed.title = self.parsed.title or one_line(title)
        level = self.marks.index(mark) + 1
        self.parsed.parts.append(Part("heading", (Line(number, title),), level))
        self.at += used
        return True

    def explicit(self) -> bool:
        """Directives, comments, targets, footnotes: all that begins with two dots."""
        text = self.line()
        if not _EXPLICIT.match(text):
            return False
        directive = _DIRECTIVE.match(text)
        indent = _indent(text)
        name = directive.group(2).lower() if directive else ""
        if name in _TABLES:
            self.listed_table(indent, _TABLES[name], directive.group(3) if directive else "")
            return True
        if directive and name not in _UNSHOWN and name not in _CODE and "|" not in text[: directive.start(2)]:
            if name in _OF_PATHS:
                pass
            elif argument := directive.group(3):
                if directive.group(2).startswith(("version", "deprecated")):
                    argument = directive.group(2).replace("version", "").capitalize() + " in " + argument
                self.emit("paragraph", [Line(self.at + 1, argument)])
            self.at += 1
            while self.line().strip() and _OPTION.match(self.line()) and _indent(self.line()) > indent:
                self.at += 1
            return True
        footnote = re.match(r"\s*\.\.\s+\[([^\]]+)\]\s+(.*)", text)
        if footnote:
            lines = [Line(self.at + 1, footnote.group(2))]
            self.at += 1
            while self.line().strip() and _indent(self.line()) > indent:
                lines.append(Line(self.at + 1, self.line()))
                self.at += 1
            self.emit("footnote", lines, label=footnote.group(1).lstrip("#"))
            return True
        self.at += 1
        self.skip_indented(indent, code=name in _CODE)
        return True

    def skip_indented(self, indent: int, code: bool = False) -> None:
        """Move behind the block that is indented more than `indent`; it is kept as code where it is shown."""
        start = self.at
        while self.at < len(self.lines) and (not self.line().strip() or _indent(self.line()) > indent):
            self.at += 1
        if code:
            self.code(start)

    def code(self, start: int) -> None:
        """The lines from `start` to here as code, without the options of a directive."""
        lines = [Line(n + 1, self.lines[n]) for n in range(start, self.at) if self.lines[n].strip()]
        while lines and _OPTION.match(lines[0].text):
            lines.pop(0)
        if lines:
            self.parsed.parts.append(Part("code", tuple(lines)))

    def field(self) -> bool:
        """A field of a field list, as `:Author: Ann`, with its indented lines."""
        match = _FIELD.match(self.line())
        if not match:
            return False
        indent = len(match.group(1))
        key = inline(match.group(2)).strip()
        lines = [Line(self.at + 1, f"{key}: {match.group(3) or ''}")]
        self.at += 1
        while self.line().strip() and _indent(self.line()) > indent:
            lines.append(Line(self.at + 1, self.line()))
            self.at += 1
        if any(line.text.strip() not in ("", f"{key}:") for line in lines):
            self.emit("pair", lines, label=key)
        return True

    def definition(self) -> bool:
        """A term with the indented text below it."""
        text, below = self.line(), self.line(1)
        if not below.strip() or _indent(below) <= _indent(text) or _ITEM.match(text) or text.rstrip().endswith("::"):
            return False
        ends = text.rstrip().endswith((".", ":", ","))
        if self.line(-1).strip() or ends or _EXPLICIT.match(below) or _KEYED.match(text):
            return False
        term = inline(text).split(" : ")[0].strip()
        self.emit("term", [Line(self.at + 1, term)])
        indent = _indent(below)
        self.at += 1
        lines: list[Line] = []
        while self.line().strip() and _indent(self.line()) == indent:
            lines.append(Line(self.at + 1, self.line()))
            self.at += 1
        self.emit("definition", lines, label=term)
        return True

    def table(self) -> bool:
        if _GRID.fullmatch(self.line()):
            self.grid_table()
            return True
        if _SIMPLE.fullmatch(self.line()):
            self.simple_table()
            return True
        return False

    def listed_table(self, indent: int, rows_of: Callable[[list[Line]], list[list[Cell]]], title: str) -> None:
        """A table that is written as a list or as lines of values."""
        self.at += 1
        start = self.at
        self.skip_indented(indent)
        rows = rows_of([Line(n + 1, self.lines[n]) for n in range(start, self.at) if self.lines[n].strip()])
        shown = [tuple(replace(cell, text=inline(cell.text)) for cell in row) for row in rows if row]
        if shown:
            self.parsed.parts.append(Part("table", rows=tuple(shown), label=inline(title or "")))

    def grid_table(self) -> None:
        """A table drawn with `+---+`; a border of `=` ends its header."""
        rows: list[list[Cell]] = []
        cells: list[str] = []
        number, head = self.at + 1, 0
        while self.line().strip():
            text = self.line().strip()
            if text.startswith("|"):
                columns = [c.strip() for c in text.strip("|").split("|")]
                if not cells:
                    number = self.at + 1
                    cells = columns
                elif len(cells) == len(columns):
                    cells = [f"{a} {b}".strip() for a, b in zip(cells, columns, strict=True)]
                else:
                    cells.extend(columns)
            else:
                rows.append(_cells(cells, number))
                cells = []
                if "=" in text:
                    head = len([r for r in rows if r])
            self.at += 1
        rows.append(_cells(cells, number))
        self.tabled([r for r in rows if r], head)

    def simple_table(self) -> None:
        """A table under rulers of `===`; the second ends its header. A row without a first cell goes on."""
        columns = [m.start() for m in re.finditer("=+", self.line())]
        self.at += 1
        borders = head = 0
        rows: list[list[Cell]] = []
        while self.at < len(self.lines) and borders < 2:
            text = self.line()
            if _SIMPLE.fullmatch(text):
                borders += 1
                head = len(rows) if borders == 1 else head
                # After the closing border comes a blank line; without one it was the header's.
                if not self.line(1).strip():
                    head = 0 if borders == 1 else head
                    borders = 2
            elif text.strip() and not re.fullmatch(r"[\s-]+", text):
                ends = [*columns[1:], len(text)]
                texts = [text[a:b].strip() for a, b in zip(columns, ends, strict=True)]
                if rows and not texts[0] and len(rows) > head:
                    rows[-1] = [
                        Cell(f"{c.text} {inline(t)}".strip(), c.line) for c, t in zip(rows[-1], texts, strict=True)
                    ]
                else:
                    rows.append(_cells(texts, self.at + 1))
            self.at += 1
        self.tabled(rows, head)

    def tabled(self, rows: list[list[Cell]], head: int) -> None:
        marked = [[Cell(c.text, c.line, header=n < head) for c in row] for n, row in enumerate(rows)]
        if marked:
            self.parsed.parts.append(Part("table", rows=tuple(map(tuple, marked))))

    def paragraph(self) -> None:
        first = self.line()
        item = _ITEM.match(first)
        indent = _indent(first)
        lines = [Line(self.at + 1, first[item.end() :] if item else first)]
        self.at += 1
        # A definition list's term is followed by an indented line: no continuation unless in an item.
        while self.line().strip() and not _EXPLICIT.match(self.line()) and not _ITEM.match(self.line()):
            deeper = _indent(self.line()) > indent and _KEYED.match(lines[-1].text) is not None
            if deeper and not item:  # a key's value goes on
                lines[-1] = Line(lines[-1].number, f"{lines[-1].text.rstrip()} {self.line().strip()}")
                self.at += 1
                continue
            if not item and _indent(self.line()) != indent:
                break
            lines.append(Line(self.at + 1, self.line()))
            self.at += 1
        last = lines[-1].text.rstrip()
        literal = last.endswith("::")
        if literal:
            lines[-1] = Line(lines[-1].number, last[:-1])
        if item:
            self.emit("item", lines, indent // 2)
        else:
            for group in unwrap(lines):
                self.emit("paragraph", group)
        if literal:
            # Items may be indented less than the literal block that follows them, never more.
            self.skip_indented(max(indent, _indent(last)) if not item else indent, code=True)

    def emit(self, kind: Kind, lines: list[Line], level: int = 0, label: str = "") -> None:
        # Markup may go over a line end: render the whole and keep the first line's number where lines merge.
        rendered = inline("\n".join(line.text for line in lines)).split("\n")
        if len(rendered) == len(lines):
            kept = [Line(line.number, text) for line, text in zip(lines, rendered, strict=True)]
        else:
            kept = [Line(lines[0].number, " ".join(rendered))]
        self.parsed.parts.append(Part(kind, tuple(kept), level, label))


def _cells(texts: list[str], number: int) -> list[Cell]:
    return [Cell(inline(text), number) for text in texts] if any(texts) else []
