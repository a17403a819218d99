"""Parts of a document, as readers find them, to its text, its tree of blocks and its sentences."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from memllm_cli.documents.base import FRONT_MATTER, Line, Part
from memllm_cli.documents.clean import clean, dropped_notes
from memllm_cli.documents.sentences import split
from memllm_cli.documents.tables import Shape, shaped
from memllm_cli.types import Block, Sentence

SEARCHED = "searched"
"""Note of tables and rows that are text and no facts."""
_LOOKED_AT = 200
"""Rows that the names of a long table's columns are found from."""
_TIGHT = ("item", "pair", "turn", "term", "definition", "quote", "row")
"""Kinds that stand line by line, without a blank line between two of them."""


@dataclass(slots=True)
class Assembled:
    """A document's text (a block a line, white space collapsed), its sentences and blocks in order, and notes."""

    text: str
    sentences: tuple[Sentence, ...]
    blocks: tuple[Block, ...]
    notes: list[str]


def assemble(parts: Iterable[Part], table_rows: int = 0) -> Assembled:
    """The parts of a document as a whole. Rows of a table of more than `table_rows` (0: any) have no cells, and a note
    says so: they are text to be searched, each with the names of its columns.
    """
    builder = _Builder(table_rows)
    for part in parts:
        builder.add(part)
    builder.close_list()
    notes = [*dropped_notes(builder.dropped), *builder.notes]
    return Assembled("".join(builder.text), tuple(builder.sentences), tuple(builder.blocks), notes)


