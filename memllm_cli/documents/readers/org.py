"""Org files (of Emacs) to parts: headings with their properties, lists, tables, quotes and code."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict

from memllm_cli.documents.base import FRONT_MATTER, Cell, Line, Parsed, Part, words

_STATES = words(
    "TODO DONE NEXT WAITING WAIT HOLD STARTED STRT CANCELLED CANCELED PROJ IDEA KILL SOMEDAY DELEGATED DOING FIXME OPEN"
)
_PRIORITY = re.compile(r"\[#[A-Za-z0-9]{1,2}\]\s*")
_TAGS = re.compile(r":[\w@#%:]+:")
_COOKIE = re.compile(r"\s*\[(?:\d{0,9}%|\d{0,9}/\d{0,9})\]")
_KEYWORD = re.compile(r"#\+([\w-]+)(?:\[[^\]\n]{0,100}\])?:[ \t]*(.*)$")
_BLOCK = re.compile(r"#\+(begin|end)_(\S+)", re.I)
_PROPERTY = re.compile(r":([\w-]+)\+?:\s+(\S.*)$")
_SHOWN = re.compile(r"\s*:(?=\s|$)")
_DRAWER = re.compile(r":[\w-]+:$")
_BULLET = re.compile(r"[ \t]*(?:[-+](?=\s)|(?<=[ \t])\*(?=\s)|(\d{1,4}|[a-zA-Z])[.)](?=\s))")
_BOX = re.compile(r"\s*(?:\[@(\d{1,4})\]\s*)?(?:\[[ xX-]\]\s+)?")
_LINK = re.compile(r"\[\[([^\[\]\n]{1,2000})\](?:\[([^\[\]]{1,1000})\])?\]")
_PICTURE = re.compile(r"(?:file:|\./|/|https?:)\S*\.(?:png|jpe?g|gif|svg|webp)", re.I)
_MARKS = re.compile(r"(?<![\w*/_=~+])([*/_=~+])(?=\S)(?!\1)([^\n]{0,400}?(?:\n[^\n]{0,400}?)?)(?<=\S)\1(?![\w*/_=~+])")
_STAMP = re.compile(
    r"[<\[](\d{4}-\d\d-\d\d)(?: [^\W\d]{1,12}\.?)?( \d{1,2}:\d\d(?:-\d{1,2}:\d\d)?)?(?: [.+-]{1,2}\d{1,4}\w){0,2}[>\]]"
)
_NOTE = re.compile(r"\[fn:([\w-]{1,60})\]\s*(.*)$")
_INLINE_NOTE = re.compile(r"\[fn:([\w-]{0,60}):((?:[^\[\]]|\[[^\[\]]{0,200}\]){1,1000})\]")
_NOTE_MARK = re.compile(r"\s?\[fn:[\w-]{1,60}\]")
_OUT = re.compile(
    r"<<<?([^<>\n]{1,100})>>>?|\{\{\{[^{}\n]{1,200}\}\}\}|@@\w{1,20}:[^@\n]{0,300}@@|<%%\([^\n]{0,300}?\)>"
    r"|(?<![ \t])[ \t]*\\\\[ \t]*$|\[cite[/\w]{0,20}:[^\]\n]{1,300}\]",
    re.M,
)
_PLANNED = re.compile(r"(SCHEDULED|DEADLINE|CLOSED):\s*([<\[][^>\]\n]{1,60}[>\]])")
_ABOUT = words("author date email subtitle description keywords filetags category")
_SPARED = words("src example export comment")
"""Blocks whose lines are not org."""
_HEADS, _DRAWERS = "a heading", "a drawer"
"""Names of places that are no kinds of blocks, which have no spaces."""
DEEPEST = 30


def parse(source: str) -> Parsed:
    """Parts of an org file; comments, drawers that are no properties and options are left out."""
    reader = _Reader(source.split("\n"))
    n = 0
    while n < len(reader.lines):
        n = reader.line(n)
    reader.flush()
    return reader.parsed


class _Reader:
    """Reads line by line; where blocks and drawers end is looked up beforehand, so that none is searched twice."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.parsed = Parsed()
        self.held: list[Line] = []
        """Lines of the paragraph or item that runs, with their marks."""
        self.bullet: tuple[str, str] | None = None
        """The number and the term of the item that runs."""
        self.indents: list[int] = []
        """How far the items that are open are set in."""
        self.inside: list[str] = []
        """The blocks of text that are open, as quotes."""
        self.hidden = 0
        """Level of the heading whose section is a comment."""
        self.caption = ""
        self.states = set(_STATES)
        self.ends: dict[str, list[int]] = defaultdict(list)
        """The lines on which blocks of each kind end ("src") and begin ("begin src"), drawers end, headings begin."""
        for n, line in enumerate(lines):
            stripped = line.strip()
            if line.startswith("*") and line.lstrip("*")[:1] == " ":
                self.ends[_HEADS].append(n)
            elif stripped[:1] == ":" and stripped.upper() == ":END:":
                self.ends[_DRAWERS].append(n)
            elif stripped[:2] == "#+" and (match := _BLOCK.match(stripped)):
                self.ends["begin " * (match[1].lower() == "begin") + match[2].lower()].append(n)

    def next(self, kind: str, n: int) -> int:
        """The next line on which something of a kind ends, the number of lines if there is none."""
        places = self.ends[kind]
        at = bisect_left(places, n)
        return places[at] if at < len(places) else len(self.lines)

    def line(self, n: int) -> int:
        """Read the part that begins on a line; the line after it."""
        line, number = self.lines[n], n + 1
        stripped = line.strip()
        if line.startswith("*") and line.lstrip("*")[:1] == " ":
            return self.heading(n)
        if self.hidden:
            return self.next(_HEADS, n)
        if not stripped:
            self.flush()
            return n + 1
        if stripped.startswith("#"):
            return self.special(n, stripped)
        if stripped.startswith("|"):
            return self.table(n)
        if stripped.startswith(":"):
            if _DRAWER.match(stripped):
                return self.drawer(n, stripped)
            if _SHOWN.match(line):
                return self.shown(n)
        if (match := _NOTE.match(line)) is not None:
            self.flush()
            self.held = [Line(number, match[2])]
            self.bullet = None
            n += 1
            while n < len(self.lines) and self.lines[n].strip() and self.lines[n][0] not in "*[#|":
                self.held.append(Line(n + 1, self.lines[n]))
                n += 1
            self.footnote(match[1], self.held)
            self.held = []
            return n
        if match := _BULLET.match(line):
            self.item(number, line, match)
            return n + 1
        if stripped.startswith("-----") and not stripped.strip("-"):
            self.flush()
            return n + 1
        indent = len(line) - len(line.lstrip())
        if self.indents and indent <= self.indents[0]:
            self.flush()
            self.indents = []
        if (planned := _PLANNED.findall(line)) and stripped.startswith(planned[0][0]):
            for key, value in planned:
                self.pair(number, key.lower(), value)
            return n + 1
        if not stripped.startswith("CLOCK: "):
            self.held.append(Line(number, line))
        return n + 1

    # -- parts --------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """End the paragraph or item that runs."""
        lines, notes = _plain(self.held)
        depth = min(len(self.indents), DEEPEST)
        if lines and self.bullet is not None:
            mark, term = self.bullet
            head = f"{mark}{term}: " if term else mark
            lines[0] = Line(lines[0].number, head + lines[0].text.lstrip())
            self.parsed.parts.append(Part("item", tuple(lines), depth - 1, term))
        elif lines and "quote" in self.inside:
            self.parsed.parts.append(Part("quote", tuple(lines)))
        elif lines:
            self.parsed.parts.append(Part("paragraph", tuple(lines), depth))
        self.held, self.bullet = [], None
        for name, note in notes:
            self.footnote(name, [note])

    def footnote(self, name: str, lines: list[Line]) -> None:
        """A note and what it is called in the text."""
        if said := _plain(lines)[0]:
            self.parsed.parts.append(Part("footnote", tuple(said), label=name))

    def pair(self, number: int, key: str, value: str, note: str = "") -> None:
        """A key and its value."""
        self.flush()
        if value := _bare(value):
            self.parsed.parts.append(Part("pair", (Line(number, f"{key}: {value}"),), 0, key, note))

    def heading(self, n: int) -> int:
        """A heading, with its state; what stands under one that is a comment is left out."""
        self.flush()
        self.indents, self.inside = [], []
        line = self.lines[n]
        said = line.lstrip("*")
        level = len(line) - len(said)
        if self.hidden and level > self.hidden:
            return n + 1
        pieces = said.split()
        if pieces and len(pieces[-1]) > 2 and _TAGS.fullmatch(pieces[-1]):
            pieces.pop()
        state = pieces.pop(0) if pieces and pieces[0] in self.states else ""
        text = _PRIORITY.sub("", " ".join(pieces), count=1)
        self.hidden = level if text == "COMMENT" or text.startswith("COMMENT ") else 0
        if text := _bare(_COOKIE.sub("", text)) if not self.hidden else "":
            self.parsed.parts.append(Part("heading", (Line(n + 1, text),), min(level, DEEPEST)))
            if state:
                self.pair(n + 1, "status", state)
        return n + 1

    def item(self, number: int, line: str, bullet: re.Match[str]) -> None:
        """The first line of an item."""
        self.flush()
        indent = len(bullet[0]) - len(bullet[0].lstrip())
        while self.indents and self.indents[-1] >= indent:
            self.indents.pop()
        self.indents.append(indent)
        box = _BOX.match(line, bullet.end())
        text = line[box.end() if box else bullet.end() :]
        mark = f"{(box and box[1]) or bullet[1]}. " if bullet[1] else ""
        term, apart, said = text.partition(" :: ") if not bullet[1] else (text, "", "")
        if not apart and not bullet[1] and text.rstrip().endswith(" ::"):
            term, apart, said = text.rstrip().removesuffix("::"), "::", ""
        self.bullet = (mark, _bare(term) if apart else "")
        self.held = [Line(number, said if apart else _COOKIE.sub("", text))]

    def special(self, n: int, stripped: str) -> int:
        """A line that begins with a hash: a comment, a keyword, or the begin or end of a block."""
        if block := _BLOCK.match(stripped):
            return self.block(n, block[1].lower(), block[2].lower(), stripped[block.end() :].strip())
        if match := _KEYWORD.match(stripped):
            self.flush()
            key, value = match[1].lower(), match[2].strip()
            if key == "title":
                self.parsed.title = f"{self.parsed.title} {_bare(value)}".strip()
            elif key in ("todo", "seq_todo", "typ_todo"):
                self.states |= {state.partition("(")[0] for state in value.split() if state != "|"}
            elif key == "caption":
                self.caption = _bare(value)
            elif key in _ABOUT and value:
                self.pair(n + 1, key, value, FRONT_MATTER)
        elif not stripped.startswith(("# ", "#+")) and stripped != "#":
            self.held.append(Line(n + 1, self.lines[n]))  # a word that begins so
        return n + 1

    def block(self, n: int, mark: str, kind: str, about: str) -> int:
        """The begin or end of a block: code is taken whole, in quotes is text as anywhere."""
        self.flush()
        if mark == "end":
            if kind in self.inside:
                while self.inside.pop() != kind:
                    pass
        elif kind not in _SPARED:
            if len(self.inside) < DEEPEST and self.next(kind, n) < self.next(_HEADS, n):
                self.inside.append(kind)
        else:
            last = self.next(kind, n)
            if last == len(self.lines) or self.next(f"begin {kind}", n + 1) < last:  # this one never ends
                last = min(self.next(_HEADS, n + 1), self.next(f"begin {kind}", n + 1))
            code = [Line(i + 1, re.sub(r"^(\s*),(?=\*|#\+)", r"\1", self.lines[i])) for i in range(n + 1, last)]
            if kind in ("src", "example") and any(line.text.strip() for line in code):
                level = min(len(self.indents), DEEPEST)
                self.parsed.parts.append(Part("code", tuple(code), level, about.partition(" ")[0]))
            return last + (last == self.next(kind, last))
        return n + 1

    def shown(self, n: int) -> int:
        """Lines after a colon, which are shown as they are."""
        self.flush()
        first = n
        while n < len(self.lines) and _SHOWN.match(self.lines[n]):
            n += 1
        code = (Line(i + 1, self.lines[i].lstrip()[1:]) for i in range(first, n))
        self.parsed.parts.append(Part("code", tuple(code), min(len(self.indents), DEEPEST)))
        return n

    def table(self, n: int) -> int:
        """A table; what stands above its first rule names columns."""
        self.flush()
        rows: list[tuple[Cell, ...]] = []
        ruled = False
        while n < len(self.lines) and (text := self.lines[n].strip()).startswith("|"):
            cells = [c.strip() for c in text.removeprefix("|").removesuffix("|").split("|")]
            if text.startswith("|-"):
                if rows and not ruled:
                    rows = [tuple(Cell(c.text, c.line, header=True) for c in row) for row in rows]
                ruled = True
            elif not all(re.fullmatch(r"(?:<[lrc]?\d{0,4}>)?", c) for c in cells):  # how wide columns are shown
                rows.append(tuple(Cell(_bare(c), n + 1) for c in cells))
            n += 1
        if rows:
            self.parsed.parts.append(Part("table", rows=tuple(rows), label=self.caption))
        self.caption = ""
        return n

    def drawer(self, n: int, name: str) -> int:
        """A drawer: properties are pairs, what others hold is kept for programs."""
        last = self.next(_DRAWERS, n)
        if last > self.next(_HEADS, n) or last == len(self.lines):
            return n + 1
        self.flush()
        for i in range(n + 1, last) if name.upper() == ":PROPERTIES:" else ():
            match = _PROPERTY.match(self.lines[i].strip())
            if match and match[1].upper() not in ("ID", "CUSTOM_ID", "VISIBILITY"):
                self.pair(i + 1, match[1].replace("_", " ").lower(), match[2])
        return last + 1


