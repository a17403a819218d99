"""Lines and tables of PDF pages to the parts of a document.

Page numbers and running heads are left out, lines become paragraphs again, hyphens at line ends are undone, and a
sentence that goes over the end of a column or page stays one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memllm_cli.documents.base import Cell, Kind, Line, Part, words
from memllm_cli.documents.readers.text import (
    ends_sentence,
    heading_level,
    is_title_like,
    starts_clause,
    starts_item,
    without_bullet,
)
from memllm_cli.documents.sentences import ends_with_abbreviation

_CHARS = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\uf0b7": "•", "\uf0a7": "▪"}
)
_HYPHEN_END = re.compile(r"(\w+(?:-\w+)*)[-‐\u00ad]$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_PAGE_NUMBER = re.compile(
    r"[-–\s]*(?:(?:page|seite|pagina|página|p\.)\s*)?\d{1,4}(?:\s*(?:of|von|de|di|sur|/)\s*\d{1,4})?[-–\s]*", re.I
)
_CAPTION = re.compile(r"(?:table|figure|fig\.|tab\.|abb\.|tabelle|abbildung)\s*\d", re.I)
_KNOWN_HEADINGS = words(
    "abstract introduction conclusion conclusions references bibliography acknowledgements acknowledgments summary "
    "appendix contents background discussion results methods limitations"
)
# Words that stand before a hyphen for good ("well-known", "twenty-one"), and after one ("rule-based").
_BEFORE_HYPHEN = words("well ill self half ex twenty thirty forty fifty sixty seventy eighty ninety")
_AFTER_HYPHEN = words(
    "based known related oriented driven specific owned called like free aware wide term scale level style led made old"
)
_MOST_BETWEEN = 8
"""Parts, as footnotes and tables, that may stand inside a sentence which goes over the end of a page."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of text on its page; see `TextLine` for what the numbers mean."""

    number: int
    text: str
    page: int
    fill: float = 1.0
    indent: float = 0.0
    gap: float = 1.0
    size: float = 10.0

    @property
    def ended(self) -> bool:
        """Whether a sentence ends here. The mark of a footnote may follow the full stop."""
        return ends_sentence(self.text.rstrip("0123456789")) and not ends_with_abbreviation(self.text)

    @property
    def lower(self) -> bool:
        return self.text[0].islower()


def plain(text: str) -> str:
    """Text with letters for ligatures, and bullets for the signs of fonts that have their own."""
    return text.translate(_CHARS)


def blocks(pages: Sequence[Sequence[object]], title: str = "") -> list[Part]:
    """The parts of a document. Where its first lines are the title, they become a heading."""
    items = _items(pages)
    titled = _title_lines(items, title)
    rows = [item for item in items[titled:] if isinstance(item, _Row)]
    vocabulary = Counter(w.lower() for row in rows for w in _WORD.findall(row.text))
    builder = _Builder(vocabulary, _body_size(rows))
    for item in items[titled:]:
        builder.add(item)
    first = [Part("heading", tuple(_line(r) for r in items[:titled] if isinstance(r, _Row)), 1)] if titled else []
    return first + builder.parts()


def _items(pages: Sequence[Sequence[object]]) -> list[_Row | Part]:
    """Lines and tables of all pages, without page numbers and what repeats at the head or foot of most pages."""
    split: list[list[_Row | Part]] = []
    for number, page in enumerate(pages, start=1):
        found: list[_Row | Part] = []
        line = 1
        for item in page:
            if isinstance(item, dict):
                table = _table(item["rows"], line, number)
                found.append(table)
                line += len(table.rows)
            elif isinstance(item, list) and (text := plain(str(item[0])).strip()):
                found.append(_Row(line, text, number, *item[1:]))
                line += 1
        split.append(found)
    seen = Counter(shape for page in split for shape in {_shape(row.text) for row in _edges(page)})
    repeated = {shape for shape, count in seen.items() if count >= 3 and count >= 0.4 * len(pages)}
    result: list[_Row | Part] = []
    for page in split:
        dropped = {r.number for r in _edges(page) if _shape(r.text) in repeated or _PAGE_NUMBER.fullmatch(r.text)}
        result += [item for item in page if isinstance(item, Part) or item.number not in dropped]
    return result


def _table(rows: Sequence[Sequence[Sequence[object]]], line: int, page: int) -> Part:
    cells = tuple(
        tuple(Cell(plain(str(text)), line + n, int(str(width)), int(str(height))) for text, width, height in row)
        for n, row in enumerate(rows)
    )
    return Part("table", (Line(line, "", page),), rows=cells)


def _edges(page: Sequence[_Row | Part]) -> list[_Row]:
    return [item for item in [*page[:2], *page[2:][-2:]] if isinstance(item, _Row)]


def _shape(text: str) -> str:
    return re.sub(r"\d+", "0", text.lower())


