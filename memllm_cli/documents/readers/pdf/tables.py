"""Tables on a PDF page without lines: their cells stand under each other.

What is not clearly a table is none, for prose torn into cells is lost, and a table read as rows of text is not.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from memllm_cli.documents.readers.pdf.words import (
    Cells,
    Row,
    TableCell,
    Word,
    cell_text,
    in_order,
    joined,
    middle,
    spaces,
)

_MARK = re.compile(r"[-*•‣▪▫◦●○■□☐☑☒✓–—·»]|[(\[]?(?:\d{0,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxIVX]{1,5})[.)\]]{0,2}")
_PAGE = re.compile(r"[^\W\d_]+\.?\s*\d{1,4}\s*(?:of|von|de|di|sur|/)\s*\d{1,4}", re.I)
"""The number of a page, which stands in a running head and in no table."""
_NUMBER = re.compile(r"[-+–−(<>~≈]*\s*[$€£¥]?\s*\d")
_MOST_ROWS = 400
_MOST_COLUMNS = 60


def borderless(made: list[Row], rtl: bool) -> Iterator[tuple[int, int, Cells]]:
    """Tables among rows: first and last row of each, and its cells."""
    at = 0
    while at < len(made):
        best: _Run | None = None
        for first in range(at, min(at + 3, len(made))):
            run = _run(made, first) if _segments(made[first]) > 1 else None
            if run and run.clear() and (best is None or len(run.gutters) > len(best.gutters)):
                best = run
            if run is None and best is None:
                break
        if best is None:
            at += 1
            continue
        first = best.first
        head = _spanning(made, best, at)
        yield first - len(head), best.last, in_order([*head, *best.cells()], rtl)
        at = best.last + 1


def _segments(row: Row) -> int:
    return len(spaces(row, 1.0 * row.size)) - 1


def _common(
    a: Sequence[tuple[float, float]], b: Sequence[tuple[float, float]], width: float
) -> list[tuple[float, float]]:
    """What two sorted lists of spaces have in common."""
    out: list[tuple[float, float]] = []
    n = k = 0
    while n < len(a) and k < len(b):
        low, high = max(a[n][0], b[k][0]), min(a[n][1], b[k][1])
        if high - low >= width:
            out.append((low, high))
        if a[n][1] < b[k][1]:
            n += 1
        else:
            k += 1
    return out


@dataclass(slots=True)
class _Run:
    """Rows that have gutters in common."""

    first: int
    made: list[Row]
    gutters: list[float]

    @property
    def last(self) -> int:
        return self.first + len(self.made) - 1

    def parts(self, row: Row) -> list[list[Word]]:
        out: list[list[Word]] = [[] for _ in range(len(self.gutters) + 1)]
        for word in row.words:
            out[bisect_right(self.gutters, (word.x0 + word.x1) / 2)].append(word)
        return out

    def clear(self) -> bool:
        """Whether this is clearly a table; columns that are nearly empty go into those beside them first."""
        while self.gutters:
            grid = [self.parts(row) for row in self.made]
            filled = [sum(bool(r[c]) for r in grid) for c in range(len(self.gutters) + 1)]
            least = min(range(len(filled)), key=lambda c: filled[c])
            if filled[least] >= max(2, 0.25 * len(grid)):
                return self.judged(grid, filled)
            del self.gutters[max(0, least - 1)]
        return False

    def judged(self, grid: list[list[list[Word]]], filled: list[int]) -> bool:
        columns = [[joined(r[c]) for r in grid if r[c]] for c in range(len(filled))]
        several = sum(sum(map(bool, r)) > 1 for r in grid)
        if several < 3 or several < 0.6 * len(grid) or sum(filled) < 0.45 * len(grid) * len(filled):
            return False
        if max(len(t) for column in columns for t in column) > 160:
            return False
        prose = [_is_prose(column) for column in columns]
        if len(columns) == 2:
            marks = any(all(_MARK.fullmatch(t) for t in column) for column in columns)
            marks = marks or any(_PAGE.fullmatch(t) for column in columns for t in column)
            labels = sum(t.endswith(":") for t in columns[0]) > 0.5 * len(columns[0])
            long = any(sum(map(len, column)) / len(column) > 40 for column in columns)
            return not (marks or labels or long or any(prose)) and all(_aligned(grid, c, 0.7) for c in range(2))
        lined = sum(_aligned(grid, c, 0.55) for c in range(len(columns)))
        return sum(prose) < 0.5 * len(prose) and sum(prose) < 3 and lined >= 0.6 * len(columns)

    def cells(self) -> list[tuple[TableCell, ...]]:
        """The rows' cells; lines that only go on with the cells above are joined to them."""
        grid = [[[Row(row.y, row.size, part)] if part else [] for part in self.parts(row)] for row in self.made]
        steps: list[float] = []
        for column in zip(*grid, strict=True):
            lines = [cell[0].y for cell in column if cell]
            steps += [b - a for a, b in pairwise(lines)]
        tight = 0.85 * middle(steps, 0.75)
        out: list[list[list[Row]]] = []
        for cells in grid:
            if out and _goes_on(out[-1], cells, tight):
                for above, cell in zip(out[-1], cells, strict=True):
                    above += cell
            else:
                out.append(cells)
        return [tuple(TableCell(cell_text(cell)) for cell in row) for row in out]


