"""Copies of annotated texts in which things have other names, so that only what the text says can be learned.

MemLLM (section 3.2) does this to keep a model from writing what it knows instead of what it reads.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from memllm_cli.corpora.annotated import Annotated, Mention, Name

KEPT = frozenset({"NUM", "MISC", ""})
"""Kinds whose names often are words of the sentence ("two", "Canadian") stay as they are; so do names of no kind."""


class Copies:
    """Makes copies; names come from other texts, things of a type replacing things of that type."""

    def __init__(self, texts: Sequence[Annotated], seed: int = 0) -> None:
        self.seed = seed
        self.pool: dict[tuple[str, int], list[tuple[str, ...]]] = {}
        for text in texts:
            for i, name in enumerate(text.names):
                surfaces = _longest_first(text, i)
                if surfaces and name.kind not in KEPT:
                    self.pool.setdefault((name.kind, _shape(surfaces[0])), []).append(surfaces)

    def make(self, texts: Sequence[Annotated]) -> Iterator[Annotated]:
        """One copy of each text whose mentions do not overlap."""
        for text in texts:
            copy = self._copy(text, random.Random(f"{self.seed}/{text.title}"))
            if copy is not None:
                yield copy

    def _copy(self, text: Annotated, rng: random.Random) -> Annotated | None:
        places = sorted((m.start, m.end, i) for i, name in enumerate(text.names) for m in name.mentions)
        if any(a[1] > b[0] for a, b in itertools.pairwise(places)):
            return None
        new: list[dict[str, str]] = []
        for i in range(len(text.names)):
            taken = {s for other in new for s in other.values()}
            new.append(self._other(text, i, rng, taken))
        parts: list[str] = []
        at, moved = 0, [0] * (len(text.text) + 1)
        length = 0
        mentions: list[list[Mention]] = [[] for _ in text.names]
        sentence = {(m.start, i): m.sentence for i, name in enumerate(text.names) for m in name.mentions}
        for start, end, i in places:
            for j in range(at, start + 1):
                moved[j] = length + j - at
            parts.append(text.text[at:start])
            length += start - at
            name = new[i][text.text[start:end]]
            mentions[i].append(Mention(length, length + len(name), sentence[start, i]))
            parts.append(name)
            length += len(name)
            at = end
        for j in range(at, len(text.text) + 1):
            moved[j] = length + j - at
        parts.append(text.text[at:])
        names = tuple(Name(n.kind, tuple(m)) for n, m in zip(text.names, mentions, strict=True))
        sentences = tuple((moved[a], moved[b]) for a, b in text.sentences)
        title = next((new[i][text.title] for i in range(len(new)) if text.title in new[i]), text.title)
        return replace(text, title=title, text="".join(parts), sentences=sentences, names=names)

    def _other(self, text: Annotated, thing: int, rng: random.Random, taken: set[str]) -> dict[str, str]:
        """A new surface for each old one, none that another thing has: the longest takes the longest, and so on."""
        old = _longest_first(text, thing)
        found = self.pool.get((text.names[thing].kind, _shape(old[0]))) if old else None
        new = next((n for n in rng.choices(found, k=8) if not taken & set(n)), None) if found else None
        if new is None:
            return {s: s for s in old}
        return {s: new[min(i, len(new) - 1)] for i, s in enumerate(old)}


def _longest_first(text: Annotated, thing: int) -> tuple[str, ...]:
    return tuple(sorted(text.surfaces(thing), key=lambda s: (-len(s), s)))


def _shape(name: str) -> int:
    """Names of as many words, with a figure or without, replace each other."""
    return 2 * min(4, len(name.split())) + any(c.isdigit() for c in name)
