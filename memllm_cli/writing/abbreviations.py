"""Short names that a text defines in brackets: "Baltic Grain Authority (BGA)", "BGA (Baltic Grain Authority)".

Taken where the letters are the initials of the words, which no model needs to be asked about.
"""

from __future__ import annotations

import re

from memllm_cli.memory.values.names import abbreviates
from memllm_cli.types import Document

_SHORT = r"[A-Z](?:[\w&.’'-]{0,10}[A-Z])[a-z]?\.?"
_INSIDE = re.compile(rf"\(\s*(?:the\s+|hereinafter\s+(?:the\s+)?)?[\"“”'‘’]?(?P<short>{_SHORT})[\"“”'‘’]?\s*\)")
_OUTSIDE = re.compile(rf"(?<!\w)(?P<short>{_SHORT})\s+\(\s*(?:the\s+)?(?P<name>[A-Z][^()]{{5,100}}?)\s*\)")
_WORD = re.compile(r"[^\s,;:()\"“”]+,?")
_MOST = 12
"""Words that such a name has at most."""


def defined(document: Document) -> list[tuple[str, str]]:
    """The short names of a document: (name, short name), each once, in order."""
    out: dict[tuple[str, str], None] = {}
    for number in range(len(document.sentences)):
        for pair in of_text(document.sentence(number)):
            out[pair] = None
    return list(out)


def of_text(text: str) -> list[tuple[str, str]]:
    """The same of a sentence."""
    out = [(m["name"], m["short"]) for m in _OUTSIDE.finditer(text) if abbreviates(m["short"], m["name"])]
    for found in _INSIDE.finditer(text):
        name = _before(text[: found.start()], found["short"])
        if name:
            out.append((name, found["short"]))
    return out


def _before(text: str, short: str) -> str:
    """The words at the end of a text that a short name stands for; "" if there are none."""
    words = list(_WORD.finditer(text))[-_MOST:]
    if not words or text[words[-1].end() :].strip(" \"“”'’") or text[words[-1].end() - 1] == ",":
        return ""
    for first in reversed(words):
        name = text[first.start() : words[-1].end()]
        if name[0].isupper() and abbreviates(short, name):
            return " ".join(name.split())
    return ""
