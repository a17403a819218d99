"""Markdown to parts: what a reader of the rendered page reads, and what front matter and note programs add to it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from memllm_cli.documents.base import FRONT_MATTER, Cell, Gatherer, Kind, Line, Parsed, Part
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.readers.hidden import DROPPED, ELEMENTS, VOID, is_hidden, raised, tame

if TYPE_CHECKING:
    from markdown_it.token import Token

NESTING = 120
"""Levels of lists and quotes that are parsed; a file nested more deeply is read as plain text."""
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_ENTRY = re.compile(r"(?P<indent>\s*)(?:(?P<item>-)\s+)?(?:(?P<key>[\w][\w .-]*?)\s*:(?:\s+|$))?(?P<value>.*)$")
_FOOTNOTE = re.compile(r"^\[\^([^\]\n]{1,60})\]:[ \t]*(.*(?:\n(?:[ \t]{2,}\S.*|[ \t]*(?=\n[ \t]{2,}\S)))*)", re.M)
_NOTE_MARK = re.compile(r"\[\^[^\]\n]{1,60}\]")
_CODE_SPAN = re.compile(r"(^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\2[`~]*[ \t]*$|\Z))|(`+)[^`\n].*?\3(?!`)", re.M | re.S)
_VAULT = re.compile(r"!?\[\[[^\[\]\n]+\]\]|^\s*>\s*\[![\w-]+\]|%%")
_COMMENT = re.compile(r"%%.*?%%", re.S)
_EMBED = re.compile(r"!\[\[[^\[\]\n]*\]\]")
_WIKI_LINK = re.compile(r"\[\[([^\[\]|\n]*)(?:\|([^\[\]\n]*))?\]\]")
_CALLOUT = re.compile(r"^(\s*(?:>\s*)+)\[![\w-]+\][+-]?[ \t]*(.*)$", re.M)
_ENDS_HERE = "\ue001"
"""Put behind the title of a callout, which stands on the line of its text."""
_MARKED = re.compile(r"==(?=\S)([^=\n]+?)(?<=\S)==")
_BLOCK_ID = re.compile(r"[ \t]\^[\w-]+[ \t]*$", re.M)
_TAG = re.compile(r"(?:(?<=\s)|^)#[A-Za-z][\w/-]*(?=\s|$|[.,;:!?])", re.M)
_TASK = re.compile(r"^(\s*(?:[-*+]|\d+[.)])\s+)\[[ xX/-]\]\s+", re.M)


_ELEMENT = re.compile(r"</?([a-zA-Z][\w-]*)")


class _RawHtml(HTMLParser):
    """Follows the raw HTML of a markdown file: whether we are inside hidden elements, and its visible text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.visible: list[str] = []
        self.dropped = False
        self.raised = False
        self._hidden: list[str] = []

    @property
    def hidden(self) -> bool:
        return bool(self._hidden)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            self.visible.append(" ")
        elif self._hidden or tag in DROPPED or is_hidden({k: v or "" for k, v in attrs}):
            self._hidden.append(tag)
        elif tag == "sup":
            self.raised = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "sup":
            self.raised = False
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
    """Parts of a markdown file; one that is nested too deeply is read as plain text, and a note says so."""
    from markdown_it import MarkdownIt

    parsed = Parsed()
    if front := _FRONT_MATTER.match(source):
        parsed.parts += _front_matter(front.group(1))
        parsed.title = next((_value(p) for p in parsed.parts if p.label.casefold() == "title"), "")
        source = "\n" * front.group(0).count("\n") + source[front.end() :]
    source, footnotes = _outside_code(source, parsed.notes)
    try:
        tokens = MarkdownIt("commonmark", {"maxNesting": NESTING}).enable(["table", "strikethrough"]).parse(source)
        if max((t.level for t in tokens), default=0) >= NESTING - 2:
            raise RecursionError
    except RecursionError:
        from memllm_cli.documents.readers.text import parse as plain

        read = plain(source)
        parsed.parts += read.parts
        parsed.title = parsed.title or read.title
        parsed.notes.append("nested too deeply for markdown; read as plain text")
    else:
        _Walk(parsed).run(tokens)
    parsed.parts += footnotes
    return parsed


