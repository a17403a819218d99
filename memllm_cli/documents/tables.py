"""The shape of a table: which cells name columns, which name rows, and whether that is sure.

Looks at what a source marks as header, at where cells stand, and at what kinds of values (numbers, dates, money, text)
the columns and rows hold; knows no words of any language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from memllm_cli.documents.base import Cell

_VALUE = re.compile(
    r"[-+(]*\s*(?:[A-Z]{0,3}[$€£¥]|[A-Z]{3}\s)?\s*[-+]?\d[\d.,'\s]*\)?\s*(?:%|[a-zA-Z€$£°/²³]{1,6})?\)?\s*[*†‡]*"
)
_MONEY = re.compile(r"[A-Z]{0,3}[$€£¥]\s?(?:m|mn|mm|bn|k|M|B|K|['’]?0{3}s?)?|[A-Z]{3}(?:m|k|bn)?|%")
"""A unit of money alone, with its scale: `€m`, `$'000`, `USDm`."""
_YEAR = re.compile(
    r"(?:FY\s?|Q[1-4]\s)?(?:1[6-9]|20|21)\d\d(?:\s?[/–-]\s?\d{2,4})?[AEF]?(?:\s+[A-Z]{0,3}[$€£¥]\S{0,4})?"
)
_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|(?:\d{1,2}\.?\s+)?[^\W\d]{3,9}\.?\s+(?:\d{1,2},?\s+)?\d{4}"
)
_NOTHING = re.compile(r"(?:[-–—−.·\s]|n/?a|tbd|nil|none|\?)*", re.I)
_BRACKETED = re.compile(r"\(.*\)", re.S)
_MARK = re.compile(r"(?:(?<=[^\W\d_.)%])|(?<=\b(?:19|20)\d\d))\s?(?:\(\d{1,2}\)|\[(?:\d{1,2}|[a-z])\]|[*†‡§]+)+$")
_LEADS_ON = re.compile(r"[,:]$|[^\W\d_]{3,9}\.?\s+\d{1,2}$")
"""How a text ends that the years beside it go on: `Years ended 31 March:`, `At December 31`."""
_SHORT = 60
"""Characters above which a cell names nothing."""


def is_nothing(text: str) -> bool:
    """Whether a cell says that there is nothing in it: it is empty, or a dash."""
    return bool(_NOTHING.fullmatch(text.strip()))


def value_kind(text: str) -> str:
    """What a cell holds, by its form: `nothing`, `year`, `date`, `number` or `text`."""
    text = text.strip()
    if is_nothing(text):
        return "nothing"
    if _YEAR.fullmatch(text):
        return "year"
    if _DATE.fullmatch(text):
        return "date"
    return "number" if _VALUE.fullmatch(text) else "text"


def unmarked(text: str) -> str:
    """A name without the marks of footnotes behind it: `Total debt(2)` is `Total debt`."""
    return _MARK.sub("", text.strip()).strip()


@dataclass(slots=True)
class Shape:
    """A table laid out: `grid[row][column]` is the cell that covers a place, or None.

    The first `head` rows name columns, the first column names rows where `named`. `columns` has a name a column, `rows`
    one a row (empty for rows that only head a group). A table is `transposed` when its rows are the properties and its
    columns the things; `record` when it is a list of properties of one thing, which stand in the first column. It is
    `sure` when nothing had to be guessed.
    """

    grid: list[list[Cell | None]]
    head: int = 0
    named: bool = False
    columns: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    transposed: bool = False
    record: bool = False
    sure: bool = False

    @property
    def width(self) -> int:
        """How many columns."""
        return len(self.grid[0]) if self.grid else 0

    def text(self, row: int, column: int) -> str:
        """What stands at a place."""
        cell = self.grid[row][column]
        return cell.text.strip() if cell is not None else ""

    def starts(self, row: int, column: int) -> bool:
        """Whether a cell begins at a place, and does not only reach over it."""
        cell = self.grid[row][column]
        left = self.grid[row][column - 1] if column else None
        above = self.grid[row - 1][column] if row else None
        return cell is not None and cell is not left and cell is not above


MOST_COLUMNS = 200
"""Columns of a table; what stands in others is put into the last of these."""


def laid_out(rows: Sequence[Sequence[Cell]]) -> list[list[Cell | None]]:
    """Cells by place: those that cover several columns or rows stand at each."""
    grid: list[list[Cell | None]] = []
    hanging: dict[int, tuple[Cell, int]] = {}
    for cells in rows:
        out: list[Cell | None] = []
        waiting = list(cells)
        while waiting or len(out) in hanging:
            if len(out) >= MOST_COLUMNS:
                if waiting and (last := out[-1]) is not None:
                    rest = [c.text for c in (last, *waiting) if c.text]
                    out[-1] = replace(last, text=" | ".join(rest), width=1, height=1)
                break
            if len(out) in hanging:
                cell, left = hanging.pop(len(out))
                if left > 1:
                    hanging[len(out)] = (cell, left - 1)
                out.append(cell)
                continue
            cell = waiting.pop(0)
            for _ in range(max(1, min(cell.width, MOST_COLUMNS))):
                if cell.height > 1:
                    hanging[len(out)] = (cell, min(cell.height, len(rows)) - 1)
                out.append(cell)
        grid.append(out)
    width = max((len(r) for r in grid), default=0)
    for row in grid:
        row.extend([None] * (width - len(row)))
    return grid


def shaped(rows: Sequence[Sequence[Cell]]) -> Shape:
    """The shape of a table."""
    shape = Shape(laid_out(rows))
    shape.columns, shape.units = [""] * shape.width, [""] * shape.width
    shape.rows, shape.groups = [""] * len(shape.grid), [""] * len(shape.grid)
    if not shape.grid or shape.width < 2:
        return shape
    marked_side = _marked_side(shape)
    shape.head, marked = _head(shape)
    body = range(shape.head, len(shape.grid))
    named = [_column_name(shape, c) for c in range(shape.width)]
    shape.columns, shape.units = [n for n, _ in named], [u for _, u in named]
    _name_rows(shape, body)
    kinds = [[value_kind(shape.text(r, c)) for c in range(1, shape.width)] for r in body]
    filled = [r for r in body if shape.rows[r]]
    if shape.width == 2 and _is_record(shape, kinds, marked_side):
        shape.record = shape.named = True
        shape.sure = marked_side or not shape.head
        return shape
    names = shape.columns[1:] if shape.head else []
    shape.named = bool(filled) and _names(shape, body, marked_side)
    headed = bool(names) and sum(1 for n in names if n) >= max(1, len(names) - 1) and _distinct(names)
    shape.transposed = shape.named and headed and _is_transposed(shape, kinds)
    shape.sure = shape.named and headed and (marked or _typed(shape, kinds))
    return shape


def _marked_side(shape: Shape) -> bool:
    """Whether the source marks the first column as the one that names rows."""
    first = [row[0] for row in shape.grid if row[0] is not None]
    others = [c for row in shape.grid for c in row[1:] if c is not None]
    return bool(first) and all(c.header for c in first[1:] or first) and any(not c.header for c in others)


def _head(shape: Shape) -> tuple[int, bool]:
    """How many rows name the columns, and whether the source marks them.

    Rows that have a text in their first cell alone are titles of the table where rows that name columns follow them.
    """
    marked = 0
    for row in shape.grid:
        cells = [c for c in row if c is not None]
        heads = len(row) > 1 and all(c is row[0] for c in row)  # the name of a group of rows
        if marked and heads and any(_fills(shape, r) and row[0] is not shape.grid[r][0] for r in range(marked)):
            break
        if cells and all(c.header for c in cells):
            marked += 1
        else:
            break
    if marked == len(shape.grid):
        marked = 1
    if marked and not any(shape.text(r, c) for r in range(marked) for c in range(shape.width)):
        return marked, False  # a format that asks for a header where there is none
    head, named = marked, any(_fills(shape, r) for r in range(marked))
    for r in range(marked, len(shape.grid) - 1):
        if _goes_on(shape, r, named):
            head, named = r + 1, named or _fills(shape, r)
        elif named or any(shape.text(r, c) for c in range(1, shape.width)):
            break
    if not head and _looks_like_head(shape, 0):
        head = 1
    return head, marked > 0


def _fills(shape: Shape, row: int) -> bool:
    """Whether a row names half of the columns or more."""
    return sum(bool(shape.text(row, c)) for c in range(1, shape.width)) >= (shape.width - 1) / 2


def _looks_like_head(shape: Shape, row: int) -> bool:
    """Whether an unmarked row names what stands below: short texts over columns that hold other kinds of values."""
    texts = [shape.text(row, c) for c in range(shape.width)]
    if len(shape.grid) < 3 or any(len(t) > _SHORT for t in texts) or sum(map(bool, texts)) < max(2, shape.width - 1):
        return False
    for c in range(shape.width):
        below = [value_kind(shape.text(r, c)) for r in range(row + 1, len(shape.grid))]
        below = [k for k in below if k != "nothing"]
        kind = value_kind(texts[c])
        if shape.width == 2 and _mixed(below) > 1:
            continue  # properties of one thing
        if below and kind in ("text", "year", "date") and sum(k not in ("text", kind) for k in below) > len(below) / 2:
            return True
    return False


def _goes_on(shape: Shape, row: int, named: bool) -> bool:
    """Whether a row names columns, or goes on to: it holds no values though those below do, and it names no row itself,
    unless no row above has named the columns (`named`)."""
    first, rest = shape.text(row, 0), [shape.text(row, c) for c in range(1, shape.width)]
    if first and not _BRACKETED.fullmatch(first) and (named or not _fills(shape, row)):
        return False
    kinds = [value_kind(unmarked(t)) for t in rest if not _MONEY.fullmatch(t)]
    if "number" in kinds or not any(t and not is_nothing(t) for t in rest):
        return False
    below: list[str] = []
    for r in range(row + 1, len(shape.grid)):
        if shape.text(r, 0):
            below += [value_kind(shape.text(r, c)) for c in range(1, shape.width)]
    below = [k for k in below if k != "nothing"]
    if shape.width == 2 and _mixed(below) > 1:
        return False  # properties of one thing
    return bool(below) and sum(k == "number" for k in below) >= len(below) / 2


def _column_name(shape: Shape, column: int) -> tuple[str, str]:
    """The names of a column's header cells, from above, and the unit they say; other texts in brackets stay out."""
    said: list[str] = []
    unit = ""
    named = False
    for row in range(shape.head):
        if not any(shape.text(row, c) for c in range(1, shape.width)):
            continue  # a title of the table
        if named and shape.width > 3 and sum(bool(shape.text(row, c)) for c in range(shape.width)) == 1:
            continue  # said of what stands below, all columns have their names
        named = named or _fills(shape, row)
        cell = shape.grid[row][column]
        text = unmarked(shape.text(row, column))
        if not text and (cell is None or not cell.text.strip()):
            text = unmarked(_over(shape, row, column))
        if column and value_kind(text) == "year" and (lead := _led(shape, row)):
            text = f"{lead} {text}"
        if _MONEY.fullmatch(text.strip("()")):
            unit = text.strip("()")
        elif text and not _BRACKETED.fullmatch(text) and text not in said:
            said.append(text)
    return " ".join(said), unit


