"""Words of a text with their offsets, word pieces and shapes: the input of our encoders, in training and in use.

The pieces are those of BERT's uncased vocabulary (Devlin et al. 2019, as the reference tokenizer makes them): lower
case, no accents, each punctuation mark a word of its own, then the longest piece that fits, from the left. What
lower case loses is given back as a shape, which the drafter adds to the piece's vector.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

SHAPES = ("lower", "title", "upper", "letter", "mixed", "digits", "alphanumeric", "mark", "other", "special")
"""How a word is written. `special` is for the tokens that open and close a text."""
_INDEX = {name: i for i, name in enumerate(SHAPES)}
_ENDS = (("<s>", "[CLS]"), ("</s>", "[SEP]"))
_LONGEST = 100  # characters of a word; longer ones are unknown, as in the reference


@dataclass(frozen=True, slots=True)
class Word:
    """The stretch `text[start:end]`: a run of letters and digits, or one mark."""

    start: int
    end: int


def words(text: str) -> list[Word]:
    """Words of a text in order. White space and control characters separate them; marks stand alone."""
    out: list[Word] = []
    begin = -1
    for i, c in enumerate(text):
        kind = _kind(c)
        if kind == "word":
            if begin < 0:
                begin = i
            continue
        if begin >= 0:
            out.append(Word(begin, i))
            begin = -1
        if kind == "mark":
            out.append(Word(i, i + 1))
    if begin >= 0:
        out.append(Word(begin, len(text)))
    return out


def _kind(c: str) -> str:
    if c.isalnum():
        return "mark" if _ideograph(c) else "word"
    if c.isspace():
        return "space"
    category = unicodedata.category(c)
    if category[0] == "P" or (c.isascii() and category[0] == "S"):
        return "mark"
    return "space" if category in ("Cc", "Cf", "Cn", "Co", "Cs") else "word"


def _ideograph(c: str) -> bool:
    """Whether the reference tokenizer takes a character for a word of its own (CJK ideographs)."""
    code = ord(c)
    return code >= 0x3400 and (
        0x4E00 <= code <= 0x9FFF
        or code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x2CEAF
        or 0x2F800 <= code <= 0x2FA1F
    )


def shape(word: str) -> int:
    """Index in `SHAPES` of how a word is written."""
    if not any(c.isalnum() for c in word):
        name = "mark"
    elif word.isdigit():
        name = "digits"
    elif any(c.isdigit() for c in word):
        name = "alphanumeric"
    elif word.islower():
        name = "lower"
    elif word.isupper():
        name = "letter" if len(word) == 1 else "upper"
    elif word[0].isupper():
        name = "title" if word[1:].islower() else "mixed"
    else:
        name = "other"
    return _INDEX[name]


class Vocabulary:
    """Word pieces by their ids. `pieces` are BERT's, continuations marked with `##`; MPNet has other marks for ends."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._ids = {piece: i for i, piece in enumerate(pieces)}
        self.opening, self.closing = (self._ids[a] if a in self._ids else self._ids[b] for a, b in _ENDS)
        self.unknown = self._ids["[UNK]"]
        self.mask = self._ids.get("[MASK]", self.unknown)
        self._known: dict[str, tuple[int, ...]] = {}

    def pieces(self, word: str) -> tuple[int, ...]:
        """Ids of one word, at least one."""
        found = self._known.get(word)
        if found is None:
            if len(self._known) > 200_000:
                self._known.clear()
            found = self._known[word] = self._split(word)
        return found

    def _split(self, word: str) -> tuple[int, ...]:
        plain = "".join(c for c in unicodedata.normalize("NFD", word.lower()) if unicodedata.category(c) != "Mn")
        if not plain or len(plain) > _LONGEST:
            return (self.unknown,)
        out: list[int] = []
        start = 0
        while start < len(plain):
            for end in range(len(plain), start, -1):
                piece = plain[start:end] if start == 0 else "##" + plain[start:end]
                if (number := self._ids.get(piece)) is not None:
                    out.append(number)
                    start = end
                    break
            else:
                return (self.unknown,)
        return tuple(out)
