"""Where the last answer came from: every source of its reads, with everything the memory recorded about it."""

from __future__ import annotations

from collections.abc import Sequence

from memllm_cli.chat.screen import Screen, one_line, question, statement
from memllm_cli.memory.disk.tables import Assertion
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.reading.events import ReadResult, Source, TextResult
from memllm_cli.terminal import sureness


def show_why(screen: Screen, results: Sequence[ReadResult | TextResult], snapshot: Snapshot) -> None:
    """Print the evidence of reads: for each fact its supports (operation, time, probability) and sentences; the
    sentences of documents that were read, with how likely each answers."""
    for result in results:
        if isinstance(result, TextResult):
            _texts(screen, result, snapshot)
            continue
        screen.line((f"{screen.marks.read} {question(result.query)}", "dim"))
        if result.too_many:
            screen.line(("  too many facts answer that; none was used", "dim"))
        elif not result.sources:
            screen.line(("  nothing in memory", "dim"))
        for source in result.sources:
            show_source(screen, source, snapshot)


def _texts(screen: Screen, result: TextResult, snapshot: Snapshot) -> None:
    """Sentences that were read: those that answer, then the nearest others; where each stands, and what read it."""
    for number, (place, likely) in enumerate(zip(result.places, result.probabilities, strict=False)):
        role = "answers" if number < result.answering else "was near"
        screen.line((f"{screen.marks.read} {role}, {likely:.0%}", "dim"))
        show_text(screen, place, snapshot)


def show_text(screen: Screen, place: Evidence, snapshot: Snapshot) -> None:
    """A sentence of a document, with the operation that read it."""
    row = snapshot.history.documents.get(place.document)
    operation = snapshot.operation(row.operation) if row is not None else None
    if operation is not None:
        at = operation.at[:16].replace("T", " ")
        screen.line((f"  operation {operation.id} ({operation.kind}) {screen.marks.dot} {at} UTC", "dim"))
    _evidence(screen, place)


def show_source(screen: Screen, source: Source, snapshot: Snapshot) -> None:
    """A fact that was read, with everything that supports it."""
    near = "" if source.hit.exact else f"   (found by similarity, distance {source.hit.distance:.2f})"
    screen.line((statement(source.triple), "bold"), (near, "dim"))
    left = list(source.evidence)
    for support in sorted(source.hit.fact.supports, key=lambda a: -a.id):
        operation = snapshot.operation(support.operation)
        mine = [e for e in left if operation is not None and e.document == operation.document]
        left = [e for e in left if e not in mine]
        screen.line((f"  {_support(screen, support, snapshot)}", "dim"))
        for evidence in mine:
            _evidence(screen, evidence)
    for evidence in left:  # sentences of documents that another operation read
        _evidence(screen, evidence)


def _support(screen: Screen, support: Assertion, snapshot: Snapshot) -> str:
    operation = snapshot.operation(support.operation)
    kind = operation.kind if operation else "unknown"
    parts = [f"operation {support.operation} ({kind})"]
    parts.append("stated by you" if support.person else "read from a document" if support.source else "imported")
    if operation is not None:
        parts.append(operation.at[:16].replace("T", " ") + " UTC")
    if support.probability is not None:
        parts.append(sureness(support.probability, operation.format if operation else None))
    if operation is not None and operation.model:
        parts.append(f"model {one_line(operation.model)[:12]}")  # of a hash its beginning
    if support.valid_from or support.valid_to:
        parts.append(f"valid {one_line(support.valid_from or '')} to {one_line(support.valid_to or '')}")
    return f" {screen.marks.dot} ".join(parts)


def _evidence(screen: Screen, evidence: Evidence) -> None:
    where = one_line(evidence.place)
    if evidence.title and one_line(evidence.title) not in where:
        where = f"{one_line(evidence.title)} ({where})"
    screen.line(f"    {screen.quote(evidence.said)} ", (f"{screen.marks.dash} {where}", "dim"))
