from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.memory.fold import Assertion, Fold, Key, Operation, active, fold

ids = st.integers(1, 3)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Operation], list[Assertion]]:
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
    return operations, assertions


def counting(operations: list[Operation]) -> set[int]:
    """Counts by definition: an operation counts unless one that counts undoes it."""

    def counts(o: Operation) -> bool:
        return not any(u.kind == "undo" and u.target == o.id and counts(u) for u in operations)

    return {o.id for o in operations if counts(o)}


def model(operations: list[Operation], assertions: list[Assertion]) -> set[Key]:
    """The same semantics over plain dictionaries: each fact has its set of supporters."""
    support: dict[Key, set[str]] = {}
    removed: set[Key] = set()
    keep = counting(operations)
    for o in operations:
        if o.id not in keep:
            continue
        if o.source:
            support = {k: s - {o.source} for k, s in support.items()}
        for a in (a for a in assertions if a.operation == o.id):
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
def test_the_fold_equals_a_dictionary_model(history: tuple[list[Operation], list[Assertion]]) -> None:
    operations, assertions = history
    assert active(operations) == counting(operations)
    assert set(fold(operations, assertions).facts) == model(operations, assertions)


@given(histories())
def test_undoing_and_redoing_the_last_operation_changes_nothing(
    history: tuple[list[Operation], list[Assertion]],
) -> None:
    operations, assertions = history
    last = operations[-1].id
    twice = [
        *operations,
        Operation(last + 1, "undo", "", "", target=last),
        Operation(last + 2, "undo", "", "", target=last + 1),
    ]
    assert set(fold(twice, assertions).facts) == set(fold(operations, assertions).facts)


@given(histories())
def test_lookups_from_both_sides_agree_with_the_facts(history: tuple[list[Operation], list[Assertion]]) -> None:
    result: Fold = fold(*history)
    for s in (1, 2, 3):
        for r in (1, 2, 3):
            assert result.objects(s, r) == {k[2] for k in result.facts if k[:2] == (s, r)}
            assert result.subjects(s, r) == {k[0] for k in result.facts if (k[2], k[1]) == (s, r)}


def test_merges_join_names_and_can_be_undone() -> None:
    statement = Assertion(1, 1, "add", 10, 1, 20, "", "", person=True)
    operations = [Operation(1, "add", "", ""), Operation(2, "merge", "", "")]
    assert set(fold(operations, [statement], [(10, 11, 2)]).facts) == {(11, 1, 20)}
    undone = [*operations, Operation(3, "undo", "", "", target=2)]
    assert set(fold(undone, [statement], [(10, 11, 2)]).facts) == {(10, 1, 20)}
