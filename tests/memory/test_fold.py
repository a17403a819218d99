"""Memory as what a dictionary model says, over histories made at random."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.memory.disk.tables import Assertion, Entity, Operation, Rows
from memllm_cli.memory.history.facts import Key, undone
from memllm_cli.memory.history.history import History
from memllm_cli.memory.history.snapshot import Snapshot

ids = st.integers(1, 3)


@dataclass
class Story:
    """Operations with their assertions."""

    operations: list[Operation]
    assertions: list[Assertion]

    def snapshot(self) -> Snapshot:
        history = History("id", None)
        history.apply(Rows(entities=[Entity(i, str(i), str(i), "entity", None, 1) for i in range(1, 4)]))
        for o in self.operations:
            mine = [a._replace(source=None) for a in self.assertions if a.operation == o.id]
            history.apply(Rows(operations=[o], assertions=mine))
        return Snapshot(history)


@st.composite
def histories(draw: st.DrawFn) -> Story:
    operations: list[Operation] = []
    assertions: list[Assertion] = []
    for i in range(1, draw(st.integers(1, 14)) + 1):
        kind = draw(st.sampled_from(["set", "add", "remove", "ingest", "forget", "undo"]))
        if kind == "undo" and i > 1:
            operations.append(Operation(i, kind, "", "person", target=draw(st.integers(1, i - 1))))
            continue
        kind = "add" if kind == "undo" else kind
        source = draw(st.sampled_from(["a", "b"])) if kind in ("ingest", "forget") else None
        operations.append(Operation(i, kind, "", "", source=source))
        for _ in range(0 if kind == "forget" else draw(st.integers(1, 2))):
            assertions.append(
                Assertion(
                    len(assertions) + 1, i, "add" if kind == "ingest" else kind, draw(ids), draw(ids), draw(ids),
                    "", "",
                    person=kind != "ingest", clears_objects=kind == "set" and draw(st.booleans()),
                    clears_subjects=kind == "set" and draw(st.booleans()), source=source,
                )
            )  # fmt: skip
    return Story(operations, assertions)


def counting(operations: list[Operation]) -> set[int]:
    """Counts by definition: an operation counts unless one that counts undoes it."""

    def counts(o: Operation) -> bool:
        return not any(u.kind == "undo" and u.target == o.id and counts(u) for u in operations)

    return {o.id for o in operations if counts(o)}


def model(story: Story) -> set[Key]:
    """The same semantics over plain dictionaries: each fact has its set of supporters."""
    support: dict[Key, set[str]] = {}
    removed: set[Key] = set()
    keep = counting(story.operations)
    for o in story.operations:
        if o.id not in keep:
            continue
        if o.source:
            support = {k: s - {o.source} for k, s in support.items()}
        for a in (a for a in story.assertions if a.operation == o.id):
            key = (a.subject, a.relation, a.object)
            if a.action == "remove":
                support.pop(key, None)
                removed.add(key)
                continue
            if a.action == "set":
                for other in [k for k, s in support.items() if s and k[1] == key[1] and k != key]:
                    if (a.clears_objects and other[0] == key[0]) or (a.clears_subjects and other[2] == key[2]):
                        del support[other]
                        removed.add(other)
            if a.person:
                removed.discard(key)
            if key not in removed:
                support.setdefault(key, set()).add(a.source or "person")
    return {k for k, s in support.items() if s}


@given(histories())
def test_memory_equals_a_dictionary_model(story: Story) -> None:
    snapshot = story.snapshot()
    assert {o.id for o in story.operations if snapshot.counts(o.id)} == counting(story.operations)
    facts = {f.key for f in snapshot.facts(None)}
    assert facts == model(story)
    for s in range(1, 4):
        for r in range(1, 4):
            assert {f.key for f in snapshot.group(r, subject=s)} == {k for k in facts if k[:2] == (s, r)}
            assert {f.key for f in snapshot.group(r, object=s)} == {k for k in facts if k[1:] == (r, s)}
        assert {f.key for f in snapshot.about(s, None)} == {k for k in facts if s in (k[0], k[2])}


@given(histories())
def test_a_moment_is_what_memory_was_then(story: Story) -> None:
    now = story.snapshot()
    for o in story.operations:
        then = Story(story.operations[: o.id], [a for a in story.assertions if a.operation <= o.id])
        assert {f.key for f in now.at(o.id).facts(None)} == model(then)


@given(histories())
def test_undoing_and_redoing_the_last_operation_changes_nothing(story: Story) -> None:
    last = story.operations[-1].id
    twice = [
        *story.operations,
        Operation(last + 1, "undo", "", "", target=last),
        Operation(last + 2, "undo", "", "", target=last + 1),
    ]
    assert set(model(Story(twice, story.assertions))) == {f.key for f in story.snapshot().facts(None)}
    snapshot = Story(twice, story.assertions).snapshot()
    assert {f.key for f in snapshot.facts(None)} == model(story)


def test_undone() -> None:
    assert undone([(2, 1)]) == {1}
    assert undone([(2, 1), (3, 2)]) == {2}
    assert undone([]) == frozenset()