def _plain(lines: list[Line]) -> tuple[list[Line], list[tuple[str, Line]]]:
    """Lines without marks, and the notes that stand in them; marks may begin on one line and end on the next."""
    notes: list[tuple[str, Line]] = []
    if not lines:
        return [], notes
    first = lines[0].number

    def note(match: re.Match[str]) -> str:
        notes.append((match[1] or "note", Line(first, " ".join(match[2].split()))))
        return "\n" * match[0].count("\n")

    text = _INLINE_NOTE.sub(note, "\n".join(line.text for line in lines))
    plain = _bare_lines(text).split("\n")
    return [Line(line.number, said) for line, said in zip(lines, plain, strict=True) if said.strip()], notes


def _bare(text: str) -> str:
    """One line without marks."""
    return " ".join(_bare_lines(text).split())


def _bare_lines(text: str) -> str:
    """Text without marks of emphasis, links as they are shown, stamps as dates; with as many lines as it had."""
    text = _LINK.sub(_linked, _OUT.sub(lambda m: m[1] or "", _NOTE_MARK.sub("", text)))
    text = _STAMP.sub(lambda m: m[1] + (m[2] or ""), re.sub(r"(?<=[>\]])--(?=[<\[]\d)", " – ", text))
    for _ in range(3):
        text, found = _MARKS.subn(r"\2", text)
        if not found:
            break
    return text


def _linked(match: re.Match[str]) -> str:
    """What a link shows: its words, or where it leads; nothing for a picture."""
    if match[2]:
        return "" if _PICTURE.fullmatch(match[2].strip()) else match[2]
    return "" if _PICTURE.fullmatch(match[1]) else match[1].removeprefix("file:").lstrip("*#")
