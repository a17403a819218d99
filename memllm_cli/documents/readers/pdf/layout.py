"""A PDF page as it is read: columns one after the other, lines of text, and tables.

Pure geometry on words with their places; what is below a doubt stays text in rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from memllm_cli.documents.readers.pdf.grids import ruled
from memllm_cli.documents.readers.pdf.tables import borderless
from memllm_cli.documents.readers.pdf.words import (
    Char,
    Row,
    Rule,
    TableCell,
    Word,
    is_rtl,
    joined,
    middle,
    rows,
    spaces,
    usual_size,
    words,
)

_DEPTH = 8
_MOST_GAPS = 80
_MOST_TRIED = 30


class TextLine(NamedTuple):
    """A line of text. `fill` is how far it goes towards the end of its column, from 0 to 1.

    `indent` is the space before it and `size` that of its letters, both in points; `gap` its distance from the line
    above as a multiple of the usual one, 0 at the top of a column.
    """

    text: str
    fill: float
    indent: float
    gap: float
    size: float


class Table(NamedTuple):
    """A table, row by row."""

    rows: tuple[tuple[TableCell, ...], ...]


@dataclass(frozen=True, slots=True)
class _Gutter:
    x0: float
    x1: float
    first: int
    last: int


def page(chars: Sequence[Char], rules: Sequence[Rule] = ()) -> list[TextLine | Table]:
    """Lines and tables of a page in the order of reading."""
    found = words(chars)
    rtl = is_rtl("".join(w.text for w in found[:2000]))
    tables, left = ruled(found, rules, rtl)
    marks = [Word("", box.x0, box.x1, box.y, box.size, False, n) for n, (box, _) in enumerate(tables)]
    made = rows([*left, *marks])
    if not made:
        return []
    layout = _Layout([Table(cells) for _, cells in tables], [r for r in rules if r.level], rtl)
    return list(layout.read(made))


@dataclass(slots=True)
class _Layout:
    tables: list[Table]
    rules: list[Rule]
    rtl: bool

    def read(self, made: list[Row]) -> Iterator[TextLine | Table]:
        """Everything in `made`, with a head and a foot that stand apart first and last."""
        first, last = _margins(made)
        for part in (made[:first], made[first:last], made[last:]):
            yield from self.region(part, (min(r.x0 for r in made), max(r.x1 for r in made)), 0)

    def region(self, made: list[Row], bounds: tuple[float, float], depth: int) -> Iterator[TextLine | Table]:
        """A part of the page: its columns if it has some, otherwise its rows."""
        gutter = self.gutter(made) if depth < _DEPTH and len(made) >= 3 else None
        if gutter is None:
            yield from self.rows(made, bounds)
            return
        left, right = _sides(made[gutter.first : gutter.last + 1], gutter)
        inner = (min(r.x0 for r in left), max(r.x1 for r in left)), (min(r.x0 for r in right), max(r.x1 for r in right))
        yield from self.region(made[: gutter.first], bounds, depth + 1)
        columns = [(left, inner[0]), (right, inner[1])]
        for side, box in reversed(columns) if self.rtl else columns:
            yield from self.region(side, box, depth + 1)
        yield from self.region(made[gutter.last + 1 :], bounds, depth + 1)

    def gutter(self, made: list[Row]) -> _Gutter | None:
        """The white space that parts the most rows into columns of prose, None if nothing is sure."""
        width = 0.9 * middle(r.size for r in made)
        left, right = min(r.x0 for r in made), max(r.x1 for r in made)
        found = [g for g in _gaps(made, width, self.rules) if g.x0 > left and g.x1 < right and g.last - g.first >= 2]
        found.sort(key=lambda g: (g.first - g.last, g.x0 - g.x1))
        for gutter in found[:_MOST_TRIED]:
            cut = _trimmed(made, gutter)
            if cut is not None and _columns(*_sides(made[cut.first : cut.last + 1], cut), 0):
                return cut
        return None

    def rows(self, made: list[Row], bounds: tuple[float, float]) -> Iterator[TextLine | Table]:
        """Rows one after the other, with the tables among them."""
        at = 0
        for first, last, cells in borderless(made, self.rtl):
            yield from self.lines(made[at:first], bounds)
            yield Table(cells)
            at = last + 1
        yield from self.lines(made[at:], bounds)

    def lines(self, made: list[Row], bounds: tuple[float, float]) -> Iterator[TextLine | Table]:
        """Rows as lines of text; where a row holds the place of a table, the table."""
        left, right = bounds
        if len(made) >= 8:
            left, right = middle((r.x0 for r in made), 0.1), middle((r.x1 for r in made), 0.9)
        usual = middle((b.y - a.y for a, b in pairwise(made)), 0.25)
        before: float | None = None
        for row in made:
            text = [w for w in row.words if w.block < 0]
            if text:
                x0, x1 = text[0].x0, max(w.x1 for w in text)
                gap = (row.y - before) / usual if before is not None and usual > 0 else 0.0
                start, reach = (right - x1, right - x0) if self.rtl else (x0 - left, x1 - left)
                yield TextLine(joined(text), min(1.0, reach / max(1.0, right - left)), max(0.0, start), gap, row.size)
                before = row.y
            for word in row.words:
                if word.block >= 0:
                    yield self.tables[word.block]
                    before = None


def _gaps(made: list[Row], width: float, ruled_off: Sequence[Rule] = ()) -> list[_Gutter]:
    """Upright bands without text, each with the rows it goes along; a level rule ends those it crosses."""
    done: list[_Gutter] = []
    active: dict[tuple[float, float], int] = {}
    rules = sorted(ruled_off, key=lambda r: r.y0)
    at = 0
    for n, row in enumerate(made):
        free = spaces(row, width)
        while at < len(rules) and rules[at].y0 < row.y - 0.5 * row.size:
            if n and rules[at].y0 > made[n - 1].y:
                outside = [(float("-inf"), rules[at].x0), (rules[at].x1, float("inf"))]
                active = _narrowed(active, outside, width, n - 1, done)
            at += 1
        active = _narrowed(active, free, width, n - 1, done)
        for space in free:
            active.setdefault(space, n)
        if len(active) > _MOST_GAPS:
            active = dict(sorted(active.items(), key=lambda item: item[1])[:_MOST_GAPS])
    done += [_Gutter(a, b, first, len(made) - 1) for (a, b), first in active.items()]
    return done


def _narrowed(
    active: dict[tuple[float, float], int],
    free: Sequence[tuple[float, float]],
    width: float,
    last: int,
    done: list[_Gutter],
) -> dict[tuple[float, float], int]:
    """What is left of the bands after a row with these free spaces; bands that became narrower end in `done`, too."""
    result: dict[tuple[float, float], int] = {}
    for (a, b), first in active.items():
        whole = False
        for c, d in free:
            low, high = max(a, c), min(b, d)
            if high - low >= width:
                result[low, high] = min(first, result.get((low, high), first))
                whole = whole or (low, high) == (a, b)
        if not whole:
            done.append(_Gutter(a, b, first, last))
    return result


def _margins(made: list[Row]) -> tuple[int, int]:
    """How many rows at the top are a running head, and where the foot begins: short rows that stand apart."""
    steps = [b.y - a.y for a, b in pairwise(made)]
    wide = 1.6 * max(middle(steps), middle(r.size for r in made))
    if len(made) < 6:
        return 0, len(made)
    most = 0.6 * (max(r.x1 for r in made) - min(r.x0 for r in made))
    short = [sum(w.x1 - w.x0 for w in r.words) < most for r in (*made[:2], *made[-2:])]
    first = next((n + 1 for n in (0, 1) if steps[n] > wide and all(short[: n + 1])), 0)
    last = next((len(made) - 1 - n for n in (0, 1) if steps[-1 - n] > wide and all(short[3 - n :])), len(made))
    return first, last


def _sides(made: Sequence[Row], gutter: _Gutter) -> tuple[list[Row], list[Row]]:
    middle_x = (gutter.x0 + gutter.x1) / 2
    sides: tuple[list[Row], list[Row]] = ([], [])
    for row in made:
        for side, on_left in ((sides[0], True), (sides[1], False)):
            part = [w for w in row.words if (w.x0 < middle_x) is on_left]
            if part:
                side.append(Row(row.y, usual_size(part), part))
    return sides


def _trimmed(made: list[Row], gutter: _Gutter) -> _Gutter | None:
    """The gutter without what stands apart above and below its columns; None if it has no text on one side."""
    left, right = _sides(made[gutter.first : gutter.last + 1], gutter)
    if len(left) < 3 or len(right) < 3:
        return None
    first, last = gutter.first, gutter.last
    steps = [made[n + 1].y - made[n].y for n in range(first, last)]
    wide = 2.2 * max(middle(steps), middle(r.size for r in made[first : last + 1]))
    widths = [0.75 * (max(r.x1 for r in side) - min(r.x0 for r in side)) for side in (left, right)]

    def apart(top: int, bottom: int) -> bool:
        sides = _sides(made[top : bottom + 1], gutter)
        full = any(r.x1 - r.x0 > width for side, width in zip(sides, widths, strict=True) for r in side)
        return not full and not _filled(*sides)

    for n in range(first, min(first + 12, last)):
        if made[n + 1].y - made[n].y > wide and apart(first, n):
            first = n + 1
    for n in range(last, max(last - 12, first), -1):
        if made[n].y - made[n - 1].y > wide and apart(n, last):
            last = n - 1
    return _Gutter(gutter.x0, gutter.x1, first, last)


def _filled(left: list[Row], right: list[Row]) -> bool:
    """Whether both sides have lines, or one of them is text that runs on."""
    return _columns(left, right, 0) or any(len(side) >= 3 and _lowers(side) >= 0.3 for side in (left, right))


def _lowers(side: list[Row]) -> float:
    """Share of lines that go on in lower case."""
    return sum(r.words[0].text[:1].islower() for r in side) / max(1, len(side))


def _columns(left: list[Row], right: list[Row], depth: int) -> bool:
    """Whether two sides are columns of running text, each to be read on its own, and not the cells of a table."""
    if len(left) < 3 or len(right) < 3 or min(left[-1].y, right[-1].y) <= max(left[0].y, right[0].y):
        return False
    level = {r.y for r in left} & {r.y for r in right}
    if not (_column(left, depth) and _column(right, depth)):
        # Text that runs on beside a table or the parts of a figure.
        return any(
            len(side) >= 5 and _lowers(side) >= 0.3 and _letters(side) >= 25 and len(level) <= 0.5 * len(side)
            for side in (left, right)
            if _column(side, depth)
        )
    both = [*left, *right]
    caseless = not any(c.islower() for r in both[:20] for w in r.words for c in w.text)
    aligned = len(level) / min(len(left), len(right))
    return _lowers(both) >= 0.15 or aligned < 0.7 or _letters(both) >= (15 if caseless else 45)


def _letters(side: list[Row]) -> float:
    """How many characters a line has on the average."""
    return sum(len(w.text) for r in side for w in r.words) / max(1, len(side))


def _column(side: list[Row], depth: int) -> bool:
    """Whether rows look like the lines of one column: long, filled, without gaps; or like several such columns."""
    if _letters(side) < 10:
        return False
    width = middle((r.x1 for r in side), 0.9) - min(r.x0 for r in side)
    filled = sum(r.x1 - r.x0 > 0.6 * width for r in side) / len(side)
    parted = sum(any(b.x0 - a.x1 > 1.3 * r.size for a, b in pairwise(r.words)) for r in side)
    if parted <= 0.3 * len(side) and filled >= 0.5:
        return True
    if depth >= 2:
        return False
    width = 0.9 * middle(r.size for r in side)
    inner = [g for g in _gaps(side, width) if g.x1 - g.x0 < 1e6 and g.last - g.first >= 0.7 * (len(side) - 1)]
    inner.sort(key=lambda g: (g.first - g.last, g.x0 - g.x1))
    return any(_columns(*_sides(side[g.first : g.last + 1], g), depth + 1) for g in inner[:6])
