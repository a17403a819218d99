"""What a page says, as values: facts, footnotes to documents, conflicts, a document's text with its marks.

Knows nothing of HTML or Markdown. Only what is stated is on a page; what waits for a person's word, and what documents
deny, plan, ask or report, is counted.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.disk.tables import DocumentRow
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.facts import Fact, Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.views.conflicts import of_facts
from memllm_cli.memory.views.query import entities, matching, pattern
from memllm_cli.protocol.grammar import parse_pattern
from memllm_cli.types import Document

_GAP = re.compile(r"\n{2,}")
Spans = Sequence[tuple[int, int, int]]
"""First and last character and number of footnotes' sentences in a document, in order."""


@dataclass(frozen=True, slots=True)
class Note:
    """A footnote: who or what says it, where in it, and in which words."""

    number: int
    source: str
    """The document's file name, or who stated it."""
    place: str = ""
    """The line or page; of a table the row and column."""
    said: str = ""
    """The sentence; of a table the row. Empty where no document says it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One fact: its texts, when it holds, the numbers of its footnotes and of the conflicts it is in."""

    texts: tuple[str, str, str]
    holds: str
    notes: tuple[int, ...]
    clashes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Clash:
    """Facts that cannot all be true, those that are not on the page otherwise among them, and why."""

    number: int
    reason: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a document's text; the footnotes whose sentence it is part of, begins, and ends, and the conflicts
    of the facts that rest on a sentence that ends."""

    text: str
    inside: tuple[int, ...] = ()
    begins: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    clashes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A stretch of a document between empty lines; a heading has a level, other text 0."""

    level: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything a page says."""

    title: str
    kind: str
    """`name`, `pattern` or `document`."""
    kb: str
    made: str
    """When the page was made."""
    operation: int
    """The newest operation it knows of."""
    lines: tuple[Line, ...]
    clashes: tuple[Clash, ...]
    notes: tuple[Note, ...]
    proposals: int
    unstated: int
    text: tuple[Paragraph, ...] = ()
    file: str = ""
    """The document's file name."""
    checksum: str = ""
    """Of the document's file (SHA-256)."""

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents its footnotes name."""
        return tuple(dict.fromkeys(n.source for n in self.notes if n.said))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is about: facts and what is left out of them, or a document."""

    title: str
    kind: str
    kept: tuple[Fact, ...]
    document: DocumentRow | None = None


def asked(memory: Memory, text: str) -> Asked:
    """What a pattern, a name or a document's path, file name or title means, in this order where several fit:
    a pattern, a path or file name, a name that facts are about, a title, a part of names.

    Raises NotFound, UsageError.
    """
    from memllm_cli.memory.search.texts import confined

    snapshot = memory.snapshot
    if ">>" in text:
        kept = matching(snapshot, pattern(snapshot, parse_pattern(text)), every=True)
        return Asked(text.strip(), "pattern", _ordered(snapshot, kept))
    documents = snapshot.documents()
    named = [d for d in documents if d.uri in (text, os.path.abspath(text)) or _file(d.uri) == text]
    about = {f.key: f for i in snapshot.called(text) for f in snapshot.about(snapshot.canonical(i), every=True)}
    if not named and about:
        return Asked(text, "name", _ordered(snapshot, about.values()))
    if not named:
        ids = confined(snapshot, [text])
        named = [d for d in documents if d.id in ids]
    if len(named) > 1:
        paths = ", ".join(d.uri for d in named[:5])
        raise UsageError(f"'{text}' can mean {len(named)} documents.", f"Name one by its path: {paths}")
    if named:
        row = named[0]
        return Asked(row.title or _file(row.uri), "document", tuple(snapshot.of_source(row.uri)), row)
    part = {f.key: f for i in entities(snapshot, text, part=True) for f in snapshot.about(i, every=True)}
    if not part:
        raise NotFound(
            f"Memory has nothing about '{text}'.", f'Search: memllm query "{text}"; documents: memllm source list'
        )
    return Asked(text, "name", _ordered(snapshot, part.values()))


def page(memory: Memory, what: Asked, made: str) -> Page:
    """The page about something, made at a time."""
    snapshot = memory.snapshot
    facts = [f for f in what.kept if not f.proposed]
    found = list({(frozenset(f.key for f in c.facts), c.reason): c for c in of_facts(snapshot, facts)}.values())
    others = {f.key: f for c in found for f in c.facts} | {f.key: f for f in facts}
    notes = _Notes(snapshot, memory.sources(list(others.values())))
    row = what.document
    if row is not None:
        facts.sort(key=lambda f: min((e.start for e in notes.evidence[f.key] if e.document == row.id), default=0))
    clashing: dict[Key, tuple[int, ...]] = {}
    for number, conflict in enumerate(found, 1):
        for fact in conflict.facts:
            clashing[fact.key] = (*clashing.get(fact.key, ()), number)
    lines = tuple(_line(notes, f, clashing) for f in facts)
    clashes = tuple(
        Clash(i, c.reason, tuple(_line(notes, f, clashing) for f in c.facts)) for i, c in enumerate(found, 1)
    )
    text: tuple[Paragraph, ...] = ()
    if row is not None:
        document = memory.document(row.id)
        of_note: dict[int, set[int]] = {}
        for line in lines:
            for number in line.notes:
                of_note.setdefault(number, set()).update(line.clashes)
        text = tuple(_paragraphs(document, notes.spans(document, row.id), of_note))
    waiting = sum(f.proposed and f.truth == "stated" for f in what.kept)
    return Page(
        what.title, what.kind, memory.name, made, snapshot.last_operation, lines, clashes, tuple(notes.made), waiting,
        len(what.kept) - len(facts) - waiting, text, _file(row.uri) if row else "", row.sha256 if row else "",
    )  # fmt: skip


