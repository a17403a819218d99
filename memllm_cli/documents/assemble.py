"""Blocks to a document's text and its sentences, with offset, line, page and heading of each."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from memllm_cli.documents.base import Block, Line
from memllm_cli.documents.clean import clean, dropped_notes
from memllm_cli.documents.sentences import split
from memllm_cli.types import Sentence


def assemble(blocks: Iterable[Block]) -> tuple[str, tuple[Sentence, ...], list[str]]:
    """The text (a block a line, white space collapsed), its sentences in order, and notes on what was dropped."""
    dropped: Counter[str] = Counter()
    parts: list[str] = []
    length = 0
    sentences: list[Sentence] = []
    headings: list[tuple[int, str]] = []
    previous = ""
    for block in blocks:
        text, starts, lines = _join(block.lines, dropped)
        if not text:
            continue
        if parts:
            gap = "\n" if block.kind == previous and block.kind in ("item", "row") else "\n\n"
            parts.append(gap)
            length += len(gap)
        previous = block.kind
        if block.kind == "heading":
            while headings and headings[-1][0] >= block.level:
                headings.pop()
        heading = headings[-1][1] if headings else ""
        for start, end in split(text):
            line = lines[bisect_right(starts, start) - 1]
            sentences.append(Sentence(length + start, length + end, line.number, line.page, heading))
        if block.kind == "heading":
            headings.append((block.level, text))
        parts.append(text)
        length += len(text)
    return "".join(parts), tuple(sentences), dropped_notes(dropped)


def _join(lines: tuple[Line, ...], dropped: Counter[str]) -> tuple[str, list[int], list[Line]]:
    """A block's lines as one line of text; where in it each source line starts."""
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
