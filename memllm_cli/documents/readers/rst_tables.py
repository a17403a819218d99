"""Tables that reStructuredText writes as a list or as lines of values: `list-table`, `csv-table` (docutils)."""

from __future__ import annotations

import csv
import re

from memllm_cli.documents.base import Cell, Line

_OPTION = re.compile(r"\s*:([\w-]+):\s*(.*)$")
_ROW = re.compile(r"\s*[*-]\s+[-*](?:\s+(.*))?$")
_CELL = re.compile(r"\s*[-*](?:\s+(.*))?$")


def options(lines: list[Line]) -> tuple[dict[str, str], list[Line]]:
    """The options that a directive begins with, and its other lines."""
    found: dict[str, str] = {}
    for at, line in enumerate(lines):
        match = _OPTION.match(line.text)
        if match is None:
            return found, lines[at:]
        found[match[1].lower()] = match[2].strip()
    return found, []


def listed(lines: list[Line]) -> list[list[Cell]]:
    """Rows of a list of lists, `* - cell` and `  - cell`."""
    said, body = options(lines)
    rows: list[list[tuple[int, list[str]]]] = []
    for line in body:
        row, cell = _ROW.match(line.text), _CELL.match(line.text)
        if row:
            rows.append([(line.number, [row[1] or ""])])
        elif cell and rows:
            rows[-1].append((line.number, [cell[1] or ""]))
        elif rows and line.text.strip():
            rows[-1][-1][1].append(line.text.strip())
    head = _count(said.get("header-rows", ""))
    return [[Cell(" ".join(t), number, header=n < head) for number, t in row] for n, row in enumerate(rows)]


def separated(lines: list[Line]) -> list[list[Cell]]:
    """Rows of values with commas between them, after the names of the columns where an option gives them."""
    said, body = options(lines)
    rows = [(line.number, line.text.strip()) for line in body if line.text.strip()]
    head = _count(said.get("header-rows", ""))
    if "header" in said and lines:
        rows.insert(0, (lines[0].number, said["header"]))
        head += 1
    between = {"tab": "\t", "space": " "}.get(said.get("delim", ""), said.get("delim", "")[:1] or ",")
    out = []
    for n, (number, text) in enumerate(rows):
        values = next(csv.reader([text], delimiter=between, skipinitialspace=True), [])
        out.append([Cell(value, number, header=n < head) for value in values])
    return out


def _count(text: str) -> int:
    return int(text) if text.isdecimal() else 0
