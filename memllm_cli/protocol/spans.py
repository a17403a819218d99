"""Names that could be read off a sentence: runs of its words, with their character offsets.

Words are parted by whitespace; a language written without spaces yields whole sentences as words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memllm_cli.protocol.grammar import collapse, has_reserved

LONGEST = 200
"""Characters a name may have; longer runs are not names."""

_AROUND = ",.;:!?()[]\"'`“”‘’„«»‹›…–—"
_WORD = re.compile(r"\S+")
_POSSESSIVE = re.compile(r"(?<=\w)['’]s\Z")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Step:
    """One stretch further into a run of words.

    `chunk` is the text it adds; `surface` the name so far, or None when a name cannot end here.
    """

    chunk: str
    surface: str | None
    span: Span


def _words(text: str) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Start and possible ends of each word, the shortest first.

    `France's` may end before or after `'s`, `U.S.` before or after its last dot, `(Illinois)` before or after
    the parenthesis.
    """
    for match in _WORD.finditer(text):
        raw = match.group()
        core = raw.strip(_AROUND)
        if not core:
            continue
        start = match.start() + len(raw) - len(raw.lstrip(_AROUND))
        end = start + len(core)
        ends = [end]
        if possessive := _POSSESSIVE.search(core):
            ends.insert(0, start + possessive.start())
        elif "." in core and text.startswith(".", end):
            ends.append(end + 1)
        if text.startswith(")", ends[-1]):
            ends.append(ends[-1] + 1)
        yield start, tuple(ends)


def words_of(text: str, offset: int = 0) -> list[Span]:
    """The words of a text without the punctuation around them; `offset` is added to each position.

    Words with a character that no field may hold are left out.
    """
    return [
        Span(offset + start, offset + ends[0])
        for start, ends in _words(text)
        if not has_reserved(text[start : ends[0]])
    ]


def runs(text: str, offset: int = 0, max_words: int = 8) -> Iterator[list[Step]]:
    """For each word, the names that begin with it, of up to `max_words` words, as steps one after another.

    The chunks up to a step, joined, are the text from the first word's start with whitespace collapsed; a name
    whose parentheses do not match is not offered.
    """
    words = list(_words(text))
    chunks: list[list[tuple[str, int]]] = []  # of each word, as it follows the one before
    last = 0
    for _, ends in words:
        row = []
        for end in ends:
            row.append((collapse(text[last:end]), end))
            last = end
        chunks.append(row)
    for i, (start, ends) in enumerate(words):
        steps: list[Step] = []
        surface = ""
        row = [(collapse(text[start : ends[0]]), ends[0]), *chunks[i][1:]]
        for chunk, end in (piece for r in (row, *chunks[i + 1 : i + max_words]) for piece in r):
            surface += chunk
            if len(surface) > LONGEST or has_reserved(chunk):
                break
            matched = surface.count("(") == surface.count(")")
            steps.append(Step(chunk, surface if matched else None, Span(offset + start, offset + end)))
        if steps:
            yield steps