def _led(shape: Shape, row: int) -> str:
    """What the first column says of the years beside it or below it, where it reads on into them."""
    corners = [unmarked(shape.text(r, 0)) for r in range(row, -1, -1)]
    return next((c.rstrip(":") for c in corners if len(c) <= _SHORT and _LEADS_ON.search(c)), "")


def _over(shape: Shape, row: int, column: int) -> str:
    """The heading that reaches over an empty header cell, where another row of headers is below it: the nearest to the
    left, or the only one, which often stands over the middle of columns that are alike."""
    below = any(shape.text(r, column) and not _BRACKETED.fullmatch(shape.text(r, column))
                for r in range(row + 1, shape.head))  # fmt: skip
    if column == 0 or not below:
        return ""
    given = [c for c in range(1, shape.width) if shape.text(row, c)]
    left = [c for c in given if c < column]
    if len(given) == 1 and left and value_kind(shape.text(shape.head - 1, column)) == "text":
        return ""  # a name that goes on in the row below it
    if left:
        return shape.text(row, left[-1])
    if len(given) != 1:
        return ""
    kinds = [{value_kind(unmarked(shape.text(r, c))) for c in (given[0], column)} for r in range(row + 1, shape.head)]
    return shape.text(row, given[0]) if any(len(k) == 1 and k != {"nothing"} for k in kinds) else ""


