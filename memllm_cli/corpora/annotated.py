"""The one form every annotated corpus is read into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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
    `all_names` says whether every name is marked. Whether those of `unsure` hold is unknown.
    """

    title: str
    text: str
    sentences: tuple[tuple[int, int], ...]
    names: tuple[Name, ...]
    labels: tuple[Label, ...]
    exhaustive: frozenset[str]
    all_names: bool = True
    unsure: tuple[Label, ...] = ()

    def surfaces(self, name: int) -> tuple[str, ...]:
        """How a thing is named, each way once, in order."""
        return tuple(dict.fromkeys(self.text[m.start : m.end] for m in self.names[name].mentions))


def as_data(text: Annotated) -> dict[str, Any]:
    """A text for JSON; `from_data` reads it."""
    return {
        "title": text.title,
        "text": text.text,
        "sentences": text.sentences,
        "names": [{"kind": n.kind, "mentions": [(m.start, m.end, m.sentence) for m in n.mentions]} for n in text.names],
        "labels": [(x.head, x.relation, x.tail, x.evidence) for x in text.labels],
        "unsure": [(x.head, x.relation, x.tail) for x in text.unsure],
        "exhaustive": sorted(text.exhaustive),
        "all_names": text.all_names,
    }


def from_data(row: Mapping[str, Any]) -> Annotated:
    """What `as_data` wrote. Raises KeyError, TypeError or ValueError when it is something else."""
    out = Annotated(
        str(row["title"]),
        str(row["text"]),
        tuple((int(a), int(b)) for a, b in row["sentences"]),
        tuple(Name(str(n["kind"]), tuple(Mention(*map(int, m)) for m in n["mentions"])) for n in row["names"]),
        tuple(Label(int(h), str(r), int(t), tuple(e)) for h, r, t, e in row["labels"]),
        frozenset(map(str, row["exhaustive"])),
        bool(row["all_names"]),
        tuple(Label(int(h), str(r), int(t)) for h, r, t in row["unsure"]),
    )
    count, size = len(out.sentences), len(out.text)
    if any(not 0 <= i < len(out.names) for x in (*out.labels, *out.unsure) for i in (x.head, x.tail)):
        raise ValueError("a label names a thing that is not there")
    if any(not (0 <= m.start < m.end <= size and 0 <= m.sentence < count) for n in out.names for m in n.mentions):
        raise ValueError("a name stands outside the text")
    if any(not 0 <= i < count for x in out.labels for i in x.evidence) or not all(n.mentions for n in out.names):
        raise ValueError("a sentence or a mention is not there")
    return out


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
