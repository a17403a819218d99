"""The tables of a sheet: cells that touch each other, with what stands over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memllm_cli.documents.base import Cell, Line, Part

Row = tuple[int, dict[int, Cell]]
"""A row's number (from 1) and its cells that are not empty, by column."""


def parts(rows: Sequence[Row]) -> Iterator[Part]:
    """The parts of a sheet: blank rows part tables, then blank columns do, then blank rows again."""
    for band in _bands(rows):
        pieces = list(_columns(band))
        for piece in pieces:
            for inner in _bands(piece) if len(pieces) > 1 else (piece,):
                yield from _part(inner)


def _bands(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Runs of rows that are not blank."""
    band: list[Row] = []
    for row in rows:
        if not row[1]:
            continue
        if band and row[0] - band[-1][0] > 1 and not _reaches(band, row[0]):
            yield band
            band = []
        band.append(row)
    if band:
        yield band


def _reaches(band: Sequence[Row], number: int) -> bool:
    """Whether a cell that covers several rows reaches to a row."""
    return any(n + c.height > number - 1 for n, cells in band[-20:] for c in cells.values() if c.height > 1)


def _columns(band: Sequence[Row]) -> Iterator[list[Row]]:
    """A band cut at columns that are blank in all of it."""
    used: set[int] = set()
    for _, cells in band:
        for column, cell in cells.items():
            used.update(range(column, column + cell.width))
    groups: list[list[int]] = []
    for column in sorted(used):
        if groups and column - groups[-1][-1] == 1:
            groups[-1].append(column)
        else:
            groups.append([column])
    if len(groups) == 1:
        yield list(band)
        return
    for group in groups:
        inside = set(group)
        yield [(n, {c: cell for c, cell in cells.items() if c in inside}) for n, cells in band]


def _part(rows: Sequence[Row]) -> Iterator[Part]:
    """A table with the line over it; a line alone is text."""
    rows = [row for row in rows if row[1]]
    lines: list[Row] = []
    while rows and len(rows[0][1]) == 1:  # what stands alone over a table is about it
        lines.append(rows[0])
        rows = rows[1:]
    if not rows:
        if len(lines) > 2 and len({next(iter(cells)) for _, cells in lines}) == 1:  # a list
            yield from (Part("item", (Line(n, _only(cells)),)) for n, cells in lines)
        else:
            yield from (Part("paragraph", (Line(n, _only(cells)),)) for n, cells in lines)
        return
    left = min(min(cells) for _, cells in rows)
    right = max(c + cell.width for _, cells in rows for c, cell in cells.items())
    if len(rows) == 1 and lines:  # one row under lines is text like them
        yield from (Part("paragraph", (Line(n, _only(cells)),)) for n, cells in lines)
        lines = []
    caption = ""
    if lines:
        yield from (Part("paragraph", (Line(n, _only(cells)),)) for n, cells in lines[:-1])
        caption = _only(lines[-1][1])
    table: list[tuple[Cell, ...]] = []
    covered: dict[int, int] = {}
    for number, cells in rows:
        out = []
        column = left
        while column < right:
            if covered.get(column, 0) >= number:
                column += 1
                continue
            cell = cells.get(column) or Cell("", number)
            out.append(cell)
            for c in range(column, column + cell.width):
                covered[c] = number + cell.height - 1
            column += cell.width
        table.append(tuple(out))
    yield Part("table", rows=tuple(table), label=caption)


def _only(cells: dict[int, Cell]) -> str:
    return " ".join(cell.text for cell in cells.values())
