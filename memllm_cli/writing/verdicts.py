"""A person's verdicts that a knowledge base keeps, and the writer that goes by them."""

from __future__ import annotations

import json
from dataclasses import replace

from memllm_cli.calibration.audit import threshold
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.writing.drafts import DocumentWriter
from memllm_cli.writing.extracts import Extracts

KIND = "audit"
"""Of the operation that keeps verdicts."""


def verdicts(memory: Memory) -> list[tuple[float, bool]]:
    """What was judged before and was not undone: probability, and whether it is right."""
    snapshot = memory.snapshot
    kept = [o for o in snapshot.operations() if o.kind == KIND and snapshot.counts(o.id)]
    return [(float(p), bool(right)) for o in kept for p, right in json.loads(o.note)]


def audited(memory: Memory, writer: DocumentWriter) -> DocumentWriter:
    """The writer, for which what was judged in this knowledge base decides what is a fact in it."""
    if isinstance(writer, Extracts) and (least := threshold(verdicts(memory))) is not None:
        writer.extracting = replace(writer.extracting, fact=least)
    return writer
