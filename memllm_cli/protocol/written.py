"""What a trained writer reads and writes: a title, then sentences, each followed by its call.

    Freedonia: Freedonia lies in Sylvania.({MEM_WRITE--> Freedonia >> continent >> Sylvania }) Its capital is ...

Marks and names are parted by single spaces, because names begin with one in running text and most tokenizers have
tokens for that. The text is made of *pieces*, each turned into tokens by itself, so that training and inference see the
same tokens whatever stands beside them. See docs/format.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from memllm_cli.protocol.constraint import Style
from memllm_cli.protocol.grammar import CLOSE, FIELD, as_field, collapse
from memllm_cli.types import Triple

FORMAT = "stream-1"
"""Recorded with every fact that is written in this format."""
STYLE = Style(lead=" ", field=f" {FIELD}", close=f" {CLOSE}")

_BEFORE = re.compile(r" (?=[,.;:!?)\]’”%](?:\s|$))| (?=['’]s\b)|(?<=[(\[“]) ")


def tidy(text: str) -> str:
    """Single spaces, and none before a comma: corpora come as words with spaces between them."""
    return _BEFORE.sub("", collapse(text)).strip()


def header(title: str) -> str:
    """What comes before the sentences of a window; empty without a title."""
    plain = as_field(tidy(title))
    return f"{plain}:" if plain else ""


def sentence(text: str) -> str:
    """A sentence as the writer reads it."""
    return f" {tidy(text)}"


def name(text: str) -> str:
    """The piece of a name or a relation."""
    return STYLE.lead + as_field(tidy(text))


def item(triple: Triple) -> tuple[str, ...]:
    """The pieces of one triple."""
    return name(triple.subject), STYLE.field, name(triple.relation), STYLE.field, name(triple.object)


def call(triples: Iterable[Triple]) -> list[str]:
    """The pieces of a whole call; joined, `protocol.parse` reads them."""
    out = [STYLE.opening]
    for i, triple in enumerate(triples):
        out += [*([STYLE.item] if i else []), *item(triple)]
    return [*out, STYLE.close]


def located(text: str, surface: str) -> tuple[int, int] | None:
    """Where a name read off `tidy(text)` stands in `text`: characters `start` to `end`, of whole words if it can be."""
    words = r"\s*".join(map(re.escape, "".join(surface.split())))
    match = None
    if words:
        match = re.search(rf"(?<!\w){words}(?!\w)", text) or re.search(words, text)
    return match.span() if match else None