def _file(uri: str) -> str:
    return os.path.basename(uri.removeprefix("stdin:"))


def _ordered(snapshot: Snapshot, facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Facts by name, relation and value, for people."""
    every = {f.key: f for f in facts}
    return tuple(sorted(every.values(), key=lambda f: tuple(t.casefold() for t in snapshot.texts(f))))


def _line(notes: _Notes, fact: Fact, clashing: Mapping[Key, tuple[int, ...]]) -> Line:
    holds = " and ".join(f"{begin or '…'} to {end or '…'}" for begin, end in fact.stretches if begin or end)
    holds = "ended" if fact.ended else holds
    return Line(notes.snapshot.texts(fact), holds, notes.of(fact), clashing.get(fact.key, ()))


class _Notes:
    """Footnotes, numbered as they are first needed. What stands in the same words at the same place is one."""

    def __init__(self, snapshot: Snapshot, evidence: dict[Key, list[Evidence]]) -> None:
        self.snapshot = snapshot
        self.evidence = evidence
        self.made: list[Note] = []
        self._numbers: dict[tuple[object, ...], int] = {}
        self._places: dict[int, list[Evidence]] = {}
        uris = {e.uri for places in evidence.values() for e in places}
        files = [_file(uri) for uri in uris]
        self._twice = {name for name in files if files.count(name) > 1}

    def of(self, fact: Fact) -> tuple[int, ...]:
        """The numbers of a fact's footnotes: who stated or imported it, then where documents do."""
        out = []
        for support in sorted(fact.supports, key=lambda a: -a.id):
            operation = self.snapshot.made_by(support)
            if support.person or support.source is None:
                who = "a person" if support.person else f"import {os.path.basename(operation.note)}".strip()
                said = f": {operation.note}" if support.person and operation.note else ""
                out.append(self._number(("operation", operation.id), f"{who}, {operation.at[:10]}{said}", "", ""))
        for e in self.evidence[fact.key]:
            place = f"page {e.page}" if e.page else f"line {e.line}"
            number = self._number((e.document, place, e.said), self._name(e.uri), _within(e, place), e.said)
            self._places.setdefault(number, []).append(e)
            out.append(number)
        return tuple(dict.fromkeys(out))

    def _number(self, key: tuple[object, ...], source: str, place: str, said: str) -> int:
        number = self._numbers.setdefault(key, len(self.made) + 1)
        if number > len(self.made):
            self.made.append(Note(number, source, place, said))
        return number

    def _name(self, uri: str) -> str:
        """A document's file name, with its folder where two are called the same; never the whole path, which is
        nobody's business but the owner's."""
        name = _file(uri)
        return f"{os.path.basename(os.path.dirname(uri))}/{name}" if name in self._twice else name

    def spans(self, document: Document, id: int) -> Spans:
        """Where the footnotes' sentences stand in a document."""
        out = []
        for number, places in self._places.items():
            here = [e for e in places if e.document == id and e.start < e.end <= len(document.text)]
            if here:
                start, end = min(e.start for e in here), max(e.end for e in here)
                out.append((start, end, number))
        return sorted(out)


def _within(e: Evidence, place: str) -> str:
    block = e.block
    if block is not None and block.row:  # all of the row is shown
        block = replace(block, column="")
    said = block.said if block is not None else ""
    copy = " (in a copy)" if e.copy else ""
    return f"{place}, {said}{copy}" if said else f"{place}{copy}"


def _paragraphs(document: Document, spans: Spans, clashes: Mapping[int, set[int]]) -> Iterator[Paragraph]:
    levels = {b.start: max(1, b.level) for b in document.blocks if b.kind == "heading"}
    longest = max((end - start for start, end, _ in spans), default=0)
    text, at = document.text, 0
    for stop, after in [*(m.span() for m in _GAP.finditer(text)), (len(text), len(text))]:
        if text[at:stop].strip():
            near = spans[bisect_left(spans, (at - longest,)) : bisect_left(spans, (stop,))]
            pieces = _pieces(text, at, stop, [s for s in near if s[1] > at], clashes)
            yield Paragraph(levels.get(at, 0), tuple(pieces))
        at = after


def _pieces(text: str, start: int, end: int, spans: Spans, clashes: Mapping[int, set[int]]) -> Iterator[Piece]:
    cuts = sorted({start, end, *(c for s in spans for c in s[:2] if start < c < end)})
    for a, b in pairwise(cuts):
        ends = tuple(n for s, e, n in spans if e == b)
        yield Piece(
            text[a:b],
            tuple(n for s, e, n in spans if s <= a and b <= e),
            tuple(n for s, e, n in spans if s == a),
            ends,
            tuple(sorted({c for n in ends for c in clashes.get(n, ())})),
        )
