"""Names out of tags, and which of them mean one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memllm_cli.drafting.heads import Array, Place
from memllm_cli.drafting.layout import Window
from memllm_cli.types import KINDS


@dataclass(frozen=True, slots=True)
class Mention:
    """A name where it stands: characters `[start, end)` of the text, and the tokens it has in its window."""

    start: int
    end: int
    kind: str
    place: Place


def mentions(window: Window, tags: Array) -> list[Mention]:
    """Names in a window by the log probabilities of its tags (tokens, tags), the best path that is well formed.

    A name is a beginning and what continues it, within one sentence; a word has the tag of its first piece.
    """
    chosen = _best_path(window, tags)
    out: list[Mention] = []
    start = -1
    for i, tag in enumerate([*chosen, 0]):
        if start >= 0 and (tag == 0 or tag % 2 == 1):
            first, last = window.places[start], window.places[i - 1]
            words = window.words[start:i]
            kind = KINDS[(chosen[start] - 1) // 2]
            out.append(Mention(words[0].start, words[-1].end, kind, Place(first.start, last.end, first.sentence)))
            start = -1
        if tag % 2 == 1:
            start = i
    return out


def _best_path(window: Window, tags: Array) -> list[int]:
    """Viterbi over the words: inside of a type only follows its beginning or inside, in the same sentence."""
    if not window.words:
        return []
    scores = tags[[p.start for p in window.places]].astype(np.float64)
    count = scores.shape[1]
    inside = np.arange(2, count, 2)
    total = scores[0].copy()
    total[inside] = -np.inf
    back = np.zeros(scores.shape, dtype=np.int64)
    for i in range(1, len(scores)):
        best = int(np.argmax(total))
        step = np.full(count, total[best])
        back[i] = best
        if window.places[i].sentence == window.places[i - 1].sentence:
            begun = np.where(total[inside - 1] >= total[inside], inside - 1, inside)
            step[inside] = total[begun]
            back[i, inside] = begun
        else:
            step[inside] = -np.inf
        total = step + scores[i]
    path = [int(np.argmax(total))]
    for i in range(len(scores) - 1, 0, -1):
        path.append(int(back[i, path[-1]]))
    return path[::-1]


def by_surface(text: str, found: Sequence[Mention]) -> list[list[Mention]]:
    """Mentions grouped by equal text (letter case and white space aside), in order."""
    groups: dict[str, list[Mention]] = {}
    for m in found:
        groups.setdefault(" ".join(text[m.start : m.end].lower().split()), []).append(m)
    return list(groups.values())


def united(groups: Sequence[list[Mention]], same: Array, least: float) -> list[list[Mention]]:
    """Groups that mean one thing put together: those of one type whose mutual score (log odds) exceeds `least`."""
    root = list(range(len(groups)))

    def find(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    for i in range(len(groups)):
        for j in range(i):
            if groups[i][0].kind == groups[j][0].kind and (same[i, j] + same[j, i]) / 2 > least:
                root[find(i)] = find(j)
    out: dict[int, list[Mention]] = {}
    for i, group in enumerate(groups):
        out.setdefault(find(i), []).extend(group)
    return [sorted(g, key=lambda m: m.start) for g in out.values()]
