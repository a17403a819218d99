"""Tables on a PDF page that lines enclose.

What is not clearly a table is none: a frame around a figure, or a rule between columns, has text that it crosses.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from memllm_cli.documents.readers.pdf.words import (
    Cells,
    Rule,
    TableCell,
    Word,
    cell_text,
    in_order,
    middle,
    rows,
)

_MOST_CELL = 800
_MOST_RULES = 3000

_At = tuple[int, int]


class Box(NamedTuple):
    """Where a table stands, as a word that takes its place: y and size are those of its first row."""

    x0: float
    x1: float
    y: float
    size: float


def ruled(found: list[Word], rules: Sequence[Rule], rtl: bool) -> tuple[list[tuple[Box, Cells]], list[Word]]:
    """Tables that lines enclose, with their places, and the words outside of them."""
    if not rules or len(rules) > _MOST_RULES:
        return [], found
    tables: list[tuple[Box, Cells]] = []
    for grid in _grids(rules):
        inside = [w for w in found if grid.holds(w)]
        if not inside or (cells := grid.cells(inside)) is None:
            continue
        place = Box(grid.xs[0], grid.xs[-1], min(w.y for w in inside), middle(w.size for w in inside))
        tables.append((place, in_order(cells, rtl)))
        taken = set(map(id, inside))
        found = [w for w in found if id(w) not in taken]
    return tables, found


def _merged(values: Sequence[float]) -> list[float]:
    """Values, each group of near ones as one."""
    out: list[float] = []
    for value in sorted(values):
        if not out or value - out[-1] > 3:
            out.append(value)
    return out


@dataclass(frozen=True, slots=True)
class _Grid:
    xs: list[float]
    ys: list[float]
    level: list[Rule]
    upright: list[Rule]

    def holds(self, word: Word) -> bool:
        x, y = (word.x0 + word.x1) / 2, word.y - 0.3 * word.size
        return self.xs[0] <= x <= self.xs[-1] and self.ys[0] <= y <= self.ys[-1]

    def drawn(self) -> bool:
        """Whether the lines make a grid, and not only touch: those at the ends, and half of all, go across."""
        wide = self.xs[-1] - self.xs[0]
        across = [sum(h.x1 - h.x0 for h in self.level if abs(h.y0 - y) <= 3) >= 0.7 * wide for y in self.ys]
        return across[0] and across[-1] and sum(across) >= 0.5 * len(across)

    def cells(self, inside: Sequence[Word]) -> Cells | None:
        """The words in their cells; None if these are too few, or hold more than the cells of a table do."""
        places: dict[_At, list[Word]] = {}
        roots = self.roots()
        crossed = 0
        for word in inside:
            r = min(bisect_right(self.ys, word.y - 0.3 * word.size), len(self.ys) - 1) - 1
            first, c, last = (
                min(max(1, bisect_right(self.xs, x)), len(self.xs) - 1) - 1
                for x in (word.x0 + 2, (word.x0 + word.x1) / 2, word.x1 - 2)
            )
            crossed += roots[r, first] != roots[r, last]
            places.setdefault(roots[r, c], []).append(word)
        texts = {at: cell_text(rows(part)) for at, part in places.items()}
        if any(len(t) > _MOST_CELL for t in texts.values()) or crossed > 0.03 * len(inside):
            return None
        # What has no text is the space between two lines drawn side by side.
        down, along = ({at: n for n, at in enumerate(sorted({key[k] for key in texts}))} for k in (0, 1))
        if len(down) < 2 or len(along) < 2 or len(texts) < max(4, 0.4 * len(down) * len(along)):
            return None
        return self.shaped(texts, roots, down, along)

    def shaped(
        self, texts: dict[_At, str], roots: dict[_At, _At], down: dict[int, int], along: dict[int, int]
    ) -> Cells:
        """The rows and columns that have text, with how many of them each cell covers."""
        covers: dict[_At, tuple[set[int], set[int]]] = {}
        for (r, c), root in roots.items():
            high, wide = covers.setdefault(root, (set(), set()))
            high.update({r} & down.keys())
            wide.update({c} & along.keys())
        made: list[list[TableCell]] = [[] for _ in down]
        for root in sorted(covers):
            high, wide = covers[root]
            if high and wide:
                made[down[min(high)]].append(TableCell(texts.get(root, ""), len(wide), len(high)))
        return tuple(map(tuple, made))

    def roots(self) -> dict[_At, _At]:
        """For each square of the grid the one in which its cell begins: squares without a line between are one."""
        roots: dict[_At, _At] = {}
        above: set[tuple[int, int]] = set()
        for r, (y0, y1) in enumerate(pairwise(self.ys)):
            y = (y0 + y1) / 2
            tall = [v.x0 for v in self.upright if v.y0 - 2 <= y <= v.y1 + 2]
            flat = [h for h in self.level if abs(h.y0 - y0) <= 3]
            starts = [c for c, x in enumerate(self.xs[:-1]) if not c or any(abs(v - x) <= 3 for v in tall)]
            runs = set(zip(starts, [*starts[1:], len(self.xs) - 1], strict=True))
            for first, end in runs:
                x = (self.xs[first] + self.xs[first + 1]) / 2
                joins = (first, end) in above and not any(h.x0 - 2 <= x <= h.x1 + 2 for h in flat)
                root = roots[r - 1, first] if joins else (r, first)
                roots.update({(r, c): root for c in range(first, end)})
            above = runs
        return roots


def _grids(rules: Sequence[Rule]) -> Iterator[_Grid]:
    """Groups of lines that cross or touch, with two rows and two columns or more."""
    upright = sorted((r for r in rules if not r.level), key=lambda r: r.x0)
    touching = [(h, _touched(h, upright)) for h in rules if h.level]
    meets = [{round(upright[k].x0 / 3) for k in at} for _, at in touching]
    often = Counter(x for places in meets for x in places)
    # What meets one upright line only, as few others do, is no line between rows, but a rule above columns of text.
    kept = [len(places) > 1 or any(often[x] > 2 for x in places) for places in meets]
    touching = [pair for pair, keep in zip(touching, kept, strict=True) if keep]
    level = [h for h, _ in touching]
    parent = list(range(len(level) + len(upright)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for n, (_, at) in enumerate(touching):
        for k in at:
            parent[root(len(level) + k)] = root(n)
    for pieces, start, along in ((level, 0, (1, 0, 2)), (upright, len(level), (0, 1, 3))):
        # One line drawn in pieces, row by row.
        order = sorted(range(len(pieces)), key=lambda n: (round(pieces[n][along[0]]), pieces[n][along[1]]))
        for n, k in pairwise(order):
            a, b = pieces[n], pieces[k]
            apart = max(a[along[1]], b[along[1]]) - min(a[along[2]], b[along[2]])
            if abs(a[along[0]] - b[along[0]]) <= 1 and apart <= 3:
                parent[root(start + k)] = root(start + n)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for n, rule in enumerate([*level, *upright]):
        groups.setdefault(root(n), ([], []))[n >= len(level)].append(rule)
    for flat, tall in groups.values():
        if flat and tall and (grid := _grid(flat, tall)) is not None:
            yield grid


def _touched(h: Rule, upright: Sequence[Rule]) -> list[int]:
    """The upright lines, sorted from the left, that a level one meets."""
    first = bisect_right(upright, h.x0 - 3, key=lambda r: r.x0)
    last = bisect_right(upright, h.x1 + 3, key=lambda r: r.x0)
    return [k for k in range(first, last) if upright[k].y0 - 3 <= h.y0 <= upright[k].y1 + 3]


def _grid(flat: list[Rule], tall: list[Rule]) -> _Grid | None:
    # A table may be open at its sides.
    xs = _merged([*(r.x0 for r in tall), min(r.x0 for r in flat), max(r.x1 for r in flat)])
    ys = _merged([r.y0 for r in flat])
    if not (3 <= len(xs) <= 60 and 3 <= len(ys) <= 300 and len(xs) * len(ys) * (len(tall) + len(flat)) < 10_000_000):
        return None
    grid = _Grid(xs, ys, flat, tall)
    return grid if grid.drawn() else None