def _name_rows(shape: Shape, body: range) -> None:
    group = ""
    for r in body:
        name = unmarked(shape.text(r, 0)).rstrip(":").strip()
        rest = [shape.text(r, c) for c in range(1, shape.width)]
        whole = shape.grid[r][0] is not None and all(c is shape.grid[r][0] for c in shape.grid[r])
        if name and (whole or all(is_nothing(t) and not t for t in rest)):
            group = name  # a row that only heads those below it
            continue
        shape.rows[r] = name if len(name) <= 2 * _SHORT else ""
        shape.groups[r] = group
    twice = Counter(n.casefold() for n in shape.rows if n)
    for r in body:
        if shape.rows[r] and twice[shape.rows[r].casefold()] > 1 and shape.groups[r]:
            shape.rows[r] = f"{shape.groups[r]}: {shape.rows[r]}"


def _distinct(names: Sequence[str]) -> bool:
    given = [n.casefold() for n in names if n]
    return len(set(given)) == len(given)


def _names(shape: Shape, body: range, marked_side: bool) -> bool:
    """Whether the first column names its rows: nearly every row has a short text there, and few have the same."""
    given = [shape.rows[r] for r in body if any(shape.text(r, c) for c in range(shape.width))]
    given = [g for g in given if g or not shape.groups]
    some = [g for g in given if g]
    if not some or any(len(g) > _SHORT * 2 for g in some):
        return False
    kinds = Counter(value_kind(g) for g in some)
    words = kinds["text"] + kinds["year"] + kinds["date"]
    if not marked_side and words < 0.8 * len(some):
        return False
    return len({g.casefold() for g in some}) >= 0.9 * len(some)


