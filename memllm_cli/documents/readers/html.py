"""HTML to parts, on Beautiful Soup and the standard library's parser, walked without recursion."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from memllm_cli.documents.base import Cell, Gatherer, Kind, Parsed, Part, words
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.readers.hidden import DROPPED, is_hidden, raised, tame
from memllm_cli.errors import DocumentError

if TYPE_CHECKING:
    from bs4.element import PageElement, Tag

_BLOCKS = words(
    "html body p div section article main header aside address blockquote center dd details dialog dl dt fieldset "
    "figcaption figure form h1 h2 h3 h4 h5 h6 hgroup hr label li legend menu ol pre summary table caption tbody thead "
    "tfoot tr td th ul title option"
)
_CODE = re.compile(r"(?:^|[\s_-])(?:highlight|code|codehilite|sourceCode|language-\w+)(?:$|[\s_-])")
MAX_TAGS = 500_000
MAX_DEPTH = 5_000


def parse(source: str) -> Parsed:
    """Parts of an HTML page. Raises DocumentError for a page too large or too deep, or that bs4 rejects."""
    from bs4 import BeautifulSoup
    from bs4.exceptions import ParserRejectedMarkup

    if source.count("<") > MAX_TAGS:
        raise DocumentError(f"the page has more than {MAX_TAGS:,} tags", "split it, or save it as text")
    source, unclosed = tame(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            soup = BeautifulSoup(source, "html.parser")
    except (ParserRejectedMarkup, RecursionError):
        raise DocumentError("the HTML is too broken to be read", "open it in a browser and save it as text") from None
    walk = _Walk()
    walk.run(soup)
    if unclosed:
        walk.parsed.notes.append("a comment or script that is never closed hides the end of the page")
    return walk.parsed


def _text_of(tag: Tag) -> str:
    return one_line(" ".join(tag.stripped_strings))


class _Walk:
    def __init__(self) -> None:
        self.parsed = Parsed()
        self.out = Gatherer()
        self.items = 0
        self.numbers: list[int | None] = []
        """For each open list the number of its next item; None where items have none."""
        self.mark = ""
        """The number of an item whose text has not begun."""
        self.terms = ""
        self.quotes = 0
        self.hidden = False
        self.said = ""
        """The text before, which decides what raised text after it is."""
        self.first_heading = ""

    def run(self, soup: Tag) -> None:
        """Visit the tree in document order with a stack of our own."""
        from bs4.element import NavigableString, PreformattedString, Tag

        title = soup.find("title")
        if isinstance(title, Tag):
            self.parsed.title = _text_of(title)
        stack: list[tuple[Tag, Iterator[PageElement]]] = [(soup, iter(soup.contents))]
        while stack:
            tag, children = stack[-1]
            node = next(children, None)
            if node is None:
                self.leave(tag)
                stack.pop()
            elif isinstance(node, Tag):
                self.out.line = max(self.out.line, node.sourceline or 1)
                if self.enter(node):
                    if len(stack) > MAX_DEPTH:
                        raise DocumentError(
                            f"the HTML is nested more than {MAX_DEPTH:,} levels deep", "save the page as text"
                        )
                    stack.append((node, iter(node.contents)))
            elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
                self.text(str(node), preformatted=tag.name == "pre", is_raised=tag.name == "sup")
        self.out.flush()
        self.parsed.parts = self.out.parts
        self.parsed.title = self.parsed.title or self.first_heading
        if self.hidden:
            self.parsed.notes.append("left out hidden text")

    def text(self, text: str, *, preformatted: bool, is_raised: bool) -> None:
        """Text of the page; blank lines inside `pre` separate paragraphs."""
        if is_raised:
            text = raised(text, self.said)
        self.said = text or self.said
        if self.mark and text.strip():
            self.out.add(self.mark)
            self.mark = ""
        if not preformatted:
            self.out.add(text)
            return
        for index, line in enumerate(text.split("\n")):
            if index:
                self.out.add("\n")
            if line.strip():
                self.out.add(line)
            else:
                self.out.flush()

    def enter(self, tag: Tag) -> bool:
        """Begin an element; False when its content is to be left out."""
        name = tag.name
        attributes = tag.attrs
        if name in DROPPED or name == "title":
            return False
        if is_hidden(attributes):
            self.hidden = self.hidden or any(True for _ in tag.stripped_strings)
            return False
        classes = tag.get_attribute_list("class")
        if attributes.get("role") == "navigation" or "headerlink" in classes:
            return False
        if name == "sup" and tag.find("a") is not None:
            return False  # the mark of a note
        if name == "pre" and (tag.find("code") or _is_code(tag)):
            self.out.flush(self.kind())
            self.out.add(tag.get_text())
            self.out.flush("code")
            return False
        if name == "table" and (part := _table(tag)) is not None:
            self.out.flush(self.kind())
            self.out.parts.append(part)
            return False
        if name == "br":
            # Two in a row end a paragraph, one is a line break.
            if _after_br(tag):
                self.out.flush(self.kind())
            else:
                self.out.break_line()
        elif name in _BLOCKS:
            self.end()
        if name in ("ul", "ol"):
            self.items += 1
            self.numbers.append(_number(tag.get("start")) if name == "ol" else None)
        elif name == "li" and self.numbers and (number := self.numbers[-1]) is not None:
            self.mark = f"{number}. "
            self.numbers[-1] = number + 1
        elif name == "blockquote":
            self.quotes += 1
        elif name == "dt":
            self.terms = ""
        return True

    def leave(self, tag: Tag) -> None:
        """End an element: a block ends its sentence."""
        name = tag.name
        if len(name) == 2 and name[0] == "h" and name[1] in "123456":
            before = len(self.out.parts)
            self.out.flush("heading", int(name[1]))
            if not self.first_heading and len(self.out.parts) > before:
                self.first_heading = one_line(" ".join(line.text for line in self.out.parts[-1].lines))
        elif name == "dt":
            before = len(self.out.parts)
            self.out.flush("term")
            if len(self.out.parts) > before:
                self.terms = one_line(" ".join(line.text for line in self.out.parts[-1].lines))
        elif name == "dd":
            self.out.flush("definition" if self.terms else "item", 0, self.terms)
        elif name == "li":
            self.mark = ""
            self.end(item=True)
        elif name in _BLOCKS:
            self.end()
        if name in ("ul", "ol"):
            self.items = max(0, self.items - 1)
            if self.numbers:
                self.numbers.pop()
        elif name == "blockquote":
            self.quotes = max(0, self.quotes - 1)

    def end(self, item: bool = False) -> None:
        """End what runs."""
        level = self.items - 1 if self.items else self.quotes if self.kind() == "quote" else 0
        self.out.flush("item" if item else self.kind(), max(0, level))

    def kind(self) -> Kind:
        return "item" if self.items else "quote" if self.quotes else "paragraph"


MOST_CELL = 800
"""Characters above which a cell is a place on the page, not a cell of data."""


def _table(tag: Tag) -> Part | None:
    """A table of data; None for one that only lays the page out, whose cells are then read one after the other."""
    if tag.find("table") is not None or tag.get("role") in ("presentation", "none"):
        return None
    rows: list[tuple[Cell, ...]] = []
    hanging = False
    for row in tag.find_all("tr"):
        if is_hidden(row.attrs):
            continue
        cells = []
        in_head = row.find_parent("thead") is not None
        for cell in row.find_all(("td", "th"), recursive=False):
            if is_hidden(cell.attrs):
                continue
            text = _cell_text(cell)
            if len(text) > MOST_CELL or cell.find(("h1", "h2", "h3", "h4", "h5", "h6")) is not None:
                return None
            header = cell.name == "th" or in_head
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            hanging = hanging or height > 1
            cells.append(Cell(text, cell.sourceline or row.sourceline or 1, width, height, header))
        if cells or hanging:
            rows.append(tuple(cells))
    if sum(bool(r) for r in rows) < 2 or max((sum(c.width for c in r) for r in rows), default=0) < 2:
        return None
    caption = tag.find("caption")
    return Part("table", rows=tuple(rows), label=_cell_text(caption) if caption is not None else "")


def _number(value: object) -> int:
    """A number as an attribute gives it; 1 where it gives none."""
    text = str(value if value is not None else "1").strip()
    return min(int(text), 1000) if text.isdecimal() and len(text) <= 4 else 1


def _span(cell: Tag, name: str) -> int:
    return max(1, _number(cell.get(name)))


def _cell_text(tag: Tag) -> str:
    """The visible text of an element, without the marks of notes."""
    from bs4.element import NavigableString, PreformattedString, Tag

    out: list[str] = []
    stack: list[PageElement] = list(reversed(tag.contents))
    while stack:
        node = stack.pop()
        if isinstance(node, Tag):
            if node.name in DROPPED or is_hidden(node.attrs) or (node.name == "sup" and node.find("a") is not None):
                continue
            if node.name == "sup":
                out.append(raised(node.get_text(), "".join(out[-2:])))
                continue
            if node.name in _BLOCKS or node.name == "br":
                out.append(" ")
            stack += reversed(node.contents)
        elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
            out.append(str(node))
    return one_line("".join(out))


def _is_code(tag: Tag) -> bool:
    """Whether a `pre` shows program code, by its own class or those of the two elements around it."""
    around = [tag, *list(tag.parents)[:2]] if tag.parent else [tag]
    return any(_CODE.search(" ".join(str(c) for c in t.get_attribute_list("class") if c)) for t in around)


def _after_br(tag: Tag) -> bool:
    before = tag.previous_sibling
    while before is not None and getattr(before, "name", None) is None and not str(before).strip():
        before = before.previous_sibling
    return getattr(before, "name", None) == "br"
