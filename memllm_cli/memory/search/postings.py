"""Words of texts and where they stand, in arrays, ranked by BM25 (Robertson and Zaragoza 2009).

A word is what `terms` makes of it: lower case, without accents, its English stem. Words are kept as 64-bit hashes in
order, each with the texts it stands in; nothing is unpacked to search, so a file of them can be mapped.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SATURATION, LENGTH = 1.2, 0.5
"""BM25's k1 and b: how soon a repeated word stops counting, how much a long text is held against it."""
_WORD = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?(?!\w)|\d+(?:\.\d+)+(?!\w)|[^\W_]+(?:['’][^\W_]+)*")
STOP = frozenset(
    "a an and are as at be been but by can could did do does for from had has have he her him his how i if in into is "
    "it its me my no nor of on or our shall she should so than that the their them then there these they this those to "
    "us was we were what when where which who whom whose why will with would you your tell please give show".split()
)
"""Words of questions and sentences that say nothing of what they are about."""


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from snowballstemmer import stemmer

    return stemmer("english")


@lru_cache(maxsize=200_000)
def term(word: str) -> str:
    """What a word is looked up by."""
    plain = _bare(word)
    return str(_stemmer().stemWord(plain)) if plain.isalpha() else plain


def terms(text: str) -> list[str]:
    """The words of a text as they are looked up, in order, those that say nothing left out."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return [term(w) for w in _WORD.findall(text) if _bare(w) not in STOP]


def _bare(word: str) -> str:
    """Lower case, no accents, no commas in numbers, no possessive."""
    plain = word.casefold()
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return plain.replace(",", "") if plain[:1].isdigit() else plain.replace("’", "'").removesuffix("'s")


@lru_cache(maxsize=500_000)
def _hashed(word: str) -> int:
    digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class Postings:
    """Some texts, by the words in them. `arrays` are `words`, `starts`, `texts`, `counts` and `lengths`."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = dict(arrays)
        self.words, self.starts = self.arrays["words"], self.arrays["starts"]
        self.texts, self.counts = self.arrays["texts"], self.arrays["counts"]
        self.lengths = self.arrays["lengths"]

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self.lengths)

    @classmethod
    def build(cls, texts: Iterable[Sequence[str]]) -> Postings:
        """From the terms of each text."""
        known: dict[str, int] = {}
        words: list[int] = []
        places: list[int] = []
        counts: list[int] = []
        lengths: list[int] = []
        for at, found in enumerate(texts):
            lengths.append(len(found))
            for word, count in Counter(found).items():
                words.append(known.setdefault(word, len(known)))
                places.append(at)
                counts.append(min(count, 255))
        hashes = np.fromiter((_hashed(w) for w in known), dtype=np.uint64, count=len(known))
        order = np.argsort(hashes, kind="stable")
        rank = np.empty(len(order), dtype=np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        of = rank[np.asarray(words, dtype=np.int64)] if words else np.empty(0, dtype=np.int32)
        by_word = np.argsort(of, kind="stable")
        starts = np.searchsorted(of[by_word], np.arange(len(order) + 1)).astype(np.int64)
        return cls(
            {
                "words": hashes[order], "starts": starts, "texts": np.asarray(places, dtype=np.int32)[by_word],
                "counts": np.asarray(counts, dtype=np.uint8)[by_word], "lengths": np.asarray(lengths, dtype=np.int32),
            }
        )  # fmt: skip

    def of(self, word: str) -> tuple[Array, Array]:
        """Texts that a term stands in, and how often."""
        value = np.uint64(_hashed(word))
        at = int(np.searchsorted(self.words, value))
        if at == len(self.words) or self.words[at] != value:
            return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.uint8)
        begin, end = int(self.starts[at]), int(self.starts[at + 1])
        return self.texts[begin:end], self.counts[begin:end]


def rank(parts: Sequence[Postings], wanted: Iterable[str]) -> tuple[list[NDArray[np.float32]], float]:
    """BM25 of every text of each part for some terms, and the highest that one text could have reached."""
    count = sum(len(p) for p in parts)
    mean = sum(int(p.lengths.sum()) for p in parts) / max(1, count) or 1.0
    scores = [np.zeros(len(p), dtype=np.float32) for p in parts]
    most = 0.0
    for word in dict.fromkeys(wanted):
        found = [p.of(word) for p in parts]
        holding = sum(len(texts) for texts, _ in found)
        weight = math.log(1 + (count - holding + 0.5) / (holding + 0.5))
        most += weight * (SATURATION + 1)
        if not holding:
            continue
        for part, score, (texts, counts) in zip(parts, scores, found, strict=True):
            times = counts.astype(np.float32)
            length = part.lengths[texts].astype(np.float32) / np.float32(mean)
            score[texts] += weight * times * (SATURATION + 1) / (times + SATURATION * (1 - LENGTH + LENGTH * length))
    return scores, most
