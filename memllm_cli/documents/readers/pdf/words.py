"""Characters of a PDF page to words, and words to rows: plain geometry that knows nothing of the PDF library.

Coordinates are points, x to the right and y downwards; the y of a character is that of its baseline.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_SPLIT = 0.25
"""Distance between two characters, as a share of the letters' size, from which on they are two words."""
_HYPHENS = ("\x02", "\u00ad", "\ufffe")
"""What PDF libraries give for a hyphen that they take for the break of a word."""
_ALEFS = "\u0622\u0623\u0625\u0627"
_LAM = "\u0644"


class Char(NamedTuple):
    """A character with its left and right edge, its baseline and the size of its letters."""

    text: str
    x0: float
    x1: float
    y: float
    size: float


class Word(NamedTuple):
    """Characters that stand together. `glued` says that no space was between this word and the one before it.

    A word with a `block` stands for a table that is already taken out of the page, by its number.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    glued: bool = False
    block: int = -1


class Rule(NamedTuple):
    """A straight line drawn on the page, either level or upright."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def level(self) -> bool:
        """Whether it goes from left to right."""
        return self.x1 - self.x0 >= self.y1 - self.y0


@dataclass(slots=True)
class Row:
    """Words on one baseline from left to right."""

    y: float
    size: float
    words: list[Word] = field(default_factory=list)

    @property
    def x0(self) -> float:
        """The left edge of the first word."""
        return self.words[0].x0

    @property
    def x1(self) -> float:
        """The right edge of the row."""
        return max(w.x1 for w in self.words)

    @property
    def text(self) -> str:
        """The row as a line of text."""
        return joined(self.words)


class TableCell(NamedTuple):
    """A cell: its text, and how many columns and rows it covers."""

    text: str
    width: int = 1
    height: int = 1


Cells = tuple[tuple[TableCell, ...], ...]


def is_rtl(text: str) -> bool:
    """Whether more letters run from right to left than from left to right."""
    right = left = 0
    for char in text:
        if char < "\u0590":
            left += char.isalpha()
        else:
            kind = unicodedata.bidirectional(char)
            right += kind in ("R", "AL")
            left += kind == "L"
    return right > left


def words(chars: Iterable[Char]) -> list[Word]:
    """The words of a page in the order of its characters; a word drawn twice for bold print is given once."""
    found: list[Word] = []
    run: list[Char] = []
    seen: set[tuple[str, int, int]] = set()
    spaced = True

    def end() -> None:
        nonlocal spaced
        if run:
            word = _word(run, not spaced)
            place = (word.text, round(word.x0 / 2), round(word.y / 2))
            if place not in seen:
                seen.add(place)
                found.append(word)
            run.clear()
            spaced = False

    for char in _marks_after(list(chars)):
        if char.text in _HYPHENS:
            char = char._replace(text="-")
        if char.text.isspace() or (not char.text.isprintable() and unicodedata.category(char.text) in ("Cc", "Cn")):
            end()
            spaced = True
            continue
        if run and not _follows(run[-1], char):
            end()
        run.append(char)
    end()
    return found


def _marks_after(chars: list[Char]) -> list[Char]:
    """Characters, where a mark that is drawn over the next letter comes after it and parts no word."""
    out: list[Char] = []
    for char in chars:
        mark = out[-1] if out else char
        if unicodedata.combining(mark.text[0]) and char.x0 <= (mark.x0 + mark.x1) / 2 <= char.x1 and char is not mark:
            out.pop()
            if out and out[-1].text.isspace() and out[-1].x0 == out[-1].x1:
                out.pop()
            out += [char, mark]
        else:
            out.append(char)
    return out


def _follows(before: Char, char: Char) -> bool:
    if char.y == before.y and char.size == before.size and before.x0 <= char.x0 <= before.x1 and char.text < "\u0590":
        return before.text < "\u0590"
    size = max(before.size, char.size)
    apart = max(char.x0 - before.x1, before.x0 - char.x1)
    if apart > _SPLIT * size or abs(char.y - before.y) > 0.1 * size or min(before.size, char.size) < 0.8 * size:
        return False
    if char.text < "\u0590" and before.text < "\u0590":
        return char.x0 > before.x0 - size
    first, second = unicodedata.bidirectional(before.text[-1]), unicodedata.bidirectional(char.text[0])
    return not ({first, second} & {"R", "AL"} and {first, second} & {"L", "EN"})


def _word(run: Sequence[Char], glued: bool) -> Word:
    texts = [c.text for c in run]
    for n in range(1, len(run)) if _LAM in texts else ():
        # One glyph for lam and alef, which a library that turns its characters round gives in the wrong order.
        if texts[n] == _LAM and texts[n - 1] in _ALEFS and run[n].x0 == run[n - 1].x0:
            texts[n - 1], texts[n] = texts[n], texts[n - 1]
    return Word(
        "".join(texts), min(c.x0 for c in run), max(c.x1 for c in run), run[0].y, max(c.size for c in run), glued
    )