@dataclass(slots=True)
class _Builder:
    table_rows: int
    text: list[str] = field(default_factory=list)
    length: int = 0
    sentences: list[Sentence] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    headings: list[int] = field(default_factory=list)
    """Numbers of the headings that are open, the highest first."""
    list_: int | None = None
    items: list[int] = field(default_factory=list)
    """Numbers of the items that are open, the outermost first."""
    titles: dict[int, str] = field(default_factory=dict)
    """The texts of headings."""
    notes: list[str] = field(default_factory=list)
    previous: str = ""
    last: str = ""
    """Kind and text of the part before."""

    @property
    def heading(self) -> int | None:
        return self.headings[-1] if self.headings else None

    def add(self, part: Part) -> None:
        if part.kind == "table":
            self.close_list()
            self.table(part)
            self.previous = "table"
            return
        text, starts, lines = _join(part.lines, self.dropped)
        if not text:
            return
        if part.kind != "item" and not (part.level and self.items and part.kind in ("paragraph", "code")):
            self.close_list()
        if part.kind == "heading":
            while self.headings and self.blocks[self.headings[-1]].level >= part.level:
                self.headings.pop()
        elif part.kind == "item":
            self.open_list(part.level, lines[0])
        start = self.put(text, part.kind)
        parent = self.heading
        if part.kind == "item":
            parent = self.items[-1] if self.items else self.list_
        elif self.items:
            parent = self.items[-1]
        label = " ".join(clean(part.label, self.dropped).split())
        first = lines[0]
        number = len(self.blocks)
        self.blocks.append(
            Block(part.kind, start, start + len(text), first.number, first.page, parent, part.level, label, part.note)
        )
        if part.kind == "item":
            self.items.append(number)
        if part.kind != "code" and part.note != FRONT_MATTER:
            self.sentence(text, start, starts, lines)
        if part.kind == "heading":
            self.headings.append(number)
            self.titles[number] = text
        self.previous, self.last = part.kind, text

    def put(self, text: str, kind: str) -> int:
        """Append a line of text; where it starts."""
        if self.text:
            gap = (
                "\n"
                if (kind == self.previous and kind in _TIGHT) or (kind, self.previous) == ("row", "row")
                else "\n\n"
            )
            if kind == "definition" and self.previous == "term":
                gap = "\n"
            self.text.append(gap)
            self.length += len(gap)
        start = self.length
        self.text.append(text)
        self.length += len(text)
        return start

    def sentence(self, text: str, offset: int, starts: list[int], lines: list[Line]) -> None:
        heading = self.titles[self.heading] if self.heading is not None else ""
        for start, end in split(text):
            line = lines[bisect_right(starts, start) - 1]
            self.sentences.append(Sentence(offset + start, offset + end, line.number, line.page, heading))

    # -- lists ------------------------------------------------------------------------------------------------------

    def open_list(self, level: int, line: Line) -> None:
        """Make room for an item: the list it belongs to, and the items around it."""
        while self.items and self.blocks[self.items[-1]].level >= level:
            self.items.pop()
        if self.list_ is None:
            before = self.blocks[-1] if self.blocks else None
            label = ""
            leads = before is not None and before.kind in ("paragraph", "pair", "term") and self.last.endswith(":")
            if leads or (before is not None and before.kind == "heading"):
                label = self.last.rstrip(":").rstrip()
            self.list_ = len(self.blocks)
            self.blocks.append(Block("list", self.length, self.length, line.number, line.page, self.heading, 0, label))

    def close_list(self) -> None:
        """The list ends where its last item does."""
        if self.list_ is not None:
            first = self.list_ + 1
            begin = self.blocks[first].start if first < len(self.blocks) else self.length
            self.blocks[self.list_] = replace(self.blocks[self.list_], start=begin, end=self.length)
        self.list_, self.items = None, []

    # -- tables -----------------------------------------------------------------------------------------------------

    def table(self, part: Part) -> None:
        """A table's caption, rows and cells; each row is a line of text."""
        if self.table_rows and len(part.rows) > self.table_rows:
            self.long_table(part)
            return
        rows = tuple(
            tuple(replace(c, text=" ".join(clean(c.text, self.dropped).split())) for c in row) for row in part.rows
        )
        shape = shaped(rows)
        if not any(c is not None and c.text for row in shape.grid for c in row):
            return
        caption = " ".join(clean(part.label, self.dropped).split())
        line = part.rows[0][0].line if part.rows and part.rows[0] else 1
        page = part.lines[0].page if part.lines else None
        if caption:
            at = self.put(caption, "caption")
            self.sentence(caption, at, [0], [Line(line, caption, page)])
        number = len(self.blocks)
        kind = "record" if shape.record else "transposed" if shape.transposed else ""
        note = " ".join(n for n in (kind, "" if shape.sure else "unsure") if n)
        self.blocks.append(Block("table", self.length, self.length, line, page, self.heading, 0, caption, note))
        begin = -1
        for r in range(len(shape.grid)):
            start = self.row(shape, r, number, page)
            begin = start if begin < 0 else begin
        self.blocks[number] = replace(self.blocks[number], start=max(begin, 0), end=self.length)

    def long_table(self, part: Part) -> None:
        """A table whose rows are lines to be searched, and whose cells are no blocks."""
        shape = shaped(part.rows[:_LOOKED_AT])
        names = [clean(n) for n in shape.columns]
        caption = " ".join(clean(part.label, self.dropped).split())
        page = part.lines[0].page if part.lines else None
        number = len(self.blocks)
        line = part.rows[0][0].line if part.rows[0] else 1
        self.blocks.append(Block("table", self.length, self.length, line, page, self.heading, 0, caption, SEARCHED))
        begin = -1
        for r, row in enumerate(part.rows[shape.head :], shape.head):
            cells = [(n, " ".join(clean(c.text, self.dropped).split())) for n, c in enumerate(row)]
            named = ((names[n] if n < len(names) else "", text) for n, text in cells if text)
            text = " | ".join(f"{name}: {text}" if name else text for name, text in named)
            if not text:
                continue
            start = self.put(text, "row")
            self.previous = "row"
            begin = start if begin < 0 else begin
            self.blocks.append(Block("row", start, start + len(text), row[0].line, page, number, 0, "", SEARCHED, r))
            self.sentence(text, start, [0], [Line(row[0].line, text, page)])
        self.blocks[number] = replace(self.blocks[number], start=max(begin, 0), end=self.length)
        self.notes.append(
            f"a table of {len(part.rows):,} rows is there to be searched; up to {self.table_rows:,} become facts "
            "(--table-rows)"
        )

    def row(self, shape: Shape, r: int, table: int, page: int | None) -> int:
        places: list[tuple[int, int, int]] = []
        text = ""
        one = all(cell is shape.grid[r][0] for cell in shape.grid[r])
        for c in range(shape.width):
            # A cell that covers several rows or columns is said of each; one that is a whole row is said once.
            if shape.text(r, c) and (shape.starts(r, c) if one else True):
                if text:
                    text += " | "
                places.append((c, len(text), len(text) + len(shape.text(r, c))))
                text += shape.text(r, c)
        if not text:
            return -1
        start = self.put(text, "row")
        self.previous = "row"
        cells = [c for c in shape.grid[r] if c is not None and c.text]
        line = cells[0].line if cells else self.blocks[table].line
        head = r < shape.head
        number = len(self.blocks)
        kind = "header" if head else "row"
        self.blocks.append(
            Block(kind, start, start + len(text), line, page, table, 0, "" if head else shape.rows[r],
                  "" if head else shape.groups[r], r)
        )  # fmt: skip
        for c, a, b in places:
            name = "" if head else shape.columns[c]
            unit = "" if head else shape.units[c]
            self.blocks.append(Block("cell", start + a, start + b, line, page, number, 0, name, unit, r, c))
        self.sentence(text, start, [0], [Line(line, text, page)])
        return start


def _join(lines: tuple[Line, ...], dropped: Counter[str]) -> tuple[str, list[int], list[Line]]:
    """A part's lines as one line of text; where in it each source line starts."""
    text: list[str] = []
    starts: list[int] = []
    kept: list[Line] = []
    length = 0
    for line in lines:
        piece = " ".join(clean(line.text, dropped).split())
        if not piece:
            continue
        if text and not (_is_cjk(text[-1][-1]) and _is_cjk(piece[0])):
            text.append(" ")
            length += 1
        starts.append(length)
        kept.append(line)
        text.append(piece)
        length += len(piece)
    return "".join(text), starts, kept


def _is_cjk(char: str) -> bool:
    """Scripts written without spaces between words: a line end inside them is no space."""
    return "\u3000" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff" or "\uff00" <= char <= "\uff60"
