"""Workbooks (xlsx) to parts: the tables of each sheet, values as they are shown."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memllm_cli.documents.base import MB, Cell, Limits, Line, Parsed, Part
from memllm_cli.documents.readers.office.charts import charts
from memllm_cli.documents.readers.office.numbers import shown
from memllm_cli.documents.readers.office.package import Package, get, local, walk
from memllm_cli.documents.readers.office.regions import Row, parts

LARGE = 8 * MB
"""Bytes of a workbook, unpacked, from which on it is read row by row, without what covers several cells."""
WIDEST = 1_000
"""Columns that are read."""


def parse(path: Path, name: str, limits: Limits) -> Parsed:
    """Parts of a workbook; a line is a row. Raises DocumentError for one that is broken, locked or too large."""
    import openpyxl
    from openpyxl.chartsheet import Chartsheet

    parsed = Parsed()
    with Package(path, name, limits) as package:
        large = sum(i.file_size for n, i in package.members.items() if n.startswith("xl/")) > LARGE
        broken = package.broken()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                book = openpyxl.load_workbook(path, read_only=large, data_only=True, keep_links=False)
        except Exception:  # a third party's parser on an untrusted file: it raises whatever it met
            raise broken from None
        sheets = _members(package)
        try:
            for sheet in [book[name] for name in book.sheetnames]:
                drawn = list(charts(package, sheets.get(sheet.title, ""), 1))
                if sheet.sheet_state != "visible":
                    parsed.notes.append(f"left out the hidden sheet {sheet.title}")
                    continue
                rows = [] if isinstance(sheet, Chartsheet) else list(_rows(sheet, large))
                found = [*parts(rows), *drawn]
                if found:
                    parsed.parts.append(Part("heading", (Line(rows[0][0] if rows else 1, sheet.title),), 1))
                    parsed.parts += found
            parsed.title = str(book.properties.title or "")
        except Exception:
            raise broken from None
        finally:
            book.close()
    return parsed


def _members(package: Package) -> dict[str, str]:
    """The archive's member of each sheet, by the sheet's name."""
    main = "xl/workbook.xml"
    if not package.has(main):
        return {}
    places = package.targets(main)
    return {
        get(e, "name"): places.get(get(e, "id"), ("", ""))[1] for e, _ in walk(package.xml(main)) if local(e) == "sheet"
    }


def _rows(sheet: Any, large: bool) -> Iterator[Row]:
    """The rows that hold something; cells under one that covers them are empty."""
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    if not large:
        for area in sheet.merged_cells.ranges:
            spans[area.min_row, area.min_col] = (area.max_col - area.min_col + 1, area.max_row - area.min_row + 1)
    for number, cells in enumerate(sheet.iter_rows(max_col=min(sheet.max_column or WIDEST, WIDEST)), 1):
        out: dict[int, Cell] = {}
        for column, cell in enumerate(cells, 1):
            if cell.value is None:
                continue
            text = shown(cell.value, cell.number_format)
            if text:
                width, height = spans.get((number, column), (1, 1))
                out[column] = Cell(text, number, width, height)
        if out:
            yield number, out