def rows(found: Sequence[Word]) -> list[Row]:
    """Words in rows by their baselines, from the top down; raised and lowered signs stand in the row they belong to."""
    clusters: list[list[Word]] = []
    for word in found:
        before = clusters[-1][-1] if clusters else None
        if before and word.glued and _touches(before, word):
            clusters[-1].append(word)
        else:
            clusters.append([word])
    heads = [max(c, key=lambda w: w.size) for c in clusters]
    order = sorted(range(len(clusters)), key=lambda n: (-heads[n].size, n))
    lines: list[float] = []
    made: list[Row] = []
    for n in order:
        head = heads[n]
        at = bisect_left(lines, head.y)
        near = [k for k in (at - 1, at) if 0 <= k < len(lines) and abs(lines[k] - head.y) <= 0.3 * head.size]
        if near:
            made[min(near, key=lambda k: abs(lines[k] - head.y))].words += clusters[n]
        else:
            lines.insert(at, head.y)
            made.insert(at, Row(head.y, head.size, list(clusters[n])))
    for row in made:
        row.words.sort(key=lambda w: w.x0)
        row.size = usual_size(row.words)
    return _absorbed(made)


def usual_size(found: Sequence[Word]) -> float:
    """The size of most letters."""
    sizes: Counter[float] = Counter()
    for word in found:
        sizes[word.size] += len(word.text) + 1
    return max(sizes, key=lambda size: (sizes[size], size))


def _touches(before: Word, word: Word) -> bool:
    size = max(before.size, word.size)
    apart = max(word.x0 - before.x1, before.x0 - word.x1)
    return apart <= _SPLIT * size and abs(word.y - before.y) <= 0.7 * size


def _absorbed(made: list[Row]) -> list[Row]:
    """Rows, where a short row of small signs between two baselines goes to the row whose letters it stands beside."""
    gone: set[int] = set()
    for n, row in enumerate(made):
        if len(row.words) > 12:
            continue
        for k in (n + 1, n - 1):
            if 0 <= k < len(made) and k not in gone and _beside(row, made[k]):
                for word in row.words:
                    target = made[k].words
                    target.insert(bisect_left(target, word.x0, key=lambda w: w.x0), word)
                gone.add(n)
                break
    return [row for n, row in enumerate(made) if n not in gone]


def _beside(small: Row, row: Row) -> bool:
    middle = small.y - 0.35 * small.size
    if not (0.4 * row.size <= small.size < 0.85 * row.size and row.y - row.size <= middle <= row.y + 0.3 * row.size):
        return False
    for word in small.words:
        at = bisect_left(row.words, word.x0, key=lambda w: w.x0)
        before, after = row.words[max(0, at - 1)], row.words[min(at, len(row.words) - 1)]
        left = word.x0 - before.x1 if before.x0 <= word.x0 else 1e9
        right = after.x0 - word.x1 if after.x0 >= word.x0 else 1e9
        if min(left, right) < -0.15 * row.size or min(left, right) > 0.5 * row.size:
            return False
    return True


def joined(found: Sequence[Word]) -> str:
    """Words from left to right as text in the order of reading, which is another in scripts from right to left."""
    if any(w.text >= "\u0590" for w in found) and is_rtl("".join(w.text for w in found)):
        return _rtl(found)
    out: list[str] = []
    before: Word | None = None
    for word in found:
        if before is not None and not (word.glued and word.x0 - before.x1 < 0.15 * max(word.size, before.size)):
            out.append(" ")
        out.append(word.text)
        before = word
    return "".join(out)


def _rtl(found: Sequence[Word]) -> str:
    ordered: list[Word] = []
    run: list[Word] = []
    for word in reversed(found):
        if is_rtl(word.text) or not any(c.isalnum() for c in word.text):
            ordered += [*reversed(run), word]
            run = []
        else:
            run.append(word)
    ordered += reversed(run)
    out: list[str] = []
    for n, word in enumerate(ordered):
        before = ordered[n - 1] if n else word
        apart = max(word.x0 - before.x1, before.x0 - word.x1)
        turns = is_rtl(before.text) != is_rtl(word.text) and before.text[-1].isalpha() and word.text[0].isalpha()
        if n and (turns or apart >= 0.1 * max(word.size, before.size)):
            out.append(" ")
        out.append(word.text)
    return "".join(out)


def middle(values: Iterable[float], at: float = 0.5) -> float:
    """The value at a share of the sorted ones, the median if nothing else is said; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * at))] if ordered else 0.0


def spaces(row: Row, width: float) -> list[tuple[float, float]]:
    """Parts of a row, at least `width` wide, without words, from the left; those at both ends have no limit."""
    found = [(float("-inf"), row.words[0].x0)]
    end = row.words[0].x1
    for word in row.words[1:]:
        if word.x0 - end >= width:
            found.append((end, word.x0))
        end = max(end, word.x1)
    return [*found, (end, float("inf"))]


def cell_text(made: Sequence[Row]) -> str:
    """Lines of a cell as one text."""
    out = ""
    for row in made:
        line = joined(row.words)
        if out.endswith("-") and len(out) > 1 and out[-2].isalpha() and line[:1].islower():
            out = out[:-1] + line
        else:
            out = f"{out} {line}" if out else line
    return out


def in_order(cells: Sequence[tuple[TableCell, ...]], rtl: bool) -> Cells:
    """Rows of cells, each in the order of reading."""
    return tuple(tuple(reversed(row)) if rtl else row for row in cells)
