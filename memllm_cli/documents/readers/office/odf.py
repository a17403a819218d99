"""OpenDocument files (odt, ods, odp) to parts: the text as accepted, values as they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from memllm_cli.documents.base import Cell, Kind, Limits, Line, Parsed, Part
from memllm_cli.documents.readers.office import regions
from memllm_cli.documents.readers.office.package import DEEPEST, Package, get, local, walk

_LEFT_OUT = frozenset(
    "tracked-changes annotation annotation-end sequence-decls forms index-title-template table-of-content "
    "variable-decls user-field-decls bookmark-ref note-citation notes-configuration settings".split()
)
_BESIDE = frozenset("note text-box title desc".split())
"""What stands in a paragraph and is none of its text."""
MOST_COPIES = 1_000
"""How often a row or cell that is said to repeat is taken."""


def parse(path: Path, name: str, limits: Limits) -> Parsed:
    """Parts of an OpenDocument file; a line is a paragraph or a row. Raises DocumentError for one that is broken."""
    parsed = Parsed()
    with Package(path, name, limits) as package:
        if package.has("META-INF/manifest.xml") and any(
            local(e) == "encryption-data" for e, _ in walk(package.xml("META-INF/manifest.xml"))
        ):
            raise package.locked()
        root = package.xml("content.xml")
        if package.has("meta.xml"):
            parsed.title = next((e.text or "" for e, _ in walk(package.xml("meta.xml")) if local(e) == "title"), "")
        styles = [package.xml("styles.xml")] if package.has("styles.xml") else []
    reader = _Reader(_numbered(root, *styles))
    body = next((e for e in root if local(e) == "body"), root)
    for content in body:
        if local(content) == "spreadsheet":
            for sheet in (e for e in content if local(e) == "table"):
                found = [*regions.parts(list(_rows(sheet))), *reader.drawn(sheet)]
                if found:
                    parsed.parts += [Part("heading", (Line(1, get(sheet, "name")),), 1), *found]
        else:
            reader.blocks(content)
            parsed.parts += reader.parts
    parsed.parts += reader.notes
    return parsed


class _Reader:
    """Walks the body of a text or a presentation."""

    def __init__(self, numbered: frozenset[tuple[str, int]]) -> None:
        self.numbered = numbered
        self.style = ""
        self.counter = 0
        """Number of the item that begins, 0 where it has none."""
        self.parts: list[Part] = []
        self.notes: list[Part] = []
        self.line = 0
        self.page: int | None = None

    def drawn(self, sheet: Element) -> list[Part]:
        """Texts in what is drawn over a sheet."""
        before, self.parts = self.parts, []
        for e in sheet:
            if local(e) == "shapes":
                self.blocks(e)
        found, self.parts = self.parts, before
        return found

    def blocks(self, element: Element, level: int = -1, depth: int = 0, kind: Kind = "paragraph") -> None:
        """The parts in an element; `level` is that of the list around it, -1 without one."""
        if depth > DEEPEST // 4:
            return
        for child in element:
            name = local(child)
            if name in _LEFT_OUT:
                continue
            if name in ("h", "p"):
                self.paragraph(child, level, kind)
            elif name == "list":
                self.items(child, level + 1, depth + 1)
            elif name == "table":
                rows = tuple(tuple(cells.values()) for _, cells in _rows(child, keep_empty=True))
                self.parts.append(Part("table", (Line(1, "", self.page),), rows=rows, label=""))
            elif name == "page":
                self.page = (self.page or 0) + 1
                self.blocks(child, level, depth + 1)
            elif name == "notes":
                self.blocks(child, -1, depth + 1)
            elif name == "frame" and get(child, "class") in ("title",):
                self.blocks(child, -1, depth + 1, "heading")
            elif name not in ("object", "image", "plugin"):
                self.blocks(child, level, depth + 1, kind)

    def items(self, element: Element, level: int, depth: int) -> None:
        """The items of a list, counted where its style counts them."""
        before, self.style = self.style, get(element, "style-name") or self.style
        counts = (self.style, level) in self.numbered
        for number, item in enumerate((e for e in element if local(e) in ("list-item", "list-header")), 1):
            self.counter = number if counts and local(item) == "list-item" else 0
            self.blocks(item, level, depth + 1)
        self.style, self.counter = before, 0

    def paragraph(self, element: Element, level: int, kind: Kind) -> None:
        """A heading, an item or a paragraph, and what is drawn in it."""
        text = " ".join("".join(_said(element)).split())
        self.put_aside(element)
        self.line += 1
        if text and self.counter:
            text, self.counter = f"{self.counter}. {text}", 0
        lines = (Line(self.line, text, self.page),)
        if text and (local(element) == "h" or kind == "heading"):
            outline = get(element, "outline-level")
            self.parts.append(Part("heading", lines, int(outline) if outline.isdecimal() else 1))
        elif text:
            self.parts.append(Part("item", lines, level) if level >= 0 else Part("paragraph", lines))
        for child, _ in walk(element):
            if local(child) == "text-box":
                self.blocks(child, -1, 1)

    def put_aside(self, element: Element) -> None:
        """The notes of a paragraph."""
        for note, _ in walk(element):
            if local(note) == "note-body":
                said = " ".join(" ".join("".join(_said(p)).split()) for p in _paragraphs(note))
                if said:
                    self.notes.append(Part("footnote", (Line(self.line + 1, said),)))


def _rows(table: Element, keep_empty: bool = False) -> Iterator[regions.Row]:
    """The rows of a table, those in groups and heads too."""
    number = 0
    for row, headed in _each_row(table):
        copies = _count(row, "number-rows-repeated")
        cells: dict[int, Cell] = {}
        column = 0
        for cell in row:
            if local(cell) not in ("table-cell", "covered-table-cell"):
                continue
            repeated = _count(cell, "number-columns-repeated")
            text = "" if local(cell) == "covered-table-cell" else _cell(cell)
            width, height = _count(cell, "number-columns-spanned"), _count(cell, "number-rows-spanned")
            covered = local(cell) == "covered-table-cell"
            for _ in range(min(repeated, MOST_COPIES) if text else (min(repeated, 200) if keep_empty else 0)):
                column += 1
                if not covered:
                    cells[column] = Cell(text, number + 1, min(width, 200), min(height, 10_000), headed)
            column += 0 if text or keep_empty else repeated
        for _ in range(min(copies, MOST_COPIES) if cells else 0):
            number += 1
            yield number, cells
        number += 0 if cells else copies


def _each_row(table: Element) -> Iterator[tuple[Element, bool]]:
    for child in table:
        name = local(child)
        if name == "table-row":
            yield child, False
        elif name in ("table-header-rows", "table-row-group", "table-rows"):
            yield from ((row, headed or name == "table-header-rows") for row, headed in _each_row(child))


def _cell(cell: Element) -> str:
    """What a cell shows: its paragraphs, those in lists and tables within it too."""
    if day := get(cell, "date-value"):
        return day.removesuffix("T00:00:00").replace("T", " ")
    texts = (" ".join("".join(_said(p)).split()) for p in _paragraphs(cell))
    return " ".join(t for t in texts if t)


def _paragraphs(element: Element, depth: int = 0) -> Iterator[Element]:
    for child in element:
        if local(child) in ("p", "h"):
            yield child
        elif local(child) not in _LEFT_OUT and depth < DEEPEST // 4:
            yield from _paragraphs(child, depth + 1)


def _said(element: Element, depth: int = 0) -> Iterator[str]:
    """The text of a paragraph, without comments and notes."""
    yield element.text or ""
    for child in element:
        name = local(child)
        if name in ("s", "tab", "line-break"):
            yield " "
        elif name not in _LEFT_OUT and name not in _BESIDE and depth < DEEPEST // 4:
            yield from _said(child, depth + 1)
        yield child.tail or ""


def _numbered(*roots: Element) -> frozenset[tuple[str, int]]:
    """Names of styles of lists and the levels that they count."""
    return frozenset(
        (get(style, "name"), int(get(level, "level")) - 1)
        for root in roots
        for style, _ in walk(root)
        if local(style) == "list-style"
        for level in style
        if local(level) == "list-level-style-number" and get(level, "num-format") and get(level, "level").isdecimal()
    )


def _count(element: Element, name: str) -> int:
    value = get(element, name)
    return max(1, int(value)) if value.isdecimal() and len(value) < 8 else 1