def _value(pair: Part) -> str:
    return one_line(" ".join(line.text for line in pair.lines)[len(pair.label) + 1 :])


def _front_matter(text: str) -> list[Part]:
    """The entries of a front matter as pairs, one for each value of a list; keys within keys stand behind them."""
    out: list[Part] = []
    keys: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = _ENTRY.match(line)
        if entry is None:
            continue
        indent = len(entry["indent"])
        if entry["key"] is not None:
            while keys and keys[-1][0] >= indent:
                keys.pop()
            keys.append((indent, entry["key"].strip()))
        value = entry["value"].strip()
        values = [value]
        if value.startswith("[") and value.endswith("]"):
            values = value[1:-1].split(",")
        for some in values:
            bare = _WIKI_LINK.sub(_linked, some.strip().strip("\"'").strip())
            if bare and bare not in ("|", ">", "|-", ">-") and keys:
                key = " ".join(k for _, k in keys)
                out.append(Part("pair", (Line(number, f"{key}: {bare}"),), 0, key, FRONT_MATTER))
    return out


def _outside_code(source: str, notes: list[str]) -> tuple[str, list[Part]]:
    """The source without footnotes, their marks, and what note programs write between words; code stays as it is."""
    pieces: list[str] = []
    spared: list[str] = []
    at = 0
    for match in _CODE_SPAN.finditer(source):
        pieces.append(source[at : match.start()])
        spared.append(match.group(0))
        at = match.end()
    pieces.append(source[at:])
    text = "\ue000".join(re.sub("[\ue000\ue001]", "", piece) for piece in pieces)
    text = _TASK.sub(r"\1", text)
    if _VAULT.search(text):
        if _COMMENT.search(text):
            notes.append("left out comments")
        text = _COMMENT.sub(lambda m: "\n" * m.group(0).count("\n"), text)
        text = _CALLOUT.sub(lambda m: f"{m[1]}{m[2]}{_ENDS_HERE}" if m[2].strip() else m[1], _EMBED.sub("", text))
        text = _WIKI_LINK.sub(_linked, text)
        text = _TAG.sub("", _BLOCK_ID.sub("", text))
    text = _MARKED.sub(r"\1", text)
    footnotes: list[Part] = []
    kept: list[str] = []
    before = 0
    for match in _FOOTNOTE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1  # a file has few
        said = [Line(line + i, s.strip()) for i, s in enumerate(match[2].split("\n")) if s.strip()]
        if said:
            footnotes.append(Part("footnote", tuple(said), 0, match[1]))
        kept += [text[before : match.start()], "\n" * match.group(0).count("\n")]
        before = match.end()
    text = _NOTE_MARK.sub("", "".join([*kept, text[before:]]))
    parts = text.split("\ue000")
    held = "".join(a + b for a, b in zip(parts, [*spared, ""], strict=False))
    return held, [_restored(f, spared) for f in footnotes]


def _restored(part: Part, spared: list[str]) -> Part:
    return Part(
        part.kind, tuple(Line(line.number, line.text.replace("\ue000", "")) for line in part.lines), 0, part.label
    )


def _linked(match: re.Match[str]) -> str:
    """What a link of a note program shows: its own words, else the page it leads to."""
    page = match[1].lstrip("#")
    return match[2] or page.partition("#")[0] or page


