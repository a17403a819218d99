"""The child process that opens a PDF: `python -m memllm_cli.documents.readers.pdf.worker PATH SECONDS MEMORY OUTPUT`.

MEMORY and OUTPUT are in bytes. Prints one JSON object: `{"title": …, "largest": …, "pages": [[line or table, …], …],
"bad": [page numbers]}` or `{"error": code, "detail": …}`. A line is `[text, fill, indent, gap, size]`, see `TextLine`;
a table is `{"rows": [[[text, width, height], …], …]}`.
A PDF can make its reader loop or eat memory, so both are limited here and nothing else runs in this process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from memllm_cli.documents.readers.pdf.layout import Table, TextLine, page
from memllm_cli.documents.readers.pdf.words import Char, rows, words

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

# FPDF_GetLastError
_CODES = {4: "password", 5: "cipher"}


def _limit(seconds: int, memory: int) -> None:
    """Limit our own processor time and memory, where the platform can."""
    try:
        import resource
    except ImportError:
        return
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            _, hard = resource.getrlimit(kind)
            soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (soft, hard))
        except (ValueError, OSError):
            # macOS refuses limits on address space; the time limit still holds.
            continue


def _title(document: PdfDocument) -> str:
    from pypdfium2 import PdfiumError

    try:
        return str(document.get_metadata_value("Title"))[:500]
    except (PdfiumError, UnicodeError):
        return ""


def _largest(items: Sequence[TextLine | Table]) -> str:
    """The text in the largest letters of a page, which is the title more often than not; "" if doubtful."""
    lines = [item for item in items if isinstance(item, TextLine) and item.size]
    sizes = {round(line.size, 1) for line in lines}
    if len(sizes) < 2:
        return ""
    text = " ".join(" ".join(line.text for line in lines if round(line.size, 1) == max(sizes)).split())
    return text if 4 <= len(text) <= 200 else ""


def _open(path: str) -> PdfDocument | dict[str, object]:
    """The PDF, or what is wrong with it. The empty password opens files that are protected against printing only."""
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        # PDFium does not say why it cannot open a file.
        os.close(os.open(path, os.O_RDONLY))
        return PdfDocument(path)
    except PermissionError:
        return {"error": "permission"}
    except FileNotFoundError:
        return {"error": "gone"}
    except (PdfiumError, OSError) as error:
        code = getattr(error, "err_code", None)
        return {"error": _CODES.get(code or 0, "broken"), "detail": str(error)[:200]}


def _page(document: PdfDocument, number: int) -> list[TextLine | Table]:
    """Lines and tables of a page; text that runs in another direction, as a stamp in the margin, comes last."""
    from memllm_cli.documents.readers.pdf.chars import read

    opened = document[number]
    try:
        upright, other, rules = read(opened)
    finally:
        opened.close()
    return [*page(upright, rules), *_aside(other)]


def _aside(chars: Sequence[Char]) -> list[TextLine]:
    return [TextLine(row.text, 1.0, 0.0, 9.0, 0.0) for row in rows(words(chars))]


def _length(item: TextLine | Table) -> int:
    if isinstance(item, TextLine):
        return len(item.text)
    return sum(len(cell.text) for row in item.rows for cell in row)


def extract(path: str, output: int) -> dict[str, object]:
    """Title, lines and tables of the PDF at `path`, or an error; at most about `output` bytes of text."""
    from pypdfium2 import PdfiumError

    document = _open(path)
    if isinstance(document, dict):
        return document
    pages: list[list[object]] = []
    bad: list[int] = []
    size = 0
    largest = ""
    for number in range(len(document)):
        items: list[TextLine | Table] = []
        try:
            items = _page(document, number)
        except (PdfiumError, UnicodeError):
            bad.append(number + 1)
        size += sum(map(_length, items))
        if size > output // 8:
            return {"error": "output"}
        largest = _largest(items) if number == 0 else largest
        pages.append([{"rows": item.rows} if isinstance(item, Table) else _rounded(item) for item in items])
    if len(bad) == len(pages):
        return {"error": "broken", "detail": "no page could be read"}
    return {"title": _title(document), "largest": largest, "pages": pages, "bad": bad}


def _rounded(line: TextLine) -> list[object]:
    return [line.text, round(line.fill, 2), round(line.indent, 1), round(line.gap, 2), round(line.size, 1)]


def main(arguments: list[str]) -> int:
    """Read the PDF and print the result."""
    path, seconds, memory, output = arguments
    _limit(int(seconds), int(memory))
    try:
        result = extract(path, int(output))
    except MemoryError:
        result = {"error": "memory"}
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
