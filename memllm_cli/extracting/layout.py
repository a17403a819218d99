"""A text as the extractor sees it: windows of whole sentences under their headings, with a little of what is before.

A window is one sequence of pieces: the opening mark, the lead (title and headings), a closing mark, the sentences
before the window's own, its own sentences, a closing mark. The opening mark stands for "not said here".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memllm_cli.pieces import SHAPES, Vocabulary, shape, words

LONGEST = 384
"""Pieces of a window at most."""
LEAD, BEFORE = 48, 80
"""Pieces at most of the lead, and of the sentences before the window's own."""
_TITLE = 20
"""Pieces of the lead that are kept from its beginning where it is too long; the rest is its end."""
_SPECIAL = SHAPES.index("special")
IN_LEAD, NOWHERE = -1, -2
"""In the place of the number of a sentence: the lead; a mark of ours."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence to be read and the title and headings that it stands under."""

    lead: str
    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """The stretch `[start, end)` of a sentence by its number, or of the lead (`IN_LEAD`)."""

    sentence: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """Pieces with their shapes and where they stand; the sentences `[first, last)` are its own."""

    ids: tuple[int, ...]
    shapes: tuple[int, ...]
    tokens: tuple[Token, ...]
    first: int
    last: int
    lead: str


_NOT_TEXT = Token(NOWHERE, 0, 0)
_Piece = tuple[int, int, Token]
"""Id, shape and place."""


def windows(lines: Sequence[Line], vocabulary: Vocabulary, longest: int = LONGEST) -> Iterator[Window]:
    """The windows of a text, in order. Every sentence is some window's own; what is too long of one is left out."""
    cut = [_pieces(line.text, i, vocabulary) for i, line in enumerate(lines)]
    at = 0
    while at < len(lines):
        made = _window(lines, cut, at, len(lines), vocabulary, longest)
        yield made
        at = made.last


def window(lines: Sequence[Line], first: int, last: int, vocabulary: Vocabulary, longest: int = LONGEST) -> Window:
    """One window whose own sentences begin with number `first` and end before `last`, or where it is full."""
    cut = [_pieces(line.text, i, vocabulary) for i, line in enumerate(lines)]
    return _window(lines, cut, first, last, vocabulary, longest)


def _window(
    lines: Sequence[Line], cut: Sequence[list[_Piece]], at: int, most: int, vocabulary: Vocabulary, longest: int
) -> Window:
    lead = lines[at].lead
    head = _lead(lead, vocabulary)
    before = _before(cut, at)
    room = longest - len(head) - len(before) - 3
    own = list(cut[at][:room])
    last = at + 1
    while last < most and lines[last].lead == lead and len(own) + len(cut[last]) <= room:
        own += cut[last]
        last += 1
    opening = (vocabulary.opening, _SPECIAL, _NOT_TEXT)
    closing = (vocabulary.closing, _SPECIAL, _NOT_TEXT)
    ids, shapes, tokens = zip(*[opening, *head, closing, *before, *own, closing], strict=True)
    return Window(ids, shapes, tokens, at, last, lead)


def _pieces(text: str, sentence: int, vocabulary: Vocabulary) -> list[_Piece]:
    out = []
    for word in words(text):
        written = text[word.start : word.end]
        kind, token = shape(written), Token(sentence, word.start, word.end)
        out += [(i, kind, token) for i in vocabulary.pieces(written)]
    return out


def _lead(text: str, vocabulary: Vocabulary) -> list[_Piece]:
    found = _pieces(text, IN_LEAD, vocabulary)
    return found if len(found) <= LEAD else [*found[:_TITLE], *found[_TITLE - LEAD :]]


def _before(cut: Sequence[list[_Piece]], at: int) -> list[_Piece]:
    """The last sentences before one, whole, as many as there is room for; the nearest is cut where it is too long."""
    out: list[_Piece] = []
    for i in range(at - 1, max(-1, at - 4), -1):
        if len(out) + len(cut[i]) > BEFORE:
            return out or cut[i][-BEFORE:]
        out = [*cut[i], *out]
    return out
