"""Which documents a question names: by title or file name, with or without its day, or by that day alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.literals import normalise
from memllm_cli.memory.values.names import normal

MOST = 20
"""Documents that a question can name; more are not told from each other by it."""
LEAST = 2
"""Words of a title that name a document; fewer are a name like any other."""
_YEAR = re.compile(r"\d{4}")
_LETTERS = re.compile(r"[^\W\d_]+")
_MONTHS = "january february march april may june july august september october november december".split()
_BEGINS = re.compile(rf"\d|(?:{'|'.join(m[:3] for m in _MONTHS)})", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WORD = re.compile(r"[^\s()\[\],;:!?\"“”_/]+")
_SPACES = re.compile(r"[\s()\[\],;:!?\"“”_/]+")


def named_documents(snapshot: Snapshot, question: str) -> dict[int, str]:
    """The documents (by id, with their titles) that count and that a question names; none where it fits too many.

    "the board minutes of 18 March 2026" names `Board minutes, 2026-03-18` and not those of another day, "the meeting of
    18 March 2026" everything that has this day in its title or file name.
    """
    text, asked = _split(question)
    called: dict[int, str] = {}
    dated: dict[int, str] = {}
    words = {"s", *_LETTERS.findall(text), *_MONTHS}
    for document in snapshot.documents():
        stem = re.split(r"[/\\]", document.uri)[-1].rpartition(".")[0]
        if not asked and not any(set(_LETTERS.findall(n.casefold())) <= words for n in (document.title, stem)):
            continue
        names = [_split(document.title), _split(re.sub(r"(?<!\d)[-_]|[-_](?!\d)", " ", stem))]
        days = {d for _, found in names for d in found}
        if asked and not days & asked and days:
            continue
        if any(len(form.split()) >= LEAST and f" {form} " in f" {text} " for form, _ in names):
            called[document.id] = document.title
        if days & asked:
            dated[document.id] = document.title
    chosen = called or dated
    return chosen if len(chosen) <= MOST else {}


@lru_cache(maxsize=1 << 16)
def _split(text: str) -> tuple[str, frozenset[str]]:
    """A text in its normal form without its days, and these."""
    days: set[str] = set()
    out: list[str] = []
    last = 0
    for start, end, day in _days(text):
        if start >= last:
            out.append(text[last:start])
            days.add(day)
            last = end
    plain = _SPACES.sub(" ", " ".join([*out, text[last:]]))
    return normal(re.sub(r"['’]s\b", "", plain)), frozenset(days)


def _days(text: str) -> Iterator[tuple[int, int, str]]:
    """Where days stand, the longest way to read one first: from a number or a month on, with a year in it."""
    words = list(_WORD.finditer(text)) if _YEAR.search(text) else []
    for i, first in enumerate(words):
        if not _BEGINS.match(first[0]):
            continue
        for last in words[i : i + 4][::-1]:
            piece = text[first.start() : last.end()].rstrip(".")
            if _YEAR.search(piece) and _DAY.fullmatch(day := normalise(piece, "date")):
                yield first.start(), last.end(), day
                break
