"""Names, numbers and dates in a text that is being written: what only a memory can know.

A text is looked at in chunks, as whitespace parts them. A chunk is due to be read when it has a digit or a sign of
money, is a number in words, or is written with a capital where a plain word would not be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from memllm_cli.documents.sentences import ends_with_abbreviation
from memllm_cli.memory.values.names import normal
from memllm_cli.memory.values.numerals import phrase, tokens

_LEADING = re.compile(r"^[(\[{\"'“‘«*_#>-]+")
_TRAILING = re.compile(r"(?:['’]s)?[)\]}\"'”’»*_,;:.!?…-]*$")
_ENDS = re.compile(r"[.!?:…][)\]\"'”’*_]*$")
_INITIALS = re.compile(r"^[A-Za-z](?:\.[A-Za-z])*\.$")
_PLAIN = frozenset({"one", "i", "i'm", "i'd", "i'll", "i've"})
"""What looks like a number or a name and is mostly neither."""


def parts(chunk: str) -> tuple[str, str, str]:
    """What stands before the word of a chunk, the word, and what follows it."""
    before = m.group() if (m := _LEADING.match(chunk)) else ""
    rest = chunk[len(before) :]
    after = m.group() if (m := _TRAILING.search(rest)) else ""
    return before, rest[: len(rest) - len(after)], after


def ends_sentence(chunk: str) -> bool:
    """Whether the next chunk begins a sentence: after a full stop that is not that of "Dr."."""
    plain = _LEADING.sub("", chunk)
    return bool(_ENDS.search(chunk)) and not (_INITIALS.match(plain) or ends_with_abbreviation(plain))


def is_number(word: str) -> bool:
    """Whether a word has a digit or a sign of money, or is a number in words; "one" is none."""
    if any(unicodedata.category(c) in ("Nd", "Nl", "No", "Sc") for c in word):
        return True
    return word.casefold() not in _PLAIN and phrase(tokens(word), 0, ("number",)) is not None


def is_name(word: str) -> bool:
    """Whether a word is written as names are: with a capital in it."""
    return any(c.isupper() for c in word) and word.casefold().replace("’", "'") not in _PLAIN


class Held:
    """The words that something has said: a request, a conversation, what a read returned."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._words: set[str] = set()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Take the words of a text in."""
        for chunk in text.split():
            word = parts(chunk)[1]
            self._words.update(w for w in (_form(word), *map(_form, re.split(r"[-/–—]", word))) if w)

    def has(self, word: str) -> bool:
        """Whether a word is among them, or each part of it: "Acorn-Mill" where both have been said."""
        form = _form(word)
        if not form or form in self._words:
            return True
        pieces = [_form(p) for p in re.split(r"[-/–—]", word)]
        return len(pieces) > 1 and all(not p or p in self._words for p in pieces)


def _form(word: str) -> str:
    """A word as words are compared: without case, possessive and the commas of thousands."""
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", word.casefold())
    return normal(plain)
