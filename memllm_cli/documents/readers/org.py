"""Org files (of Emacs) to parts: headings with their properties, lists, tables, quotes and code."""

from __future__ import annotations

import re

from memllm_cli.documents.base import FRONT_MATTER, Cell, Line, Parsed, Part

_HEADING = re.compile(r"(\*+)\s+(?:(TODO|DONE|NEXT|WAITING|CANCELLED|CANCELED|HOLD)\s+)?(?:\[#[A-Z0-9]\]\s+)?(.*?)"
                      r"(?:\s+(:[\w@#%:]+:))?\s*$")  # fmt: skip
_KEYWORD = re.compile(r"\s*#\+(\w+):\s*(.*)$")
_BEGIN = re.compile(r"\s*#\+begin_(\w+)", re.I)
_PROPERTY = re.compile(r"\s*:([\w+-]+):\s+(\S.*)$")
_DRAWER = re.compile(r"\s*:(\w[\w-]*):\s*$")
_ITEM = re.compile(r"(\s*)(?:[-+]|\*(?=\s)(?<=\s\*)|(\d+)[.)])\s+(?:\[[ xX-]\]\s+)?(?:(.*?)\s+::\s+)?(.*)$")
_LINK = re.compile(r"\[\[([^\[\]\n]*)\](?:\[([^\[\]\n]*)\])?\]")
_MARKS = re.compile(r"(?<![\w*/_=~+])([*/_=~+])(?=\S)([^\n]+?)(?<=\S)\1(?![\w*/_=~+])")
_STAMP = re.compile(r"[<\[](\d{4}-\d\d-\d\d)(?: \w+)?( \d{1,2}:\d\d(?:-\d{1,2}:\d\d)?)?(?: [.+]?[+-]\d+\w)*[>\]]")
_NOTE = re.compile(r"\[fn:([\w-]+)\]\s*(.*)$")
_PLANNED = re.compile(r"\s*(?:SCHEDULED|DEADLINE|CLOSED|CLOCK):")
_ABOUT = ("author", "date", "email", "subtitle", "description", "keywords", "filetags")


