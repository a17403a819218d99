"""Notebooks (ipynb) to parts: text cells as markdown, code as code, and of what it gave what is text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from memllm_cli.documents.base import Line, Parsed, Part
from memllm_cli.documents.readers import html, markdown, text
from memllm_cli.errors import DocumentError

MOST_OUTPUT = 20_000
"""Characters of one output that are read."""
_NAMELESS = re.compile(r"\s*<[\w.]+(?:\s[^<>\n]{0,200})?>\s*")
"""What Python prints for a thing that has no text, as a figure."""
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?!\n|$)", re.M)
"""What a bar of progress showed before."""


def parse(source: str) -> Parsed:
    """Parts of a notebook; a line is a cell. Raises DocumentError for what is no notebook."""
    try:
        book = json.loads(source, parse_int=str)
    except (ValueError, RecursionError):
        raise DocumentError("it is not a notebook: its JSON is broken", "save it anew in Jupyter") from None
    parsed = Parsed()
    for number, cell in enumerate(_cells(book), 1):
        content = _joined(cell.get("source", cell.get("input", "")))
        kind = cell.get("cell_type")
        if kind == "raw" and number == 1 and content.startswith("---"):
            kind = "markdown"  # front matter
        if kind == "heading":
            level = str(cell.get("level"))
            content = f"{'#' * min(int(level[:3]) if level.isdecimal() else 1, 6)} {' '.join(content.split())}"
        if kind in ("markdown", "heading"):
            read = markdown.parse(content)
            parsed.title = parsed.title or read.title
            parsed.notes += (note for note in read.notes if note not in parsed.notes)
            parsed.parts += (_at(part, number) for part in read.parts)
        elif kind == "code":
            if content.strip():
                lines = tuple(Line(number, line) for line in content.split("\n"))
                parsed.parts.append(Part("code", lines))
            outputs = cell.get("outputs")
            for output in outputs if isinstance(outputs, list) else ():
                parsed.parts += (_at(part, number) for part in _output(output))
        elif kind == "raw" and content.strip():
            parsed.parts += (_at(part, number) for part in text.parse(content).parts)
    return parsed


def _cells(book: Any) -> Iterator[Mapping[str, Any]]:
    """The cells of a notebook of format 4, or of 3, which has them in sheets."""
    if not isinstance(book, dict):
        raise DocumentError("it is not a notebook", "check that it is the right file")
    sheets = book.get("worksheets")
    lists = [s.get("cells") for s in sheets if isinstance(s, dict)] if isinstance(sheets, list) else [book.get("cells")]
    if not any(isinstance(cells, list) for cells in lists):
        raise DocumentError("it is not a notebook: it has no cells", "check that it is the right file")
    for cells in lists:
        yield from (c for c in cells if isinstance(c, dict)) if isinstance(cells, list) else ()


def _output(output: Any) -> list[Part]:
    """The parts of what a cell gave: its richest form that is text. Errors are left out."""
    if not isinstance(output, dict) or output.get("output_type") in ("error", "pyerr"):
        return []
    data = output.get("data", output)
    if not isinstance(data, dict):
        return []
    page, marked, plain = (
        _joined(data.get(f"text/{kind}", data.get(old, "")))[:MOST_OUTPUT]
        for kind, old in (("html", "html"), ("markdown", ""), ("plain", "text"))
    )
    nameless = not plain.strip() or _NAMELESS.fullmatch(plain) is not None
    if page and ("<table" in page or (nameless and not marked)):
        with suppress(DocumentError):  # one too broken; what else there is may be read
            if parts := html.parse(page).parts:
                return parts
    if marked:
        return markdown.parse(marked).parts
    return [] if nameless else text.parse(_OVERWRITTEN.sub("", plain)).parts


def _joined(value: Any) -> str:
    """Text as a notebook keeps it: in one piece, or line by line."""
    if isinstance(value, list):
        return "".join(v for v in value if isinstance(v, str))
    return value if isinstance(value, str) else ""


def _at(part: Part, cell: int) -> Part:
    rows = tuple(tuple(replace(c, line=cell) for c in row) for row in part.rows)
    return replace(part, lines=tuple(replace(line, number=cell) for line in part.lines), rows=rows)
