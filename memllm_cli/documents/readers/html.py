"""HTML to blocks, on Beautiful Soup and the standard library's parser, walked without recursion."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from memllm_cli.documents.base import Gatherer, Kind, Parsed, words
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.readers.hidden import DROPPED, is_hidden, tame
from memllm_cli.errors import DocumentError

if TYPE_CHECKING:
    from bs4.element import PageElement, Tag

_BLOCKS = words(
    "html body p div section article main header aside address blockquote center dd details dialog dl dt fieldset "
    "figcaption figure form h1 h2 h3 h4 h5 h6 hgroup hr label li legend menu ol pre summary table caption tbody thead "
    "tfoot tr td th ul title option"
)
_IN_ROW = (
    "p",
    "div",
    "table",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "pre",
    "blockquote",
    "section",
)
_CODE = re.compile(r"(?:^|[\s_-])(?:highlight|code|codehilite|sourceCode|language-\w+)(?:$|[\s_-])")
MAX_TAGS = 500_000
MAX_DEPTH = 5_000


def parse(source: str) -> Parsed:
    """Blocks of an HTML page. Raises DocumentError for a page too large or too deep, or that bs4 rejects."""
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
        self.in_row = 0
        self.hidden = False
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
                self.text(str(node), preformatted=tag.name == "pre")
        self.out.flush()
        self.parsed.blocks = self.out.blocks
        self.parsed.title = self.parsed.title or self.first_heading
        if self.hidden:
            self.parsed.notes.append("left out hidden text")

    def text(self, text: str, *, preformatted: bool) -> None:
        """Text of the page; blank lines inside `pre` separate paragraphs."""
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
        if name == "pre" and (tag.find("code") or _is_code(tag)):
            return False
        if name == "br":
            # Two in a row end a paragraph, one is a line break.
            if _after_br(tag):
                self.out.flush(self.kind())
            else:
                self.out.add(" ")
        elif name == "tr" and not self.in_row and tag.find(_IN_ROW) is None:
            self.out.flush(self.kind())
            self.in_row = 1
        elif self.in_row:
            self.out.add(" " if name in _BLOCKS else "")
        elif name in _BLOCKS:
            self.out.flush(self.kind())
        if name in ("li", "dd", "dt"):
            self.items += 1
        return True

    def leave(self, tag: Tag) -> None:
        """End an element: a block ends its sentence, a cell is followed by a bar."""
        name = tag.name
        if name in ("li", "dd", "dt"):
            self.items -= 1
        if self.in_row:
            if name in ("td", "th"):
                self.out.add(" | ")
            elif name == "tr":
                self.in_row = 0
                self.out.trim_end(" | ")
                self.out.flush("row")
            elif name in _BLOCKS:
                self.out.add(" ")
        elif len(name) == 2 and name[0] == "h" and name[1] in "123456":
            before = len(self.out.blocks)
            self.out.flush("heading", int(name[1]))
            if not self.first_heading and len(self.out.blocks) > before:
                self.first_heading = one_line(" ".join(line.text for line in self.out.blocks[-1].lines))
        elif name in _BLOCKS:
            self.out.flush(self.kind())

    def kind(self) -> Kind:
        return "item" if self.items else "paragraph"


def _is_code(tag: Tag) -> bool:
    """Whether a `pre` shows program code, by its own class or those of the two elements around it."""
    around = [tag, *list(tag.parents)[:2]] if tag.parent else [tag]
    return any(_CODE.search(" ".join(str(c) for c in t.get_attribute_list("class") if c)) for t in around)


def _after_br(tag: Tag) -> bool:
    before = tag.previous_sibling
    while before is not None and getattr(before, "name", None) is None and not str(before).strip():
        before = before.previous_sibling
    return getattr(before, "name", None) == "br"
