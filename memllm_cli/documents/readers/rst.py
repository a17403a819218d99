"""reStructuredText, roughly: headings, paragraphs, items, tables; directives that show code are dropped.

A line-based reading without docutils: it renders what prose documents use and leaves the rest as it stands.
"""

from __future__ import annotations

import re

from memllm_cli.documents.base import Block, Kind, Line, Parsed, words
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.readers.text import unwrap

_PUNCT = re.compile(r"([!-/:-@\[-`{-~])\1+")
_DIRECTIVE = re.compile(r"(\s*)\.\.\s+(?:\|[^|]+\|\s+)?([A-Za-z][\w:.-]*?)::(?:\s+(.*))?$")
_EXPLICIT = re.compile(r"(\s*)\.\.(?:\s|$)")
_SHOWN = words(
    "note warning tip hint important caution attention danger error seealso admonition topic sidebar epigraph "
    "versionadded versionchanged deprecated rubric glossary"
)
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
    text = _ROLE_TARGET.sub(r"\1", text)
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
        elif not (self.heading() or self.explicit() or self.table()):
            if text.lstrip().startswith(">>>"):
                while self.line().strip():
                    self.at += 1
            elif text.strip() == "::":
                self.at += 1
                self.skip_indented(_indent(text))
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
        self.parsed.blocks.append(Block("heading", (Line(number, title),), level))
        self.at += used
        return True

    def explicit(self) -> bool:
        """Directives, comments, targets, footnotes: all that begins with two dots."""
        text = self.line()
        if not _EXPLICIT.match(text):
            return False
        directive = _DIRECTIVE.match(text)
        indent = _indent(text)
        if directive and directive.group(2).lower() in _SHOWN and "|" not in text[: directive.start(2)]:
            if argument := directive.group(3):
                if directive.group(2).startswith(("version", "deprecated")):
                    argument = directive.group(2).replace("version", "").capitalize() + " in " + argument
                self.emit("paragraph", [Line(self.at + 1, argument)])
            self.at += 1
            while _OPTION.match(self.line()) and _indent(self.line()) > indent:
                self.at += 1
            return True
        footnote = re.match(r"\s*\.\.\s+\[[^\]]+\]\s+(.*)", text)
        if footnote:
            self.emit("item", [Line(self.at + 1, footnote.group(1))])
            self.at += 1
            return True
        self.at += 1
        self.skip_indented(indent)
        return True

    def skip_indented(self, indent: int) -> None:
        """Move behind the block that is indented more than `indent`."""
        while self.at < len(self.lines) and (not self.line().strip() or _indent(self.line()) > indent):
            self.at += 1

    def table(self) -> bool:
        if _GRID.fullmatch(self.line()):
            self.grid_table()
            return True
        if _SIMPLE.fullmatch(self.line()):
            self.simple_table()
            return True
        return False

    def grid_table(self) -> None:
        cells: list[str] = []
        number = self.at + 1
        while self.line().strip():
            text = self.line().strip()
            if text.startswith("|"):
                columns = [c.strip() for c in text.strip("|").split("|")]
                if not cells:
                    number = self.at + 1
                    cells = columns
                elif len(cells) == len(columns):
                    cells = [f"{a} {b}" for a, b in zip(cells, columns, strict=True)]
                else:
                    cells.extend(columns)
            else:
                self.row(number, cells)
                cells = []
            self.at += 1
        self.row(number, cells)

    def simple_table(self) -> None:
        columns = [m.start() for m in re.finditer("=+", self.line())]
        self.at += 1
        borders = 0
        while self.at < len(self.lines) and borders < 2:
            text = self.line()
            if _SIMPLE.fullmatch(text):
                borders += 1
                # After the closing border comes a blank line; without one it was the header's.
                if not self.line(1).strip():
                    borders = 2
            elif text.strip():
                ends = [*columns[1:], len(text)]
                self.row(self.at + 1, [text[a:b].strip() for a, b in zip(columns, ends, strict=True)])
            self.at += 1

    def row(self, number: int, cells: list[str]) -> None:
        if any(cells):
            text = " | ".join(inline(c) for c in cells)
            self.parsed.blocks.append(Block("row", (Line(number, text),)))

    def paragraph(self) -> None:
        first = self.line()
        item = _ITEM.match(first)
        indent = _indent(first)
        lines = [Line(self.at + 1, first[item.end() :] if item else first)]
        self.at += 1
        # A definition list's term is followed by an indented line: no continuation unless in an item.
        while self.line().strip() and not _EXPLICIT.match(self.line()) and not _ITEM.match(self.line()):
            if not item and _indent(self.line()) != indent:
                break
            lines.append(Line(self.at + 1, self.line()))
            self.at += 1
        last = lines[-1].text.rstrip()
        literal = last.endswith("::")
        if literal:
            lines[-1] = Line(lines[-1].number, last[:-1])
        if item:
            self.emit("item", lines)
        else:
            for group in unwrap(lines):
                self.emit("paragraph", group)
        if literal:
            # Items may be indented less than the literal block that follows them, never more.
            self.skip_indented(max(indent, _indent(last)) if not item else indent)

    def emit(self, kind: Kind, lines: list[Line]) -> None:
        # Markup may go over a line end: render the whole and keep the first line's number where lines merge.
        rendered = inline("\n".join(line.text for line in lines)).split("\n")
        if len(rendered) == len(lines):
            kept = [Line(line.number, text) for line, text in zip(lines, rendered, strict=True)]
        else:
            kept = [Line(lines[0].number, " ".join(rendered))]
        self.parsed.blocks.append(Block(kind, tuple(kept)))