class _Walk:
    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.out = Gatherer()
        self.raw = _RawHtml()
        self.items = 0
        self.quotes = 0
        self.opened = False
        self.number = ""
        """What stands before an item of a numbered list."""
        self.rows: list[list[Cell]] | None = None
        self.row_line = 1
        self.header = False
        self.level = 0
        self.title = parsed.title

    def run(self, tokens: list[Token]) -> None:
        for token in tokens:
            self.token(token)
        self.out.flush()
        self.parsed.parts += self.out.parts
        self.parsed.title = self.title
        if self.raw.dropped:
            self.parsed.notes.append("left out hidden text")

    def token(self, token: Token) -> None:
        out = self.out
        match token.type:
            case "list_item_open":
                self.items += 1
                self.opened = True
                self.number = f"{token.info}{token.markup} " if token.info else ""
            case "list_item_close":
                self.items -= 1
            case "blockquote_open":
                self.quotes += 1
            case "blockquote_close":
                self.quotes -= 1
            case "heading_open":
                self.level = int(token.tag[1:])
            case "heading_close":
                if not self.title and out.parts and out.parts[-1].kind == "heading":
                    self.title = one_line(" ".join(line.text for line in out.parts[-1].lines))
                self.level = 0
            case "table_open":
                self.rows = []
            case "table_close":
                out.parts.append(Part("table", rows=tuple(map(tuple, self.rows or []))))
                self.rows = None
            case "tr_open":
                self.row_line = token.map[0] + 1 if token.map else out.line
                if self.rows is not None:
                    self.rows.append([])
            case "td_open" | "th_open":
                self.header = token.type == "th_open"
            case "inline":
                line = self.row_line if self.rows is not None else token.map[0] + 1 if token.map else out.line
                self.inline(token, line)
            case "fence" | "code_block":
                start = (token.map[0] if token.map else out.line) + (2 if token.type == "fence" else 1)
                lines = tuple(Line(start + i, t) for i, t in enumerate(token.content.split("\n")) if t.strip())
                if lines:
                    out.parts.append(Part("code", lines, self.items, token.info.strip()))
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
        if self.opened and self.number and self.rows is None:
            out.add(self.number)
        key = ""
        strong: int | None = None
        said: list[str] = []
        before = ""
        for child in token.children or []:
            text = ""
            if child.type in ("softbreak", "hardbreak"):
                text = "\n" if self.rows is None else " "
            elif child.type == "html_inline":
                named = _ELEMENT.match(child.content)
                known = named is None or named[1].lower() in ELEMENTS
                text = self.raw.take(child.content) if known else child.content
            elif child.type in ("text", "code_inline", "text_special") and child.content:
                if self.raw.hidden:
                    self.raw.dropped = True
                else:
                    text = raised(child.content, before) if self.raw.raised else child.content
            elif child.type == "strong_open" and not said:
                strong = 0
            elif child.type == "strong_close" and strong == 0 and not key:
                strong, bold = None, "".join(said).strip()
                key = bold[:-1].strip() if bold.endswith(":") else f"\0{bold}"
            if text:
                if key.startswith("\0") and said:
                    key = key[1:] if text.lstrip().startswith(":") else ""
                said.append(text)
                before = text
                title, ends, text = text.partition(_ENDS_HERE)
                out.add(title)
                if ends:
                    out.flush("quote", self.quotes)
                    out.add(text)
        if self.rows is not None:
            text = one_line(" ".join(piece.text for piece in out.take()))
            if self.rows:
                self.rows[-1].append(Cell(text, line, header=self.header))
            return
        whole = "".join(said)
        label = key if key and not key.startswith("\0") and len(key) <= 60 and len(whole) > len(key) + 1 else ""
        if label and self.level == 0 and "\n" not in whole.strip():
            lines = out.take()
            kind: Kind = "item" if self.items and self.opened else "pair"
            out.parts.append(Part(kind, lines, max(self.items - 1, 0), label))
        elif self.level:
            out.flush("heading", self.level)
        elif self.items:
            out.flush("item" if self.opened else "paragraph", self.items - 1 if self.opened else self.items)
        elif self.quotes:
            out.flush("quote", self.quotes)
        else:
            out.flush("paragraph")
        self.opened = False
