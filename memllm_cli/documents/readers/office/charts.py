"""Charts as office programs keep them (DrawingML): the title, and the values that are drawn as a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from xml.etree.ElementTree import Element

from memllm_cli.documents.base import Cell, Line, Part
from memllm_cli.documents.readers.office.numbers import shown
from memllm_cli.documents.readers.office.package import Package, get, local, walk

MOST_POINTS = 2_000
"""Values of a series that are read."""


def charts(package: Package, member: str, line: int) -> Iterator[Part]:
    """The charts that a sheet or slide refers to, directly or by a drawing."""
    for kind, place in package.targets(member).values():
        if not package.has(place):
            continue
        if kind == "drawing":
            yield from charts(package, place, line)
        elif kind == "chart":
            yield from _chart(package.xml(place), line)


def _chart(root: Element, line: int) -> Iterator[Part]:
    title = next((e for e, _ in walk(root) if local(e) == "title"), None)
    drawn = next((local(e) for e, _ in walk(root) if local(e).endswith("Chart") and local(e) != "Chart"), "Chart")
    kind = f"{drawn.removesuffix('Chart').removesuffix('3D')} chart".strip()
    said = " ".join(_text(title).split()) if title is not None else ""
    caption = f"{said} ({kind})" if said else kind
    names: list[str] = []
    points: dict[str, dict[int, str]] = {}
    for number, series in enumerate(e for e, _ in walk(root) if local(e) == "ser"):
        parts = {local(child): child for child in series}
        names.append(next((v for _, v in _values(parts.get("tx"))), f"series {number + 1}"))
        where = dict(_values(parts.get("cat", parts.get("xVal"))))
        for index, value in _values(parts.get("val", parts.get("yVal"))):
            points.setdefault(where.get(index, str(index + 1)), {})[number] = value
    if not points:
        if said:
            yield Part("paragraph", (Line(line, said),))
        return
    head = (Cell("", line, header=True), *(Cell(n, line, header=True) for n in names))
    rows = [
        (Cell(where, line, header=True), *(Cell(values.get(n, ""), line) for n in range(len(names))))
        for where, values in points.items()
    ]
    yield Part("table", rows=(head, *rows), label=caption)


def _values(element: Element | None) -> Iterator[tuple[int, str]]:
    """The cached points of a reference, by their number."""
    if element is None:
        return
    form = next((e.text or "" for e, _ in walk(element) if local(e) == "formatCode"), "")
    read = 0
    for point, _ in walk(element):
        if local(point) == "pt" and read < MOST_POINTS:
            text = "".join(e.text or "" for e in point if local(e) == "v")
            with suppress(ValueError):
                text = shown(float(text), form)
            index = get(point, "idx")
            yield int(index) if index.isdecimal() else read, text
            read += 1
    if not read and (text := _text(element)):
        yield 0, text


def _text(element: Element) -> str:
    """All text of an element, a paragraph after the other."""
    return " ".join(e.text or "" for e, _ in walk(element) if local(e) in ("t", "v"))