def parse(source: str) -> Parsed:
    """Parts of an org file; comments, drawers that are no properties and options are left out."""
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: str) -> None:
        self.lines = source.split("\n")
        self.parsed = Parsed()
        self.held: list[Line] = []
        self.indents: list[int] = []

    def read(self) -> Parsed:
        n = 0
        while n < len(self.lines):
            n = self.line(n)
        self.flush()
        return self.parsed

    def line(self, n: int) -> int:
        """Read the part that begins on a line; the line after it."""
        line, number = self.lines[n], n + 1
        stripped = line.strip()
        if not stripped:
            self.flush()
            return n + 1
        if (match := _HEADING.match(line)) and line.startswith("*"):
            self.flush()
            self.indents = []
            if match[3]:
                self.add("heading", number, _plain(match[3]), len(match[1]))
                if match[2]:
                    self.pair(number, "status", match[2])
            return n + 1
        if match := _BEGIN.match(line):
            return self.block(n, match[1].lower())
        if match := _KEYWORD.match(line):
            self.flush()
            key = match[1].lower()
            if key == "title":
                self.parsed.title = _plain(match[2])
            elif key in _ABOUT and match[2]:
                self.pair(number, key, match[2], FRONT_MATTER)
            return n + 1
        if stripped.startswith("#") and (len(stripped) == 1 or stripped[1] == " "):
            return n + 1
        if stripped.startswith("|"):
            return self.table(n)
        if match := _DRAWER.match(line):
            return self.drawer(n, match[1].upper())
        if match := _NOTE.match(line):
            self.flush()
            if match[2]:
                self.parsed.parts.append(Part("footnote", (Line(number, _plain(match[2])),), label=match[1]))
            return n + 1
        if (match := _ITEM.match(line)) and (match[3] or match[4]):
            self.flush()
            indent = len(match[1])
            while self.indents and self.indents[-1] >= indent:
                self.indents.pop()
            self.indents.append(indent)
            text = f"{match[3]}: {match[4]}" if match[3] else match[4]
            mark = f"{match[2]}. " if match[2] else ""
            self.kind, self.level = "item", len(self.indents) - 1
            self.held = [Line(number, mark + _plain(text))]
            return n + 1
        if not line.startswith(" "):
            if self.held and self.indents:
                self.flush()
            self.indents = []
        if _PLANNED.match(line):
            key, _, value = stripped.partition(":")
            self.pair(number, key.lower(), value)
            return n + 1
        self.held.append(Line(number, _plain(line)))
        return n + 1

    kind = "paragraph"
    level = 0

    def flush(self) -> None:
        """End the paragraph or item that runs."""
        if self.held:
            item = self.kind == "item"
            self.parsed.parts.append(Part("item" if item else "paragraph", tuple(self.held), self.level if item else 0))
        self.held, self.kind, self.level = [], "paragraph", 0

    def add(self, kind: str, number: int, text: str, level: int = 0) -> None:
        """A heading or a quote of one line."""
        self.parsed.parts.append(Part("heading" if kind == "heading" else "quote", (Line(number, text),), level))

    def pair(self, number: int, key: str, value: str, note: str = "") -> None:
        """A key and its value."""
        self.flush()
        value = _plain(value).strip()
        if value:
            self.parsed.parts.append(Part("pair", (Line(number, f"{key}: {value}"),), 0, key, note))

    def block(self, n: int, kind: str) -> int:
        """A block between begin and end; one that is never ended runs to the next heading."""
        self.flush()
        last = n + 1
        while last < len(self.lines) and not re.match(rf"\s*#\+end_{re.escape(kind)}\b", self.lines[last], re.I):
            if self.lines[last].startswith("* "):
                break
            last += 1
        inside = [Line(i + 1, self.lines[i]) for i in range(n + 1, last)]
        if kind in ("src", "example", "export"):
            if inside:
                self.parsed.parts.append(Part("code", tuple(inside)))
        elif kind != "comment":
            run: list[Line] = []
            for line in [*inside, Line(last, "")]:
                if line.text.strip():
                    run.append(Line(line.number, _plain(line.text)))
                elif run:
                    self.parsed.parts.append(Part("quote" if kind == "quote" else "paragraph", tuple(run)))
                    run = []
        return last + (last < len(self.lines) and not self.lines[last].startswith("* "))

    def table(self, n: int) -> int:
        """A table; what stands above its first rule names columns."""
        self.flush()
        rows: list[tuple[Cell, ...]] = []
        ruled = False
        while n < len(self.lines) and self.lines[n].strip().startswith("|"):
            text = self.lines[n].strip()
            if re.fullmatch(r"\|[-+|]*", text):
                if rows and not ruled:
                    rows = [tuple(Cell(c.text, c.line, header=True) for c in row) for row in rows]
                ruled = True
            else:
                rows.append(tuple(Cell(_plain(c), n + 1) for c in text.strip("|").split("|")))
            n += 1
        while n < len(self.lines) and self.lines[n].lower().lstrip().startswith("#+tblfm"):
            n += 1
        if rows:
            self.parsed.parts.append(Part("table", rows=tuple(rows)))
        return n

    def drawer(self, n: int, name: str) -> int:
        """A drawer: properties are pairs, what others hold is kept for programs."""
        last = n + 1
        while last < len(self.lines) and self.lines[last].strip().upper() != ":END:":
            if self.lines[last].startswith("* "):
                return n + 1
            last += 1
        if last == len(self.lines):
            return n + 1
        if name == "PROPERTIES":
            for i in range(n + 1, last):
                if (match := _PROPERTY.match(self.lines[i])) and match[1].upper() not in ("ID", "CUSTOM_ID"):
                    self.pair(i + 1, match[1].replace("_", " ").lower(), match[2])
        return last + 1


def _plain(text: str) -> str:
    """Text without marks of emphasis, links as they are shown, stamps as dates."""
    text = _LINK.sub(lambda m: m[2] or m[1].removeprefix("file:"), text)
    text = _STAMP.sub(lambda m: m[1] + (m[2] or ""), text)
    text = re.sub(r"\[fn:[^\]\n]*\]", "", text)
    for _ in range(3):
        text = _MARKS.sub(r"\2", text)
    return text
