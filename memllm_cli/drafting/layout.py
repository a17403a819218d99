"""A text as the encoder sees it: pieces with shapes, in windows of whole sentences that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memllm_cli.drafting.heads import Place
from memllm_cli.pieces import SHAPES, Vocabulary, Word, shape, words

LONGEST = 512
"""Tokens of a window, the opening and the closing one among them: what the encoder was made for."""
OVERLAP = 128
"""Tokens at most that a window repeats of the one before."""
_SPECIAL = SHAPES.index("special")


@dataclass(frozen=True, slots=True)
class Window:
    """Part of a text. All sequences but the last two have one entry a token.

    `words` are offsets into the text with the sentence each stands in; `places` are their tokens.
    """

    ids: tuple[int, ...]
    shapes: tuple[int, ...]
    first: tuple[int, ...]
    sentence: tuple[int, ...]
    """Number of the sentence, -1 for the opening and the closing token."""
    words: tuple[Word, ...]
    places: tuple[Place, ...]

    def place(self, start: int, end: int) -> Place | None:
        """Tokens of the words that cover the characters `[start, end)`; None when they are not all in this window."""
        inside = [i for i, w in enumerate(self.words) if w.start < end and w.end > start]
        if not inside or self.words[inside[0]].start > start or self.words[inside[-1]].end < end:
            return None
        first, last = self.places[inside[0]], self.places[inside[-1]]
        return Place(first.start, last.end, first.sentence)


def windows(
    text: str, sentences: Sequence[tuple[int, int]], vocabulary: Vocabulary, longest: int = LONGEST
) -> list[Window]:
    """Cut a text into windows. A sentence that is too long for one is cut off."""
    rows = []
    for start, end in sentences:
        row = [
            (Word(start + w.start, start + w.end), text[start + w.start : start + w.end])
            for w in words(text[start:end])
        ]
        rows.append([(w, shape(surface), vocabulary.pieces(surface)) for w, surface in row])
    lengths = [sum(len(pieces) for _, _, pieces in row) for row in rows]
    room = longest - 2
    out: list[Window] = []
    begin = 0
    while begin < len(rows):
        end, total = begin, 0
        while end < len(rows) and (end == begin or total + lengths[end] <= room):
            total += lengths[end]
            end += 1
        out.append(_window(rows, begin, end, room, vocabulary))
        if end == len(rows):
            break
        again, repeated = end, 0
        while again - 1 > begin and repeated + lengths[again - 1] <= OVERLAP:
            again -= 1
            repeated += lengths[again]
        begin = again
    return [w for w in out if w.words]


def _window(
    rows: Sequence[Sequence[tuple[Word, int, tuple[int, ...]]]], begin: int, end: int, room: int, vocabulary: Vocabulary
) -> Window:
    ids, shapes, first, sentence = [vocabulary.opening], [_SPECIAL], [0], [-1]
    kept: list[Word] = []
    places: list[Place] = []
    for number in range(begin, end):
        for position, (word, kind, pieces) in enumerate(rows[number]):
            if len(ids) - 1 + len(pieces) > room:
                break
            kept.append(word)
            places.append(Place(len(ids), len(ids) + len(pieces), number))
            ids += pieces
            shapes += [kind] * len(pieces)
            first += [int(position == 0)] * len(pieces)
            sentence += [number] * len(pieces)
    ids.append(vocabulary.closing)
    shapes.append(_SPECIAL)
    first.append(0)
    sentence.append(-1)
    return Window(tuple(ids), tuple(shapes), tuple(first), tuple(sentence), tuple(kept), tuple(places))
