"""Ingest: files in, documents with their facts in the memory, one operation each. Yields events."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from memllm_cli import documents
from memllm_cli.documents.clean import one_line
from memllm_cli.errors import DocumentError, NotFound
from memllm_cli.memory.literals import ENTITY, fits
from memllm_cli.memory.store import Memory, Written
from memllm_cli.runtime.prompts import FORMAT
from memllm_cli.runtime.write import Scored, SentenceWriter, Task
from memllm_cli.types import Document, Triple

THRESHOLD = 0.35
"""Facts a model without a write adapter is less sure of are kept as proposals. The scale is the model's own."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What an ingest will do: documents to read, and what is left out, each with the reason."""

    documents: tuple[Document, ...]
    unchanged: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    moved: tuple[tuple[str, str], ...] = ()
    """Documents to read whose very bytes are in memory under a path that is gone: path now, path then."""

    @property
    def sentences(self) -> int:
        """Sentences in all documents to read."""
        return sum(len(d.sentences) for d in self.documents)


@dataclass(frozen=True, slots=True)
class Progress:
    """Sentences done of all, within one run."""

    path: str
    done: int
    total: int
    rate: float


@dataclass(frozen=True, slots=True)
class Read:
    """A document is in the memory."""

    path: str
    title: str
    facts: int
    proposals: int
    sentences: int
    operation: int
    notes: tuple[str, ...]
    held: int = 0
    """Facts kept out because a person removed or replaced them."""


Event = Progress | Read


def plan(paths: Sequence[Path], memory: Memory | None, again: bool = False) -> Iterator[str | Planned]:
    """Find and read the files; yields the path being read, and the plan last.

    Raises NotFound when a path does not exist or nothing readable was found.
    """
    found = documents.find(paths)
    if not found.files:
        raise NotFound(
            f"Nothing to read in {', '.join(str(p) for p in paths)}.",
            "memllm reads .md, .txt, .rst, .html and .pdf files.",
        )
    read: list[Document] = []
    unchanged: list[str] = []
    failed: list[tuple[str, str]] = []
    moved: list[tuple[str, str]] = []
    for path in found.files:
        yield str(path)
        try:
            document = documents.read(path)
        except DocumentError as error:
            failed.append((str(path), _reason(path, error)))
            continue
        if not again and memory is not None and memory.holds(document):
            unchanged.append(str(path))
        else:
            read.append(document)
            if memory is not None and (old := _gone(document, memory)):
                moved.append((str(path), old))
    skipped = tuple((str(s.path), s.reason) for s in found.skipped)
    yield Planned(tuple(read), tuple(unchanged), tuple(failed), skipped, tuple(moved))


def _reason(path: Path, error: DocumentError) -> str:
    """What is wrong, without the path in front: it is shown beside it."""
    said = error.message
    for shown in (str(path), one_line(str(path))):
        said = said.removeprefix(shown)
    said = said.removeprefix(":").strip().removeprefix("is ")
    return f"{said}; {error.hint}" if error.hint else said


def _gone(document: Document, memory: Memory) -> str:
    """A path that is no longer there, from which the same bytes were read and still count; "" if there is none."""
    for row in memory.snapshot.documents.values():
        if row.sha256 != document.sha256 or row.uri == document.uri or row.uri.startswith("stdin:"):
            continue
        if not os.path.lexists(row.uri) and memory.holds(replace(document, uri=row.uri)):
            return row.uri
    return ""


def ingest(
    planned: Planned, memory: Memory, writer: SentenceWriter, threshold: float = THRESHOLD
) -> Generator[Event, None, None]:
    """Write each document's facts and commit it with its evidence; what is committed stays if this is stopped."""
    total, done = planned.sentences, 0
    run = uuid4().hex
    for document in planned.documents:
        tasks = [
            Task(i, " ".join(document.sentence(i).split()), document.title) for i in range(len(document.sentences))
        ]
        found: list[tuple[int, Scored]] = []
        for task, scored, _ in writer.write(tasks):
            found += [(task.index, s) for s in scored]
            done += 1
            if done % 8 == 0:
                yield Progress(document.uri, done, total, writer.meter.rate)
        facts = _gathered(found, memory, threshold)
        change = memory.ingest(document, facts, writer.engine.sha256, FORMAT, run)
        proposals = sum(f.proposed for f in facts)
        yield Progress(document.uri, done, total, writer.meter.rate)
        yield Read(
            document.uri,
            document.title,
            len(facts) - proposals,
            proposals,
            len(tasks),
            change.operation,
            document.notes,
            change.held,
        )


def _gathered(found: Sequence[tuple[int, Scored]], memory: Memory, threshold: float) -> list[Written]:
    """One entry for each triple of a document, with all the sentences that state it."""
    relations = memory.snapshot.relations
    sentences: dict[tuple[str, str, str], list[int]] = {}
    first: dict[tuple[str, str, str], Triple] = {}
    probability: dict[tuple[str, str, str], float] = {}
    for index, scored in found:
        triple = scored.written.triple
        key = (triple.subject.casefold(), triple.relation, triple.object.casefold())
        first.setdefault(key, triple)
        sentences.setdefault(key, []).append(index)
        probability[key] = max(probability.get(key, 0.0), scored.probability)
    out = []
    for key, triple in first.items():
        relation, flipped = relations.get(triple.relation)
        value = triple.subject if flipped else triple.object
        sure = probability[key] >= threshold and _credible(triple, value, relation.object_type)
        places = tuple(sorted(set(sentences[key])))
        out.append(Written(triple, places, round(probability[key], 4), proposed=not sure))
    return out


_LONGEST_NAME = 6  # words
_NAME = re.compile(r"[^\W_][\w'’.&/,-]*( [\w'’.&/,-]+)*")


def _credible(triple: Triple, value: str, kind: str) -> bool:
    """Whether a triple looks like a fact: names that look like names, a value of its relation's type.

    One name being a part of the other is hardly ever a fact.
    """
    other = triple.object if value == triple.subject else triple.subject
    a, b = f" {other.casefold()} ", f" {value.casefold()} "
    if a in b or b in a or not _proper(other):
        return False
    return _proper(value) if kind == ENTITY else fits(value, kind)


def _proper(name: str) -> bool:
    """Plain words, not too many, the first and the last with a capital, and no bare number."""
    words = name.split()
    ends = (words[0][0], words[-1][0])
    return (
        len(words) <= _LONGEST_NAME
        and _NAME.fullmatch(name) is not None
        and all(c.isupper() or c.isdigit() for c in ends)
        and any(c.isalpha() for c in name)
    )
