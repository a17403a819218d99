"""Which texts are copies of one: the same words, or nearly the same. Knows nothing of files.

A text is compared by its words in threes, of which the smallest hashes are kept (after Broder 1997): how many of them
two texts share is how alike they are. Spaces, line ends, case and punctuation do not count.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from dataclasses import dataclass, field

ALIKE = 0.85
"""Of the threes of two texts, the share that both have from which on one is a copy of the other."""
SHORT = 12
"""Words below which a text is a copy of the very same words alone: short texts are alike by chance."""
_KEPT = 64
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is kept of a text to compare it. Of use within one process."""

    words: int
    whole: int
    some: frozenset[int]

    @classmethod
    def of(cls, text: str) -> Sketch:
        """The sketch of a text."""
        words = _WORD.findall(text.casefold())
        threes = {hash(three) for three in zip(words, words[1:], words[2:], strict=False)}
        return cls(len(words), hash(tuple(words)), frozenset(heapq.nsmallest(_KEPT, threes)))

    def same(self, other: Sketch) -> bool:
        """Whether both have the same words in the same order."""
        return self.words == other.words > 0 and self.whole == other.whole

    def like(self, other: Sketch) -> bool:
        """Whether one is a copy of the other."""
        if self.same(other):
            return True
        if min(self.words, other.words) < SHORT:
            return False
        smallest = heapq.nsmallest(_KEPT, self.some | other.some)
        shared = sum(x in self.some and x in other.some for x in smallest)
        return shared >= ALIKE * len(smallest)


@dataclass(slots=True)
class Copies:
    """Texts by name, among which copies are found without comparing each with each."""

    sketches: dict[str, Sketch] = field(default_factory=dict)
    _by_part: dict[int, list[str]] = field(default_factory=dict)

    def add(self, name: str, text: str) -> None:
        """Take in a text."""
        made = self.sketches[name] = Sketch.of(text)
        for part in (made.whole, *made.some):
            self._by_part.setdefault(part, []).append(name)

    def of(self, name: str) -> str:
        """The text, of those taken in, that another one is a copy of: the same one, else the most alike; "" if none."""
        own = self.sketches[name]
        near = Counter(n for part in (own.whole, *own.some) for n in self._by_part[part] if n != name)
        like = [n for n, _ in near.most_common() if self.sketches[n].like(own)]
        return next((n for n in like if self.sketches[n].same(own)), like[0] if like else "")