def _typed(shape: Shape, kinds: list[list[str]]) -> bool:
    """Whether columns hold values of one kind, so that an unmarked header stands out from them."""
    values = [k for row in kinds for k in row if k != "nothing"]
    return bool(values) and sum(k != "text" for k in values) >= 0.5 * len(values)


def _mixed(kinds: Sequence[str]) -> int:
    return len({k for k in kinds if k != "nothing"})


def _is_record(shape: Shape, kinds: list[list[str]], marked_side: bool) -> bool:
    """Whether two columns are the properties of one thing: the first is marked, or the second holds several kinds."""
    names = [r for r in shape.rows[shape.head :] if r]
    if len(names) < 2 or not _distinct(names):
        return False
    if marked_side:
        return True
    if any(shape.text(r, c) for r in range(shape.head) for c in range(2)):
        return False
    return bool(shape.head) or (len(names) >= 3 and _mixed([row[0] for row in kinds]) >= 2)


def _is_transposed(shape: Shape, kinds: list[list[str]]) -> bool:
    """Whether each row holds one kind of value while the columns hold several, as where columns are things compared."""
    if len(kinds) < 3 or shape.width < 3:
        return False
    rows = [_mixed(row) for row in kinds if _mixed(row)]
    columns = [_mixed([row[c] for row in kinds]) for c in range(shape.width - 1)]
    changes = sum(a != b for a, b in pairwise([next((k for k in row if k != "nothing"), "") for row in kinds]))
    return bool(rows) and max(rows) == 1 and min(columns) >= 2 and changes >= 2
