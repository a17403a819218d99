"""A page whose proposals wait, for the tests of this folder."""

from __future__ import annotations

from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.types import Document, Sentence, Triple

SENTENCES = (
    "Harbour Works was founded by Ada Quill.",
    "Its seat is Port Alder.",
    "Mill Works was founded by Ben Stone.",
    "Mill Works has its seat in Rufus Town.",
    "Nothing else is known.",
)
STATED = (
    (Triple("Harbour Works", "founded by", "Ada Quill"), 0, ()),
    (Triple("Harbour Works", "headquarters location", "Port Alder"), 1, (("words", "Its"),)),
    (Triple("Mill Works", "founded by", "Ben Stone"), 2, ()),
    (Triple("Mill Works", "headquarters location", "Rufus Town"), 3, ()),
)


def page(edition: str = "1", uri: str = "/d/works.md") -> Document:
    """The page; another edition has other bytes and says the same."""
    text, spans = "", []
    for number, sentence in enumerate(SENTENCES, 1):
        spans.append(Sentence(len(text), len(text) + len(sentence), number))
        text += sentence + "\n"
    return Document(uri, "Works", "text/markdown", edition, text, tuple(spans))


def read(memory: Memory, edition: str = "1", proposed: bool = True) -> int:
    """Read the page; returns how much of it was held back."""
    written = [
        Written(triple, (at,), 0.5 + at / 10, proposed=proposed, qualifiers=more, own=True)
        for triple, at, more in STATED
    ]
    return memory.ingest(page(edition), written, "m", "f").held


def held(memory: Memory, proposed: bool = False) -> set[tuple[str, str, str]]:
    """Facts, or proposals, as texts."""
    snapshot = memory.snapshot
    return {snapshot.texts(f) for f in snapshot.facts(proposed)}
