"""A document in passages: what is searched by words and vectors, and read to answer a question.

A passage is a run of neighbouring sentences, rows or items of one section, of some hundred words at most. What a
reader of the page sees around it (title, headings, the line above a list, a table's caption) is its `lead`; a row of a
table is written with the names of its columns. Every character of a passage that stands in the document knows where.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from memllm_cli.types import Block, Document

CUT = 1
"""Version of how documents are cut: what was made of passages that were cut otherwise is made anew."""
LONGEST = 100
"""Words of a passage, unless a single sentence is longer."""
_OUTSIDE = frozenset({"heading", "list", "table", "cell", "header", "code"})
"""Blocks that are said by others: in the lead, or row by row."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """`text[start:end]` of a passage, which stands at `source` in the document, in the block of that number."""

    start: int
    end: int
    source: int
    block: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage: its lead and text, where its sentences are (in the text), and the stretches of the document in it."""

    lead: str
    text: str
    sentences: tuple[tuple[int, int], ...]
    stretches: tuple[Stretch, ...]

    def sentence_at(self, offset: int) -> tuple[int, int]:
        """The sentence that a character of the text stands in, or the one before it."""
        at = bisect_right(self.sentences, offset, key=lambda s: s[0]) - 1
        return self.sentences[max(at, 0)]

    def source(self, start: int, end: int) -> tuple[int, int, int]:
        """Where `text[start:end]` stands in the document, and the number of the block it begins in."""
        inside = [s for s in self.stretches if s.start < end and s.end > start]
        if not inside:  # between two cells: the nearest one
            inside = [min(self.stretches, key=lambda s: min(abs(s.start - start), abs(s.end - start)))]
        first, last = inside[0], inside[-1]
        begin = first.source + max(0, min(start, first.end - 1) - first.start)
        return begin, last.source + max(1, min(end, last.end) - last.start), first.block

    def place(self, begin: int, end: int) -> tuple[int, int] | None:
        """Where the characters `[begin, end)` of the document stand in the text; None where it does not hold them."""
        first = next((s for s in self.stretches if s.source <= begin < s.source + s.end - s.start), None)
        last = next((s for s in self.stretches if s.source < end <= s.source + s.end - s.start), None)
        if first is None or last is None:
            return None
        return first.start + begin - first.source, last.start + end - last.source


@dataclass(slots=True)
class _Open:
    """A passage that is being filled."""

    lead: str
    text: str = ""
    words: int = 0
    sentences: list[tuple[int, int]] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)

    def add(self, pieces: list[tuple[str, int | None, int]]) -> None:
        """Append one sentence: texts with their place in the document (None: not of it) and block."""
        if self.text:
            self.text += "\n" if self.text and pieces and pieces[0][2] != self.stretches[-1].block else " "
        begin = len(self.text)
        for text, source, block in pieces:
            if source is not None:
                at = len(self.text)
                self.stretches.append(Stretch(at, at + len(text), source, block))
            self.text += text
        self.sentences.append((begin, len(self.text)))
        self.words += size_of(self.text[begin:])

    def done(self) -> Passage:
        return Passage(self.lead, self.text, tuple(self.sentences), tuple(self.stretches))


def passages(document: Document, longest: int = LONGEST) -> Iterator[Passage]:
    """The passages of a document, in order. Code is left out; what stands before a text about it is not."""
    lines = _Lines(document)
    open_: _Open | None = None
    for lead, pieces in lines.sentences():
        size = sum(size_of(text) for text, _, _ in pieces)
        if open_ is not None and (open_.lead != lead or open_.words + size > longest):
            yield open_.done()
            open_ = None
        open_ = open_ or _Open(lead)
        open_.add(pieces)
    if open_ is not None:
        yield open_.done()


def unsaid(document: Document, block: Block) -> str:
    """The speaker of a turn where its text does not begin with the name, as it is written before it; else ""."""
    if block.kind != "turn" or not block.label or document.text.startswith(block.label, block.start):
        return ""
    return f"{block.label}: "


def size_of(text: str) -> int:
    """Words of a text; of a script without spaces, a dozen characters for one."""
    return max(len(text.split()), len(text) // 12)


class _Lines:
    """The sentences of a document with the lead they stand under."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.starts = [s.start for s in document.sentences]

    def sentences(self) -> Iterator[tuple[str, list[tuple[str, int | None, int]]]]:
        document = self.document
        cells: dict[int, list[int]] = {}
        for number, block in enumerate(document.blocks):
            if block.kind == "cell" and block.parent is not None:
                cells.setdefault(block.parent, []).append(number)
        for number, block in enumerate(document.blocks):
            if block.kind == "row":
                # Of a long table the cells are no blocks.
                whole: list[tuple[str, int | None, int]] = [(document.block(number), block.start, number)]
                if pieces := self._row(cells[number]) if number in cells else whole:
                    yield self._lead(number), pieces
            elif block.kind not in _OUTSIDE and not self._inner(number):
                lead = self._lead(number)
                who = unsaid(document, block)
                for start, end in self._within(block):
                    yield lead, [*([(who, None, number)] if who else []), (document.text[start:end], start, number)]
                    who = ""

    def _inner(self, number: int) -> bool:
        """Whether a block lies within another that is said as a whole."""
        above = self.document.blocks[number].parent
        if above is None:
            return False
        outer, block = self.document.blocks[above], self.document.blocks[number]
        return outer.kind not in _OUTSIDE and outer.start <= block.start and block.end <= outer.end

    def _within(self, block: Block) -> list[tuple[int, int]]:
        """The sentences of a block; all of it where there are none."""
        at = max(0, bisect_right(self.starts, block.start) - 1)
        found = []
        for s in self.document.sentences[at:]:
            if s.start >= block.end:
                break
            if s.end > block.start:
                found.append((max(s.start, block.start), min(s.end, block.end)))
        return found or [(block.start, block.end)]

    def _row(self, cells: list[int]) -> list[tuple[str, int | None, int]]:
        pieces: list[tuple[str, int | None, int]] = []
        for number in cells:
            cell = self.document.blocks[number]
            unit = f" ({cell.note})" if cell.note and cell.note not in cell.label else ""
            name = f"{cell.label}{unit}: " if cell.label else ""
            if pieces or name:
                pieces.append(((" | " if pieces else "") + name, None, number))
            pieces.append((self.document.block(number), cell.start, number))
        return pieces

    def _lead(self, number: int) -> str:
        """Title, headings, the line above a list, the caption of a table: once each."""
        document = self.document
        out = [document.title, *document.path(number)]
        above = document.blocks[number].parent
        while above is not None:
            block = document.blocks[above]
            if block.kind in ("list", "table") and block.label:
                out.append(block.label)
            above = block.parent
        return " > ".join(dict.fromkeys(x for x in out if x))
