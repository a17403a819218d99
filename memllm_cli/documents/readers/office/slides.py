"""Presentations (pptx) to parts: each slide's title, texts, tables, charts and the speaker's notes, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from memllm_cli.documents.base import Cell, Limits, Line, Parsed, Part
from memllm_cli.documents.readers.office.charts import charts
from memllm_cli.documents.readers.office.package import Package, get, local, walk

_MAIN = "ppt/presentation.xml"
_TITLES = ("title", "ctrTitle")
_RUNNING = ("dt", "ftr", "sldNum", "hdr")
"""Placeholders that say the same on every slide."""


def parse(path: Path, name: str, limits: Limits) -> Parsed:
    """Parts of a presentation; a page is a slide. Raises DocumentError for one that is broken, locked or too large."""
    parsed = Parsed()
    with Package(path, name, limits) as package:
        places = package.targets(_MAIN)
        slides = [places[get_id(e)][1] for e, _ in walk(package.xml(_MAIN))
                  if local(e) == "sldId" and get_id(e) in places]  # fmt: skip
        for number, member in enumerate(slides, 1):
            if not package.has(member):
                continue
            root = package.xml(member)
            if get(root, "show") == "0":
                parsed.notes.append(f"left out the hidden slide {number}")
                continue
            parsed.parts += _shapes(package, root, number)
            parsed.parts += charts(package, member, 1)
            notes = next((p for kind, p in package.targets(member).values() if kind == "notesSlide"), "")
            if package.has(notes):
                parsed.parts += [p for p in _shapes(package, package.xml(notes), number) if p.kind != "heading"]
    first = next((p for p in parsed.parts if p.kind == "heading"), None)
    parsed.title = first.lines[0].text if first is not None else ""
    return parsed


def get_id(element: Element) -> str:
    """The relation that an element names."""
    return next((v for k, v in element.attrib.items() if k.endswith("relationships}id")), "")


def _shapes(package: Package, root: Element, page: int) -> Iterator[Part]:
    """The texts and tables of a slide; the title first, which may stand anywhere in the file."""
    shapes = [e for e, _ in walk(root) if local(e) in ("sp", "graphicFrame")]
    kinds = [next((get(e, "type") or "body" for e, _ in walk(s) if local(e) == "ph"), "") for s in shapes]
    places = [_place(s) for s in shapes]
    order = sorted(range(len(shapes)), key=lambda i: (kinds[i] not in _TITLES, places[i]))
    line = 0
    counts: dict[tuple[int, int], int] = {}
    for i in order:
        if kinds[i] in _RUNNING:
            continue
        table = next((e for e, _ in walk(shapes[i]) if local(e) == "tbl"), None)
        if table is not None:
            yield _table(table, page)
            continue
        paragraphs = [e for e, _ in walk(shapes[i]) if local(e) == "p"]
        for paragraph in paragraphs:
            text = _text(paragraph)
            if not text:
                continue
            line += 1
            lines = (Line(line, text, page),)
            level, bullet = _level(paragraph)
            if bullet == "buAutoNum":
                counts[i, level] = counts.get((i, level), 0) + 1
                lines = (Line(line, f"{counts[i, level]}. {text}", page),)
            if kinds[i] in _TITLES:
                yield Part("heading", lines, 1)
            elif (kinds[i] and kinds[i] != "subTitle" and len(paragraphs) > 1) or bullet:
                yield Part("item", lines, level)
            else:
                yield Part("paragraph", lines)


def _place(shape: Element) -> int:
    """How far down the slide a shape stands (in EMU); one without a place of its own has the layout's, near the top."""
    down = next((get(e, "y") for e, _ in walk(shape) if local(e) == "off"), "")
    return int(down) if down.isdecimal() else 0


def _level(paragraph: Element) -> tuple[int, str]:
    """How deep a paragraph is indented, and the kind of bullet of its own, "" without one."""
    for properties in paragraph:
        if local(properties) == "pPr":
            level = get(properties, "lvl")
            bullet = next((local(e) for e in properties if local(e) in ("buChar", "buAutoNum")), "")
            return (int(level) if level.isdecimal() else 0), bullet
    return 0, ""


def _text(element: Element) -> str:
    pieces = []
    for e, _ in walk(element):
        if local(e) == "t":
            pieces.append(e.text or "")
        elif local(e) in ("br", "tab"):
            pieces.append(" ")
    return " ".join("".join(pieces).split())


def _table(table: Element, page: int) -> Part:
    rows = []
    headed = any(local(e) == "tblPr" and get(e, "firstRow") == "1" for e in table)
    for number, row in enumerate(e for e in table if local(e) == "tr"):
        cells = []
        for cell in row:
            if local(cell) != "tc" or get(cell, "hMerge") == "1" or get(cell, "vMerge") == "1":
                continue
            text = " ".join(t for p, _ in walk(cell) if local(p) == "p" and (t := _text(p)))
            width, height = (
                max(1, int(v)) if v.isdecimal() else 1 for v in (get(cell, "gridSpan"), get(cell, "rowSpan"))
            )
            cells.append(Cell(text, number + 1, min(width, 200), min(height, 1000), headed and number == 0))
        rows.append(tuple(cells))
    return Part("table", (Line(1, "", page),), rows=tuple(rows))
