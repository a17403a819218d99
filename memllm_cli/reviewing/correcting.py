"""Putting right what a document is said to state, as one operation that keeps the sentence it came from."""

from __future__ import annotations

from collections.abc import Sequence

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.disk.tables import EvidenceRow
from memllm_cli.memory.edit.change import Change
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.edit.statements import Writer, is_sayable
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.dates import off_calendar
from memllm_cli.types import Triple


def unknown_relation(snapshot: Snapshot, phrase: str) -> str:
    """What there is to say of a relation that nothing is called yet; empty for one that is known."""
    if snapshot.relations.find(phrase) is not None:
        return ""
    near = snapshot.relations.near(phrase)
    return f"No relation is called '{phrase}'" + (f"; did you mean '{near[0]}'?" if near else ".")


def correct(memory: Memory, fact: Fact, triple: Triple, places: Sequence[Evidence], own: bool = False) -> Change:
    """State `triple` as a person in the place of a fact or proposal, which is retracted for good.

    What is stated keeps the sentences and the time of what it replaces. With `own` a relation is made in these words
    where none is called so. Raises UsageError, NotFound.
    """
    if wrong := next((v for v in (triple.subject, triple.object) if not is_sayable(v)), None):
        raise UsageError(f"'{wrong}' cannot be a name.", "Write what it is instead, without '>>'.")

    def fill(writer: Writer) -> None:
        if writer.snapshot.fact(fact.key) is None:
            raise NotFound("That fact is no longer there.", "See: memllm fact list")
        relation, flipped = writer.relation(triple.relation, False) if own else writer.known(triple.relation)
        subject, object_ = (triple.object, triple.subject) if flipped else (triple.subject, triple.object)
        if relation.object_type == "date" and off_calendar(object_):
            raise UsageError(f"'{object_}' is not in the calendar.", "Write a day that is.")
        begin, end = fact.valid
        made = writer.state(
            "add", subject, relation, object_, person=True, valid_from=begin, valid_to=end,
            qualifiers=fact.newest.qualifiers if fact.truth == "stated" else "{}",
        )  # fmt: skip
        if writer.snapshot.key(writer.rows.assertions[-1]) == fact.key:
            return  # only spelled otherwise: what supports it stays
        writer.restate("remove", fact.key)
        for e in places:
            block = e.block.number if e.block is not None and e.block.number >= 0 else None
            writer.rows.evidence.append(EvidenceRow(made, e.document, e.start, e.end, e.line, e.page, e.heading, block))

    return memory.operate("correct", fill)  # without a note: one that quotes the document would outlive its purge
