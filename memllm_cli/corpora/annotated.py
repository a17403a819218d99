"""The one form every annotated corpus is read into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mention:
    """A name where it stands: `text[start:end]`, in sentence number `sentence`."""

    start: int
    end: int
    sentence: int


@dataclass(frozen=True, slots=True)
class Name:
    """A thing and all the places where it is named. `kind` is one of `types.KINDS`, empty when not annotated."""

    kind: str
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """A relation between two names (indices), by its external id (`P36`), with the sentences that support it."""

    head: int
    relation: str
    tail: int
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text with its names and relations.

    `exhaustive` holds the relations of which all instances are marked; of others, what is not marked is unknown.
    `all_names` says whether every name is marked.
    """

    title: str
    text: str
    sentences: tuple[tuple[int, int], ...]
    names: tuple[Name, ...]
    labels: tuple[Label, ...]
    exhaustive: frozenset[str]
    all_names: bool = True

    def surfaces(self, name: int) -> tuple[str, ...]:
        """How a thing is named, each way once, in order."""
        return tuple(dict.fromkeys(self.text[m.start : m.end] for m in self.names[name].mentions))


def joined(sentences: Sequence[Sequence[str]]) -> tuple[str, list[list[tuple[int, int]]]]:
    """Tokens as one text with single spaces, and the characters of every token, sentence by sentence."""
    places: list[list[tuple[int, int]]] = []
    at = 0
    for sentence in sentences:
        row = []
        for token in sentence:
            row.append((at, at + len(token)))
            at += len(token) + 1
        places.append(row)
    return " ".join(token for sentence in sentences for token in sentence), places


def locate(text: str, name: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Where a name stands in a text as whole words, in its own spelling."""
    while name and (start := text.find(name, start)) >= 0:
        end = start + len(name)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not ((before.isalnum() and name[0].isalnum()) or (after.isalnum() and name[-1].isalnum())):
            yield start, end
        start = end
