"""Facts, changes and answers as machines get them: `--json`, the Model Context Protocol and HTTP give the same shapes.

Knows nothing of how they are sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memllm_cli.memory.disk.tables import Assertion
    from memllm_cli.memory.edit.change import Change
    from memllm_cli.memory.edit.evidence import Evidence
    from memllm_cli.memory.history.facts import Fact
    from memllm_cli.memory.history.snapshot import Snapshot
    from memllm_cli.memory.views.fact_history import Event as Stated
    from memllm_cli.reading.events import Done, Event, ReadResult, Source


def fact_data(snapshot: Snapshot, fact: Fact, places: Sequence[Evidence]) -> dict[str, Any]:
    """A fact for `--json`."""
    from memllm_cli.memory.history.facts import stated_by

    subject, relation, object_ = snapshot.texts(fact)
    newest = fact.newest
    return {
        "subject": subject,
        "relation": relation,
        "object": object_,
        "status": ("proposed" if fact.truth == "stated" else "said") if fact.proposed else "fact",
        "stated_by": stated_by(fact),
        "probability": fact.probability,
        "valid_from": fact.valid[0],
        "valid_to": fact.valid[1],
        "valid": [list(s) for s in fact.stretches],
        "operation": newest.operation,
        "truth": fact.truth,
        "qualifiers": json.loads(newest.qualifiers),
        "evidence": [evidence_data(e) for e in places],
    }


def evidence_data(e: Evidence) -> dict[str, Any]:
    """Where a document states something, for `--json`; the same shape in every command."""
    b = e.block
    block = b and {"kind": b.kind, "path": list(b.path), "row": b.row or None, "column": b.column or None,
                   "table": b.table or None, "lead": b.lead or None, "label": b.label or None}  # fmt: skip
    return {"uri": e.uri, "title": e.title, "start": e.start, "end": e.end, "page": e.page, "line": e.line,
            "sentence": e.sentence, "block": block}  # fmt: skip


def marked(sentence: str, names: Sequence[str]) -> list[tuple[int, int]]:
    """Where some names stand in a sentence, the longest first, not overlapping, in order."""
    found: list[tuple[int, int]] = []
    for name in sorted({n for n in names if n}, key=len, reverse=True):
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", sentence, re.IGNORECASE):
            if not any(match.start() < e and s < match.end() for s, e in found):
                found.append(match.span())
    return sorted(found)


def why_data(snapshot: Snapshot, fact: Fact, places: Sequence[Evidence]) -> dict[str, Any]:
    """A fact with all that supports it: the sentences, with where its names stand, and the operations."""
    names = names_of(snapshot, fact)
    evidence = [evidence_data(e) | {"spans": [list(s) for s in marked(e.said, names)], "copy": e.copy} for e in places]
    supports = [_support_data(snapshot, a) for a in sorted(fact.supports, key=lambda a: -a.id)]
    return fact_data(snapshot, fact, places) | {"evidence": evidence, "supports": supports}


def names_of(snapshot: Snapshot, fact: Fact) -> list[str]:
    """What a sentence that states a fact may call its two sides."""
    names = [n for i in (fact.key[0], fact.key[2]) for n in snapshot.surfaces(i)]
    return names + [t for a in fact.supports for t in (a.subject_text, a.object_text) if t]


def _support_data(snapshot: Snapshot, a: Assertion) -> dict[str, Any]:
    operation = snapshot.made_by(a)
    return {
        "qualifiers": json.loads(a.qualifiers),
        "operation": a.operation,
        "kind": operation.kind,
        "time": operation.at,
        "actor": operation.actor,
        "note": operation.note,
        "source": operation.source,
        "model": operation.model,
        "format": operation.format,
        "probability": a.probability,
        "valid_from": a.valid_from,
        "valid_to": a.valid_to,
    }


def stated_data(e: Stated) -> dict[str, Any]:
    """One statement of a fact's history."""
    return {"operation": e.operation.id, "time": e.operation.at, "what": e.what, "actor": e.operation.actor,
            "person": e.person, "fact": list(e.texts), "undone": e.state == "undone", "state": e.state,
            "note": e.operation.note, "source": e.operation.source, "valid": list(e.valid)}  # fmt: skip


def change_data(change: Change) -> dict[str, Any]:
    """A change for `--json`."""
    return {
        "operation": change.operation,
        "before": [list(t) for t in change.before],
        "after": [list(t) for t in change.after],
        "before_valid": [list(d) for d in change.went.values()],
        "after_valid": [list(d) for d in change.came.values()],
        "held": change.held,
        "stated": change.stated,
    }


def answer_data(question: str, events: list[Event]) -> dict[str, Any]:
    """An answer for machines."""
    from memllm_cli.reading.events import Done, ReadResult, TextResult
    from memllm_cli.reading.values import carrying

    done: Done = next(e for e in events if isinstance(e, Done))
    reads: list[ReadResult] = [e for e in events if isinstance(e, ReadResult)]
    return {
        "question": question,
        "answer": done.value,
        "said": done.answer,
        "outcome": done.outcome,
        "probability": _probability(done),
        "evidence": [evidence_data(e) for s in done.sources for e in carrying(s.evidence, s.hit.value)]
        + [evidence_data(e) for e in done.evidence],
        "nearest": [
            {**evidence_data(e), "probability": round(p, 4)}
            for t in events
            if isinstance(t, TextResult)
            for e, p in zip(t.places[t.answering :], t.probabilities[t.answering :], strict=False)
        ],
        "otherwise": None
        if done.otherwise is None
        else {"answer": done.otherwise[0], "evidence": evidence_data(done.otherwise[1])},
        "style": done.style,
        "values": [{"value": v, "question": q} for v, q in done.values],
        "missing": list(done.missing),
        "not_from_memory": list(done.doubted),
        "named_in": [{"name": n, "evidence": evidence_data(e)} for n, e in done.noted],
        "backed": done.backed,
        "opened_by_model": done.wanted,
        "reads": [
            {
                "query": {"subject": r.query.subject, "relation": r.query.relation, "object": r.query.object},
                "results": [_source(s) for s in r.sources],
                "too_many": r.too_many,
                "proposals": r.proposals,
            }
            for r in reads
        ],
        "tokens": {"evaluated": done.evaluated, "generated": done.generated},
        "seconds": round(done.seconds, 4),
        "first": round(done.first, 4),
    }


def _probability(done: Done) -> float | None:
    """That the answer is right: as it was pointed at, else of the likeliest fact."""
    if done.outcome in ("fact", "text") and done.probability is not None:
        return round(done.probability, 4)
    return max((p for s in done.sources if (p := s.hit.fact.probability) is not None), default=None)


def _source(source: Source) -> dict[str, Any]:
    subject, relation, object = source.triple
    return {
        "subject": subject,
        "relation": relation,
        "object": object,
        "value": source.hit.value,
        "side": source.hit.side,
        "distance": round(source.hit.distance, 4),
        "person": source.hit.fact.person,
        "probability": source.hit.fact.probability,
        "evidence": [evidence_data(e) for e in source.evidence],
    }
