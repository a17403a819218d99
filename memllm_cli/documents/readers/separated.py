"""Tables of text with a separator (csv, tsv) to parts."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from memllm_cli.documents.base import Cell, Line, Parsed, Part
from memllm_cli.documents.tables import value_kind
from memllm_cli.errors import DocumentError

SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 200
"""Rows that the separator is found from."""
LONGEST = 1_000_000
"""Characters of a cell."""


def parse(source: str) -> Parsed:
    """A table and the lines above it; a line is one of the file. Raises DocumentError for cells that never end."""
    separator = separator_of(source)
    csv.field_size_limit(LONGEST)
    rows: list[tuple[Cell, ...]] = []
    try:
        for number, values in _records(source, separator):
            if any(v.strip() for v in values):
                rows.append(tuple(Cell(v.strip(), number) for v in values))
    except csv.Error as error:
        raise DocumentError(f"its cells cannot be told apart: {error}", "save it anew as CSV, with quotes") from None
    parsed = Parsed()
    if not rows:
        return parsed
    width = Counter(len(r) for r in rows[:LOOKED_AT]).most_common(1)[0][0]
    first = next(i for i, r in enumerate(rows) if len(r) >= width or i == len(rows) - 1)
    for row in rows[:first]:  # a title, an export's own words
        parsed.parts += _as_text(row)
    head = rows[first]
    kinds = [value_kind(c.text) for c in head]
    names = [c.text.casefold() for c in head]
    if len(rows) - first > 1 and all(k in ("text", "year") for k in kinds) and len(set(names)) == len(names):
        rows[first] = tuple(Cell(c.text, c.line, header=True) for c in head)
    parsed.parts.append(Part("table", rows=tuple(rows[first:])))
    return parsed


def separator_of(source: str) -> str:
    """What parts the cells of most of the first rows into the same number, and into most."""
    best, worth = ",", (0.0, 0)
    for separator in SEPARATORS:
        try:
            widths = [len(v) for _, v in islice(_records(source[:200_000], separator), LOOKED_AT) if v]
        except csv.Error:
            continue
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        if width > 1 and (round(count / len(widths), 1), width) > worth:
            best, worth = separator, (round(count / len(widths), 1), width)
    return best


def _records(source: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line each begins on."""
    reader = csv.reader(iter(source.splitlines(keepends=True)), delimiter=separator, skipinitialspace=True)
    before = 0
    for values in reader:
        yield before + 1, values
        before = reader.line_num


def _as_text(row: tuple[Cell, ...]) -> list[Part]:
    text = " ".join(c.text for c in row if c.text)
    return [Part("paragraph", (Line(row[0].line, text),))] if text else []