def _goes_on(above: list[list[Row]], cells: list[list[Row]], tight: float) -> bool:
    """Whether a line is the rest of the cells above it, which stand nearer than the rows do."""
    filled = [c for c, cell in enumerate(cells) if cell]
    if not all(above[c] and cells[c][0].y - above[c][-1].y < tight for c in filled):
        return False
    texts = [cells[c][0].text for c in filled]
    if any(_NUMBER.match(t) for t in texts):
        return False
    return not cells[0] or all(t[:1].islower() for t in texts)


def _is_prose(column: Sequence[str]) -> bool:
    """Whether cells are lines of a running text: longer ones, of which many go on in lower case."""
    rest = column[1:]
    lower = sum(t[:1].islower() for t in rest)
    return bool(rest) and sum(map(len, column)) / len(column) >= 14 and lower >= 0.25 * len(rest)


def _aligned(grid: list[list[list[Word]]], c: int, share: float) -> bool:
    """Whether the cells of a column have their left edges, right edges or middles in one line."""
    cells = [r[c] for r in grid if r[c]]
    edges = [(p[0].x0, p[-1].x1, (p[0].x0 + p[-1].x1) / 2) for p in cells]
    size = middle(p[0].size for p in cells)
    for kind in range(3):
        centre = middle(e[kind] for e in edges)
        if sum(abs(e[kind] - centre) <= 0.5 * size for e in edges) >= share * len(edges):
            return True
    return False


def _run(made: list[Row], first: int) -> _Run | None:
    """The rows from `first` on that keep gutters in common; None if there are not three."""
    width = 0.6 * made[first].size
    free = spaces(made[first], width)
    last = first
    steps: list[float] = []
    for n in range(first + 1, min(first + _MOST_ROWS, len(made))):
        row = made[n]
        step = row.y - made[n - 1].y
        if any(w.block >= 0 for w in row.words) or (steps and step > 2.5 * middle(steps[-9:])):
            break
        if step > 4 * row.size or not 0.6 < row.size / made[first].size < 1.6:
            break
        common = _common(free, spaces(row, width), width)
        lost = len(free) - len(common)
        if len(common) < 3 or lost > max(1, 0.34 * (len(free) - 2)):
            break
        if _segments(row) > 1:
            last = n
        elif lost > 0 or n - last > 3:
            break
        free = common
        steps.append(step)
    gutters = [(a + b) / 2 for a, b in _inner(made[first : last + 1], width)]
    return (
        _Run(first, made[first : last + 1], gutters) if last - first >= 2 and 0 < len(gutters) < _MOST_COLUMNS else None
    )


def _inner(part: Sequence[Row], width: float) -> list[tuple[float, float]]:
    """The spaces that all rows have in common, without those at the two ends."""
    free = spaces(part[0], width)
    for row in part[1:]:
        free = _common(free, spaces(row, width), width)
    return [s for s in free if s[0] > float("-inf") and s[1] < float("inf")]


def _spanning(made: list[Row], run: _Run, least: int) -> list[tuple[TableCell, ...]]:
    """Up to two rows above a table that head several of its columns at once."""
    out: list[tuple[TableCell, ...]] = []
    pitch = middle(b.y - a.y for a, b in pairwise(run.made))
    for n in range(run.first - 1, max(least, run.first - 2) - 1, -1):
        row = made[n]
        if made[n + 1].y - row.y > 1.8 * pitch or _segments(row) < 2 or any(w.block >= 0 for w in row.words):
            break
        cells = _spread(row, run)
        if cells is None:
            break
        out.insert(0, cells)
    return out


def _spread(row: Row, run: _Run) -> tuple[TableCell, ...] | None:
    """A row's pieces over the columns they stand above; None if two pieces stand above the same column."""
    pieces: list[list[Word]] = [[row.words[0]]]
    for before, word in pairwise(row.words):
        if word.x0 - before.x1 >= row.size:
            pieces.append([])
        pieces[-1].append(word)
    cells: list[TableCell] = []
    slack = 0.6 * row.size
    for piece in pieces:
        first = bisect_right(run.gutters, piece[0].x0 + slack)
        last = bisect_right(run.gutters, piece[-1].x1 - slack)
        used = sum(c.width for c in cells)
        first = max(first, used)
        if last < first:
            return None
        cells += [TableCell("")] * (first - used)
        cells.append(TableCell(joined(piece), last - first + 1))
    cells += [TableCell("")] * (len(run.gutters) + 1 - sum(c.width for c in cells))
    return tuple(cells)
