"""The prose of a document as the extractor reads it: its sentences, each under its title and headings."""

from __future__ import annotations

from memllm_cli.documents.base import FRONT_MATTER
from memllm_cli.extracting.layout import Line
from memllm_cli.memory.values.passages import unsaid
from memllm_cli.types import Block, Document

_OUTSIDE = frozenset({"heading", "header", "cell", "row", "table", "code"})
"""Blocks that are no prose: structure says what they state."""


def lines(document: Document) -> tuple[list[Line], list[int]]:
    """The sentences that are prose, and the number of each in the document."""
    out: list[Line] = []
    numbers: list[int] = []
    leads: dict[int, str] = {}
    for number, sentence in enumerate(document.sentences):
        at = document.block_at(sentence.start)
        if at is not None:
            block = document.blocks[at]
            if block.kind in _OUTSIDE or block.note == FRONT_MATTER:
                continue
            if at not in leads:
                leads[at] = _lead(document, at)
            # Each sentence of a turn is its speaker's, who is named before the first one at most.
            who = unsaid(document, block) if sentence.start == block.start else _speaker(block)
        else:
            who = ""
        out.append(Line(leads[at] if at is not None else document.title, who + document.sentence(number)))
        numbers.append(number)
    return out, numbers


def _speaker(block: Block) -> str:
    return f"{block.label}: " if block.kind == "turn" and block.label else ""


def _lead(document: Document, number: int) -> str:
    """Title, headings, the line above a list: once each."""
    out = [document.title, *document.path(number)]
    above = document.blocks[number].parent
    while above is not None:
        block = document.blocks[above]
        if block.kind == "list" and block.label:
            out.append(block.label)
        above = block.parent
    return " > ".join(dict.fromkeys(x for x in out if x))
