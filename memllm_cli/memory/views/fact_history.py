"""Everything that was ever stated about a fact, and what became of each statement."""

from __future__ import annotations

from dataclasses import dataclass

from memllm_cli.memory.disk.tables import Assertion, Operation
from memllm_cli.memory.history.facts import Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.literals import KINDS
from memllm_cli.memory.views.query import Pattern, pattern
from memllm_cli.protocol.grammar import parse_pattern


@dataclass(frozen=True, slots=True)
class Event:
    """One statement of one operation.

    `state`: `holds`, `proposed`, `replaced`, `removed`, `forgotten`, `read again` (its document was), `undone`, or
    empty for what only takes away. `valid`: from when and until when it said so.
    """

    operation: Operation
    what: str
    person: bool
    texts: tuple[str, str, str]
    state: str
    valid: tuple[str | None, str | None] = (None, None)


def events(snapshot: Snapshot, text: str) -> list[Event]:
    """Statements about the facts that a pattern means, and what undid them, newest first.

    Raises UsageError for a malformed pattern, NotFound for an unknown relation.
    """
    wanted = pattern(snapshot, parse_pattern(text))
    rows: dict[int, Assertion] = {}
    for key in _keys(snapshot, wanted):
        for a in snapshot.statements(key):
            rows[a.id] = a
    out = [_event(snapshot, a) for a in rows.values()]
    by_operation = {e.operation.id: e for e in out}
    for a in rows.values():
        for number in snapshot.history.sources.get(a.source or "", ()):
            made = snapshot.operation(number)
            if made is not None and made.kind == "forget" and number > a.operation and number not in by_operation:
                state = "" if snapshot.counts(number) else "undone"
                by_operation[number] = e = Event(made, "forget", True, by_operation[a.operation].texts, state)
                out.append(e)
    for operation, target in snapshot.history.undos:
        if operation > snapshot.last_operation:
            continue
        made = snapshot.operation(operation)
        if target in by_operation and made is not None:
            e = Event(made, f"undo of {target}", True, by_operation[target].texts, "")
            state = "" if snapshot.counts(operation) else "undone"
            by_operation[operation] = e = Event(e.operation, e.what, e.person, e.texts, state)
            out.append(e)
    return sorted(out, key=lambda e: -e.operation.id)


def _keys(snapshot: Snapshot, wanted: Pattern) -> set[Key]:
    """Every fact ever stated that a pattern means."""
    keys: set[Key] = set()
    if wanted.subject is None and wanted.object is None:
        entities = {snapshot.canonical(s) for s, _ in snapshot.history.pairs()}
    else:
        entities = set(wanted.subject if wanted.subject is not None else wanted.object or ())
    for entity in entities:
        keys |= snapshot.keys_about(entity)
    relation = wanted.relation.id if wanted.relation is not None else None
    return {
        k
        for k in keys
        if (wanted.subject is None or k[0] in wanted.subject)
        and (relation is None or k[1] == relation)
        and (wanted.object is None or k[2] in wanted.object)
    }


def _event(snapshot: Snapshot, a: Assertion) -> Event:
    operation = snapshot.made_by(a)
    key = snapshot.key(a)
    written = a.object_text if a.object_text and snapshot.entity(a.object).kind != KINDS[0] else None
    texts = (snapshot.shown(key[0]), snapshot.relations.by_id[key[1]].name, written or snapshot.shown(key[2]))
    if not snapshot.counts(operation.id):
        state = "undone"
    elif a.action == "remove":
        state = ""
    else:
        fact = snapshot.fact(key)
        holds = fact is not None and any(s.id == a.id for s in fact.supports)
        state = ("proposed" if a.proposed else "holds") if holds else _end(snapshot, a, key)
    what = operation.kind if operation.kind != "import" or not a.person else "import by you"
    return Event(operation, what, a.person, texts, state, (a.valid_from, a.valid_to))


def _end(snapshot: Snapshot, a: Assertion, key: Key) -> str:
    """Why a statement that counts holds no more."""
    if snapshot.dropped(a):
        events = (o for o in snapshot.history.sources.get(a.source or "", ()) if o > a.operation and snapshot.counts(o))
        forgot = any((made := snapshot.operation(o)) is not None and made.kind == "forget" for o in events)
        return "forgotten" if forgot else "read again"
    last = [s for s in snapshot.statements(key) if s.person and snapshot.counts(s.operation)][-1:]
    return "removed" if last and last[0].action == "remove" else "replaced"
