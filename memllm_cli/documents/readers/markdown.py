"""Markdown to blocks: what a reader of the rendered page would read, without code blocks."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from memllm_cli.documents.base import Gatherer, Kind, Parsed
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.readers.hidden import DROPPED, VOID, is_hidden, tame
from memllm_cli.errors import DocumentError

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.M)


class _RawHtml(HTMLParser):
    """Follows the raw HTML of a markdown file: whether we are inside hidden elements, and its visible text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.visible: list[str] = []
        self.dropped = False
        self._hidden: list[str] = []

    @property
    def hidden(self) -> bool:
        return bool(self._hidden)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            self.visible.append(" ")
        elif self._hidden or tag in DROPPED or is_hidden({k: v or "" for k, v in attrs}):
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.visible.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.visible.append(data)
        else:
            self.dropped = True
            self.visible.append("\n" * data.count("\n"))

    def handle_comment(self, data: str) -> None:
        self.visible.append("\n" * data.count("\n"))

    def take(self, fragment: str) -> str:
        """Feed one fragment; its visible text."""
        self.visible = []
        self.feed(tame(fragment)[0])
        # Nothing unfinished is carried into the next fragment: markdown has ended the tag or comment there.
        self.rawdata = ""
        self.clear_cdata_mode()
        return "".join(self.visible)


def parse(source: str) -> Parsed:
    """Blocks of a markdown file. Raises DocumentError when it is nested too deeply to be parsed."""
    from markdown_it import MarkdownIt

    parsed = Parsed()
    if front := _FRONT_MATTER.match(source):
        if title := _FRONT_TITLE.search(front.group(1)):
            parsed.title = one_line(title.group(1).strip("\"'"))
        source = "\n" * front.group(0).count("\n") + source[front.end() :]
    try:
        tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    except RecursionError:
        raise DocumentError("the markdown is nested too deeply to be read", "simplify the file") from None
    _Walk(parsed).run(tokens)
    return parsed


class _Walk:
    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.out = Gatherer()
        self.raw = _RawHtml()
        self.items = 0
        self.row_line: int | None = None
        self.level = 0

    def run(self, tokens: list[Token]) -> None:
        for token in tokens:
            self.token(token)
        self.out.flush()
        self.parsed.blocks = self.out.blocks
        if self.raw.dropped:
            self.parsed.notes.append("left out hidden text")

    def token(self, token: Token) -> None:
        out = self.out
        match token.type:
            case "list_item_open":
                self.items += 1
            case "list_item_close":
                self.items -= 1
            case "heading_open":
                self.level = int(token.tag[1:])
            case "heading_close":
                if not self.parsed.title and out.blocks and out.blocks[-1].kind == "heading":
                    self.parsed.title = one_line(" ".join(line.text for line in out.blocks[-1].lines))
                self.level = 0
            case "tr_open":
                self.row_line = token.map[0] + 1 if token.map else None
            case "td_close" | "th_close":
                out.add(" | ")
            case "tr_close":
                self.row_line = None
                self.end_row()
            case "inline":
                line = self.row_line or (token.map[0] + 1 if token.map else out.line)
                self.inline(token, line)
            case "html_block":
                # Text between block tags is text; each line of its own, as nothing says what belongs together.
                out.line = token.map[0] + 1 if token.map else out.line
                for index, line_text in enumerate(self.raw.take(token.content).split("\n")):
                    if index:
                        out.line += 1
                    out.add(line_text)
                    out.flush()
            case _:
                pass

    def inline(self, token: Token, line: int) -> None:
        out = self.out
        out.line = line
        for child in token.children or []:
            if child.type in ("softbreak", "hardbreak"):
                out.add("\n" if self.row_line is None else " ")
            elif child.type == "html_inline":
                if visible := self.raw.take(child.content):
                    out.add(visible)
            elif child.type in ("text", "code_inline", "text_special") and child.content:
                if self.raw.hidden:
                    self.raw.dropped = True
                else:
                    out.add(child.content)
        if self.row_line is not None:
            return
        kind: Kind = "heading" if self.level else "item" if self.items else "paragraph"
        out.flush(kind, self.level)

    def end_row(self) -> None:
        self.out.trim_end(" | ")
        self.out.flush("row")
