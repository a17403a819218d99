"""Ingest: files in, documents with their facts in the memory, one operation each. Yields events."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from memllm_cli import documents
from memllm_cli.documents.assemble import SEARCHED
from memllm_cli.documents.base import DEFAULT_LIMITS, Limits
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.readers import FORMATS
from memllm_cli.errors import DocumentError, NotFound
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.edit.statements import is_name
from memllm_cli.memory.values.copies import Copies
from memllm_cli.memory.values.names import normal
from memllm_cli.types import Document, Triple
from memllm_cli.writing import abbreviations, structure
from memllm_cli.writing.drafts import DocumentWriter, Found
from memllm_cli.writing.extracts import PROPOSALS, aliases


@dataclass(frozen=True, slots=True)
class Planned:
    """What an ingest will do: documents to read, and what is left out, each with the reason."""

    documents: tuple[Document, ...]
    unchanged: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    moved: tuple[tuple[str, str], ...] = ()
    """Documents to read whose very bytes are in memory under a path that is gone: path now, path then."""
    copies: tuple[tuple[str, str, bool], ...] = ()
    """Documents to read that are copies of others, in memory or before them: path, path of the other one, and whether
    the words are the very same."""

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
    silent: int = 0
    """Words that no fact and no proposal rests on."""
    words: int = 0


Event = Progress | Read


STANDARD_INPUT = Path("-")
"""In the place of a file: text that came another way."""


def plan(
    paths: Sequence[Path],
    memory: Memory | None,
    again: bool = False,
    text: str | None = None,
    name: str = "text",
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[str | Planned]:
    """Find and read the files; yields the path being read, and the plan last.

    `text` is that of standard input, `name` what it is called; a suffix says its kind. Raises NotFound when a path does
    not exist or nothing readable was found.
    """
    found = documents.find(paths)
    if not found.files and text is None:
        raise NotFound(
            f"Nothing to read in {', '.join(str(p) for p in paths)}.",
            f"memllm reads {', '.join(FORMATS[:-1])} and {FORMATS[-1]} files.",
        )
    read: list[Document] = []
    unchanged: list[str] = []
    failed: list[tuple[str, str]] = []
    moved: list[tuple[str, str]] = []
    left: list[tuple[str, str]] = []
    sources = [*found.files, *([STANDARD_INPUT] if text is not None else [])]
    for path in sources:
        yield str(path)
        try:
            if path is STANDARD_INPUT:
                document = documents.read_text(name, text or "", limits)
            else:
                document = documents.read(path, limits)
        except DocumentError as error:
            failed.append((str(path), _reason(path, error)))
            continue
        every = [document]
        for within in documents.inside(path, limits) if path is not STANDARD_INPUT else ():
            if isinstance(within, DocumentError):
                left.append((str(path), within.message))
            else:
                every.append(within)
        for document in every:
            if not again and memory is not None and memory.holds(document):
                unchanged.append(document.uri if document is not every[0] else str(path))
            else:
                read.append(document)
                if memory is not None and (old := _gone(document, memory)):
                    moved.append((document.uri if document is not every[0] else str(path), old))
    skipped = (*((str(s.path), s.reason) for s in found.skipped), *left)
    known = {path for path, _ in moved}
    copies = tuple(c for c in _copies(read, memory) if c[0] not in known)
    yield Planned(tuple(read), tuple(unchanged), tuple(failed), skipped, tuple(moved), copies)


def _copies(read: Sequence[Document], memory: Memory | None) -> Iterator[tuple[str, str, bool]]:
    """Which documents are copies of others that are in memory, or that come before them."""
    texts = Copies()
    if memory is not None and read:
        fresh = {d.uri for d in read}
        lengths = [len(d.text) for d in read]
        for uri, text in memory.texts_of(min(lengths) * 3 // 4, max(lengths) * 4 // 3 + 1):
            if uri not in fresh:
                texts.add(uri, text)
    for document in read:
        texts.add(document.uri, document.text)
        if other := texts.of(document.uri):
            yield document.uri, other, texts.sketches[other].same(texts.sketches[document.uri])


def state_of(document: Document, memory: Memory | None) -> tuple[str, str]:
    """What became of a document, and why: `new`, `changed`, `done`, or `partial` where pages were left out."""
    if memory is None or all(row.uri != document.uri for row in memory.snapshot.documents()):
        return "new", ""
    if not memory.holds(document):
        return "changed", "other bytes than were read"
    lost = [n for n in document.notes if "could not be read" in n or "have no text" in n]
    return ("partial", "; ".join(lost)) if lost else ("done", "")


def statuses(paths: Sequence[Path], memory: Memory | None) -> Iterator[tuple[str, str, str]]:
    """Each file with its state and why: `new`, `changed`, `done`, `partial`, `empty`, `failed`. Stores nothing."""
    found = documents.find(paths)
    for path in found.files:
        try:
            yield (str(path), *state_of(documents.read(path), memory))
        except DocumentError as error:
            reason = _reason(path, error)
            empty = any(word in reason for word in ("empty", "no text"))
            yield str(path), "empty" if empty else "failed", reason
    for skipped in found.skipped:
        yield str(skipped.path), "skipped", skipped.reason


def failures(memory: Memory) -> dict[str, str]:
    """Files whose last reading failed, and why."""
    out: dict[str, str] = {}
    for operation in memory.snapshot.operations():
        if operation.source is not None and operation.kind in ("ingest", "forget", "failed"):
            out.pop(operation.source, None)
            if operation.kind == "failed":
                out[operation.source] = operation.note
    return out


def note_failures(memory: Memory, failed: Sequence[tuple[str, str]]) -> None:
    """Keep in the log what could not be read and why, once, so that it can be tried again."""
    known = failures(memory)
    for path, reason in failed:
        uri, note = os.path.realpath(path), f"{os.path.basename(path)}: {reason}"
        if known.get(uri) != note:
            memory.operate("failed", lambda _: None, actor="memllm", note=note, source=uri)


def _reason(path: Path, error: DocumentError) -> str:
    """What is wrong, without the path in front: it is shown beside it."""
    said = error.message
    for shown in (str(path), one_line(str(path))):
        said = said.removeprefix(shown)
    said = said.removeprefix(":").strip().removeprefix("is ")
    return f"{said}; {error.hint}" if error.hint else said


def _gone(document: Document, memory: Memory) -> str:
    """A path that is no longer there, from which the same bytes were read and still count; "" if there is none."""
    for row in memory.snapshot.documents():
        if row.sha256 != document.sha256 or row.uri == document.uri or row.uri.startswith("stdin:"):
            continue
        if not os.path.lexists(documents.file_of(row.uri)) and memory.holds(replace(document, uri=row.uri)):
            return row.uri
    return ""


def _few(stated: Sequence[structure.Stated], words: int) -> list[structure.Stated]:
    """What structure states, with as many proposals as prose gets: a table of which no column names the rows would
    give one for each cell."""
    room = max(1, PROPOSALS * words // 1000)
    kept = {id(s) for s in [s for s in stated if not s.sure][:room]}
    return [s for s in stated if s.sure or id(s) in kept]


def has_prose(document: Document) -> bool:
    """Whether there is anything in a document for a model to read."""
    return bool(_to_read(document)[1])


def _to_read(document: Document) -> tuple[Document, Sequence[int]]:
    """A document without the rows of long tables, which no model reads; the numbers of its sentences in the whole."""
    rows = {b.start for b in document.blocks if b.kind == "row" and b.note == SEARCHED}
    if not rows:
        return document, range(len(document.sentences))
    numbers = [n for n, s in enumerate(document.sentences) if s.start not in rows]
    return replace(document, sentences=tuple(document.sentences[n] for n in numbers)), numbers


def ingest(planned: Planned, memory: Memory, writer: DocumentWriter | None) -> Generator[Event, None, None]:
    """Write each document's facts and commit it with its evidence; what is committed stays if this is stopped.

    What structure states comes first; `writer` reads the prose. Without one that is all.
    """
    total, before = planned.sentences, 0
    run = uuid4().hex
    for document in planned.documents:
        every = structure.stated(document)
        stated = _few(every, len(document.text.split()))
        facts = [
            Written(s.triple, (), s.probability, not s.sure, s.block, own=True, one_object=s.one_object) for s in stated
        ]
        full = len(every) >= structure.MOST_FACTS
        notes = (f"only the first {len(stated):,} facts of its structure are kept",) if full else ()
        others = [*structure.aliases(document), *abbreviations.defined(document)]
        prose, numbers = _to_read(document)
        if writer is not None and numbers:
            known = {_compared(f.triple) for f in facts}
            reading = writer.read(prose)
            while True:
                try:
                    done = next(reading)
                except StopIteration as end:
                    found: tuple[Found, ...] = end.value
                    found = tuple(replace(f, sentences=tuple(numbers[n] for n in f.sentences)) for f in found)
                    break
                yield Progress(document.uri, before + done, total, writer.meter.rate)
            others += aliases(found)
            facts += [
                Written(
                    f.triple,
                    f.sentences,
                    f.probability,
                    proposed=not f.sure,
                    own=f.own,
                    one_object=False,
                    truth=f.truth,
                    valid_from=f.valid_from,
                    valid_to=f.valid_to,
                    qualifiers=f.qualifiers,
                )
                for f in found
                if f.probability >= writer.least
                and is_name(f.triple.subject)
                and is_name(f.triple.object)
                and _compared(f.triple) not in known
            ]
        model, format = (writer.model, f"{structure.FORMAT}+{writer.format}") if writer else ("", structure.FORMAT)
        change = memory.ingest(document, facts, model, format, run, aliases=others)
        proposals = sum(f.is_proposal for f in facts)
        told = sum(f.truth != "stated" for f in facts)
        before += len(document.sentences)
        yield Progress(document.uri, before, total, writer.meter.rate if writer else 0.0)
        yield Read(
            document.uri,
            document.title,
            len(facts) - proposals - told,
            proposals,
            len(document.sentences),
            change.operation,
            (*document.notes, *notes),
            change.held,
            *_silent(document, facts),
        )


def _compared(triple: Triple) -> tuple[str, str, str]:
    return normal(triple.subject), normal(triple.relation), normal(triple.object)


def _silent(document: Document, facts: Sequence[Written]) -> tuple[int, int]:
    """Words of a document that no fact and no proposal rests on, and all its words."""
    spans = [document.sentences[i] for f in facts for i in f.sentences]
    heard = {s.start for s in spans}
    stretches = []
    for fact in facts:
        if fact.block is not None:
            block = document.blocks[fact.block]
            if block.kind == "cell" and block.parent is not None:
                block = document.blocks[block.parent]
            stretches.append((block.start, block.end))
    stretches.sort()
    words = silent = at = 0
    for s in document.sentences:
        count = len(document.text[s.start : s.end].split())
        words += count
        while at < len(stretches) and stretches[at][1] <= s.start:
            at += 1
        inside = at < len(stretches) and stretches[at][0] < s.end
        silent += 0 if inside or s.start in heard else count
    return silent, words