def _body_size(rows: Sequence[_Row]) -> float:
    """The size of most letters."""
    sizes: Counter[float] = Counter()
    for row in rows:
        sizes[row.size] += len(row.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def _title_lines(items: Sequence[_Row | Part], title: str) -> int:
    """How many of the first lines are the title, 0 if they are not."""
    wanted = "".join(title.split())
    joined = ""
    for count, item in enumerate(items[:6], start=1):
        if isinstance(item, Part):
            break
        joined += "".join(item.text.split())
        if wanted and joined == wanted:
            return count
    return 0


def _line(row: _Row) -> Line:
    return Line(row.number, row.text, row.page)


def _heading(text: str) -> int:
    return 1 if text.strip().lower() in _KNOWN_HEADINGS else heading_level(text)


class _Builder:
    """Gathers lines into groups, each of which becomes a part."""

    def __init__(self, vocabulary: Counter[str], body: float) -> None:
        self.vocabulary = vocabulary
        self.body = body
        self.groups: list[list[_Row] | Part] = []
        self.open: list[_Row] | None = None
        """The group that the next line may belong to."""
        self.before: _Row | None = None

    def add(self, item: _Row | Part) -> None:
        """Take the next line or table."""
        if isinstance(item, Part):
            self.groups.append(item)
            self.open = self.before = None
            return
        if self.open is None or self.before is None or self.parts_at(self.before, item, self.open):
            self.open = self.waiting(item)
        if self.open is not None:
            self.join(self.open, item)
        else:
            self.open = [item]
            self.groups.append(self.open)
        self.before = item

    def waiting(self, row: _Row) -> list[_Row] | None:
        """The paragraph that a line goes on with, where footnotes or a table stand between the two."""
        if not row.lower:
            return None
        for group in self.groups[-1 : -2 - _MOST_BETWEEN : -1]:
            if isinstance(group, Part) or abs(group[-1].size - row.size) > 0.06 * row.size:
                continue
            last = group[-1]
            goes_on = last.fill >= 0.8 and not last.ended and last.page >= row.page - 1 and not _heading(last.text)
            return group if goes_on and not _CAPTION.match(group[0].text) else None
        return None

    def parts_at(self, before: _Row, row: _Row, group: list[_Row]) -> bool:
        """Whether a new paragraph begins at `row`."""
        ended = before.ended
        if row.text.lower() in _KNOWN_HEADINGS and row.text[0].isupper():
            return True
        if abs(before.size - row.size) > 0.12 * row.size:
            return True
        if before.page != row.page or row.gap == 0:
            return self.parts_at_page(before, row)
        if row.gap * self.body > 1.45 * max(self.body, row.size) and (ended or not row.lower):
            return True
        if _heading(before.text) and len(group) == 1:
            return not row.lower
        short = before.fill < 0.8
        if starts_item(row.text) or (starts_clause(row.text) and (ended or short)):
            return True
        if row.lower:
            return False
        if _heading(row.text):
            return ended or short
        if not starts_item(group[0].text) and row.indent - before.indent > 0.8 * row.size and (ended or short):
            return True
        return before.fill < (0.85 if ended else 0.6)

    def parts_at_page(self, before: _Row, row: _Row) -> bool:
        """Whether a new paragraph begins where a page or column does: not inside a name or sentence."""
        if before.ended or starts_item(row.text) or _CAPTION.match(row.text):
            return True
        if row.lower or before.text.endswith("-"):
            return False
        return before.fill < 0.8 or bool(_heading(before.text) or _heading(row.text))

    def join(self, group: list[_Row], row: _Row) -> None:
        """Append a line to its paragraph; a word broken by a hyphen is put together on the first line."""
        last = group[-1]
        broken = _HYPHEN_END.search(last.text)
        rest = row.text.split(None, 1)
        start = _WORD.match(rest[0])
        # "pre- and post-war" has a hyphen for good.
        if not broken or not start or start.group(0) in ("and", "or", "to", "und", "oder"):
            group.append(row)
            return
        keep = self.keeps_hyphen(broken.group(1).lower(), start.group(0).lower(), rest[0][0].islower())
        stem = last.text if keep else last.text[:-1]
        group[-1] = replace(last, text=stem + rest[0])
        if len(rest) > 1:
            group.append(replace(row, text=rest[1]))

    def keeps_hyphen(self, part: str, follow: str, lower: bool) -> bool:
        """Whether a hyphen belongs to the word: the document spells it so elsewhere, or the word is made that way."""
        if self.vocabulary[part + follow]:
            return False
        if self.vocabulary[f"{part}-{follow}"] or "-" in part or not lower:
            return True
        return part in _BEFORE_HYPHEN or (follow in _AFTER_HYPHEN and len(part) > 2)

    def parts(self) -> list[Part]:
        """The groups as parts."""
        after = [*self.groups[1:], None]
        return [
            group if isinstance(group, Part) else self.part(group, next_)
            for group, next_ in zip(self.groups, after, strict=True)
        ]

    def part(self, group: list[_Row], after: list[_Row] | Part | None) -> Part:
        text = " ".join(row.text for row in group)
        level = _heading(text) if len(group) == 1 else 0
        large = group[0].size / self.body
        if not level and large >= 1.15 and len(group) <= 3 and len(text) <= 120 and not group[-1].ended:
            level = 1 if large >= 1.5 else 2
        if not level and len(group) == 1 and isinstance(after, list) and _stands_above(group[0], after):
            level = 2
        kind: Kind = "heading" if level else "item" if starts_item(text) else "paragraph"
        lines = [_line(row) for row in group]
        if kind == "item":
            lines[0] = replace(lines[0], text=without_bullet(lines[0].text))
        return Part(kind, tuple(lines), level)


def _stands_above(row: _Row, after: list[_Row]) -> bool:
    """Whether a short line with white space around it is the title of the paragraph after it."""
    apart = row.page == after[0].page and after[0].gap > 1.25 and (row.gap > 1.25 or row.gap == 0)
    long = after[0].fill > 0.8 and sum(len(r.text) for r in after) >= 80
    return apart and long and row.fill < 0.6 and is_title_like(row.text)
