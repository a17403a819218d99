"""Values that several layers speak of. Frozen, without behaviour that needs a library."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = ("PER", "ORG", "LOC", "TIME", "NUM", "MISC")
"""Types of names in a text, as DocRED (Yao et al. 2019) has them."""


@dataclass(frozen=True, slots=True)
class Triple:
    """One statement as written: `subject >> relation >> object`, surface strings."""

    subject: str
    relation: str
    object: str


@dataclass(frozen=True, slots=True)
class Query:
    """A triple with one side asked for: exactly one of `subject` and `object` is None."""

    subject: str | None
    relation: str
    object: str | None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A stretch `text[start:end]` of a document, in characters; line and page count from 1."""

    start: int
    end: int
    line: int
    page: int | None = None
    heading: str = ""


BLOCK_KINDS = (
    "heading", "paragraph", "list", "item", "table", "header", "row", "cell", "pair", "term", "definition", "quote",
    "turn", "code", "footnote",
)  # fmt: skip
"""Kinds of blocks."""


@dataclass(frozen=True, slots=True)
class Block:
    """A node of a document's tree: a stretch `text[start:end]`, in characters, and what it is.

    `parent` is the number of the block it stands in: the heading above, the list, the table of a row, the row of a
    cell. `label` is what it is called: the key of a pair, the term of a definition, the speaker of a turn, the mark of
    a footnote, the caption of a table, the name of a row, the name of a cell's column, the line that introduces a list.
    `level` counts headings (1 is the highest) and how deep items and quotes are nested. `row` and `column` count from 0
    within a table. `note` is what stood there and is no text: the time of a turn, the unit of a column.
    """

    kind: str
    start: int
    end: int
    line: int
    page: int | None = None
    parent: int | None = None
    level: int = 0
    label: str = ""
    note: str = ""
    row: int | None = None
    column: int | None = None


READER = 1
"""Version of what readers make of a file. Documents that an older one read are marked; 0 knew no blocks."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as read: plain text, its blocks and sentences in order, and where it came from.

    `uri` is the absolute path (or `stdin:NAME`), `sha256` the hash of the bytes read, `notes` what the reader
    left out (hidden text, undecodable bytes), a line each.
    """

    uri: str
    title: str
    media_type: str
    sha256: str
    text: str
    sentences: tuple[Sentence, ...]
    notes: tuple[str, ...] = field(default=())
    blocks: tuple[Block, ...] = field(default=())

    def sentence(self, index: int) -> str:
        """The text of one sentence."""
        s = self.sentences[index]
        return self.text[s.start : s.end]

    def block(self, number: int) -> str:
        """The text of one block."""
        b = self.blocks[number]
        return self.text[b.start : b.end]

    def block_at(self, offset: int) -> int | None:
        """The number of the innermost block that holds a character; None where there is none."""
        at = bisect_right(self.blocks, offset, key=lambda b: b.start) - 1
        while at >= 0 and self.blocks[at].end <= offset:
            at -= 1
        return at if at >= 0 else None

    def path(self, number: int) -> tuple[str, ...]:
        """The headings that a block stands under, the highest first."""
        out: list[str] = []
        above = self.blocks[number].parent
        while above is not None:
            if self.blocks[above].kind == "heading":
                out.append(self.block(above))
            above = self.blocks[above].parent
        return tuple(reversed(out))


def flat(document: Document) -> tuple[Block, ...]:
    """Blocks of a document whose reader told none: its sentences, each a paragraph."""
    return tuple(Block("paragraph", s.start, s.end, s.line, s.page) for s in document.sentences)


class Encoder(Protocol):
    """Turns short texts into unit vectors; their dot product is the cosine."""

    identity: str
    """What the vectors depend on, as recorded in a knowledge base: `all-MiniLM-L6-v2` for instance.

    Two encoders with one identity give interchangeable vectors (cosine at least 0.999)."""
    dimensions: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), dimensions), in order. An empty list gives (0, dimensions)."""

    def close(self) -> None:
        """Give the memory back."""
