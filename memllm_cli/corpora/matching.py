"""Whether a fact found is one that was wanted: by the words that subject, relation and object share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

SHARED, RELATED = 0.5, 0.3
"""Share of words from which on two names, two relations are alike."""
_SMALL = frozenset(("a", "an", "the"))


class Statement(NamedTuple):
    """A fact by its words, with its truth and whether it has ended."""

    subject: str
    relation: str
    object: str
    truth: str = "stated"
    ended: bool = False

    @property
    def current(self) -> bool:
        """Whether it is said to be so, now."""
        return self.truth == "stated" and not self.ended


@lru_cache(maxsize=100_000)
def words(text: str) -> tuple[str, ...]:
    """Words in lower case, without articles."""
    return tuple(w for w in re.findall(r"[\w%€$£.]*\w[%]?|[€$£%]", text.lower().replace(",", "")) if w not in _SMALL)


@lru_cache(maxsize=1_000_000)
def share(a: str, b: str) -> float:
    """Words in common, of the words of both."""
    x, y = words(a), words(b)
    common = sum((Counter(x) & Counter(y)).values())
    return 2 * common / (len(x) + len(y)) if common else 0.0


@lru_cache(maxsize=100_000)
def _exact(text: str) -> frozenset[str]:
    return frozenset(w for w in words(text) if any(c.isdigit() for c in w))


def alike(a: str, b: str) -> bool:
    """Whether two names share half their words and all their numbers."""
    return _exact(a) == _exact(b) and share(a, b) >= SHARED


def fits(wanted: Statement, found: Statement) -> bool:
    """Whether subject and object are alike, whichever side they stand on."""
    s, o = found.subject, found.object
    return (alike(wanted.subject, s) and alike(wanted.object, o)) or (
        alike(wanted.subject, o) and alike(wanted.object, s)
    )


def paired(wanted: Sequence[Statement], found: Sequence[Statement]) -> list[tuple[int, int]]:
    """Pairs (wanted, found) that fit, each found once, the nearest first."""

    def near(w: Statement, f: Statement) -> float:
        return share(w.subject, f.subject) + share(w.relation, f.relation) + share(w.object, f.object)

    free, out = set(range(len(found))), []
    for i, w in enumerate(wanted):
        best = max((j for j in free if fits(w, found[j])), key=lambda j: near(w, found[j]), default=None)
        if best is not None:
            free.remove(best)
            out.append((i, best))
    return out
