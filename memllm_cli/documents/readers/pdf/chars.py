"""What PDFium knows of a page: its characters with their places, and the straight lines drawn on it.

Used in the child process only.
"""

from __future__ import annotations

import ctypes
import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pypdfium2.raw as pdfium

from memllm_cli.documents.readers.pdf.words import Char, Rule

if TYPE_CHECKING:
    from pypdfium2 import PdfObject, PdfPage, PdfTextPage

_MOST_SEGMENTS = 20_000
_SHORT = 4.0
"""Length in points below which a line drawn is an ornament."""


def read(page: PdfPage) -> tuple[list[Char], list[Char], list[Rule]]:
    """The page's characters in the library's order, those that stand in another direction, and its level and upright
    lines; all of them turned so that most of the text stands upright.
    """
    text = page.get_textpage()
    try:
        found = list(_chars(text))
    finally:
        text.close()
    main = Counter(turn for char, turn in found if not char.text.isspace()).most_common(1)
    direction = main[0][0] if main else 0
    upright = [char for char, turn in found if turn == direction]
    other = [char for char, turn in found if turn != direction]
    return upright, other, list(_rules(page, direction)) if main else []


def _turned(x: float, y: float, turn: int) -> tuple[float, float]:
    """A point of the page as one sees it who reads text that runs in a direction: to the right and down."""
    return ((x, -y), (y, x), (-x, y), (-y, -x))[turn]


def _chars(text: PdfTextPage) -> Iterator[tuple[Char, int]]:
    """Each character and its direction, in quarters of a turn."""
    raw = text.raw
    x, y = ctypes.c_double(), ctypes.c_double()
    box, matrix = pdfium.FS_RECTF(), pdfium.FS_MATRIX()
    to_x, to_y, to_box, to_matrix = map(ctypes.byref, (x, y, box, matrix))
    turn, size = 0, 10.0
    for n in range(pdfium.FPDFText_CountChars(raw)):
        code = pdfium.FPDFText_GetUnicode(raw, n)
        if code <= 0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
            continue
        pdfium.FPDFText_GetCharOrigin(raw, n, to_x, to_y)
        pdfium.FPDFText_GetLooseCharBox(raw, n, to_box)
        # White space that the library made up has neither size nor direction.
        if code > 32 and pdfium.FPDFText_GetMatrix(raw, n, to_matrix):
            a, b, c, d = matrix.a, matrix.b, matrix.c, matrix.d
            turn = 0 if b == 0 and a > 0 else round(math.atan2(b, a) / (math.pi / 2)) % 4
            size = max(1.0, abs(pdfium.FPDFText_GetFontSize(raw, n) * (d if c == 0 else math.hypot(c, d))))
        if turn == 0:
            yield Char(chr(code), box.left, box.right, -y.value, size), 0
        else:
            first, _ = _turned(box.left, box.bottom, turn)
            second, _ = _turned(box.right, box.top, turn)
            _, line = _turned(x.value, y.value, turn)
            yield Char(chr(code), min(first, second), max(first, second), line, size), turn


def _rules(page: PdfPage, direction: int) -> Iterator[Rule]:
    left = _MOST_SEGMENTS
    for thing in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=2):
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        seen = pdfium.FPDFPath_GetDrawMode(thing.raw, fill, stroke) and (fill.value or stroke.value)
        left -= pdfium.FPDFPath_CountSegments(thing.raw)
        if left < 0:
            return
        if seen:
            yield from _straight(thing, direction)


def _straight(thing: PdfObject, direction: int) -> Iterator[Rule]:
    """The level and upright lines of one path."""
    matrix = thing.get_matrix()
    if thing.container is not None:
        matrix = matrix.multiply(thing.container.get_matrix())
    x, y = ctypes.c_float(), ctypes.c_float()
    start = before = (0.0, 0.0)
    for n in range(pdfium.FPDFPath_CountSegments(thing.raw)):
        segment = pdfium.FPDFPath_GetPathSegment(thing.raw, n)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        across, up = matrix.on_point(x.value, y.value)
        point = _turned(across, up, direction)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        ends = [(before, point)] if kind == pdfium.FPDF_SEGMENT_LINETO else []
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            start = point
        if pdfium.FPDFPathSegment_GetClose(segment):
            ends.append((point, start))
        for (x0, y0), (x1, y1) in ends:
            wide, high = abs(x1 - x0), abs(y1 - y0)
            if min(wide, high) <= 1 and max(wide, high) >= _SHORT:
                yield Rule(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        before = point
