"""History: moments, valid time, undo in any order, merges and splits, relations that change."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.care.table import read_csv, write_canonical, write_csv
from memllm_cli.memory.edit import identity
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.values.validity import day_of, days, joined, without
from memllm_cli.memory.views.conflicts import conflicts
from memllm_cli.memory.views.fact_history import events
from memllm_cli.types import Triple
from tests.memory.test_store import document, facts

RELATIONS = Path(__file__).resolve().parents[2] / "kb" / "relations.csv"
CAPITAL = ("capital", "France")


def city(name: str) -> Triple:
    return Triple("France", "capital", name)


def on(memory: Memory, day: str) -> set[str]:
    snapshot = memory.snapshot
    return {snapshot.texts(f)[2] for f in snapshot.facts() if f.holds(day_of(day))}


def test_a_chain_of_corrections_undone_in_order_gives_the_first_value(memory: Memory) -> None:
    memory.set(city("Anjou"))
    first = memory.set(city("Brest")).operation
    second = memory.set(city("Caen")).operation
    memory.undo(first)
    assert facts(memory) == {("France", "capital", "Caen")}
    memory.undo(second)
    assert facts(memory) == {("France", "capital", "Anjou")}


def test_undoing_an_early_operation_keeps_what_later_ones_support(memory: Memory) -> None:
    early = memory.set(city("Anjou")).operation
    memory.ingest(document("Anjou it is."), [Written(city("Anjou"), (0,), 0.9)], "m", "f")
    assert memory.undo(early)[1].before == ()
    assert facts(memory) == {("France", "capital", "Anjou")}


def test_memory_as_it_was(memory: Memory) -> None:
    one = memory.set(city("Anjou")).operation
    memory.set(city("Brest"))
    past = memory.at(one)
    assert facts(past) == {("France", "capital", "Anjou")}
    with pytest.raises(UsageError, match="past cannot be changed"):
        past.set(city("Caen"))
    assert facts(memory) == {("France", "capital", "Brest")}


def test_a_value_from_a_day_on_ends_the_one_before(memory: Memory) -> None:
    memory.set(city("Anjou"))
    memory.set(city("Brest"), valid_from="2024-03")
    assert on(memory, "2024-02-29") == {"Anjou"}
    assert on(memory, "2024-03-01") == {"Brest"}
    (old,) = [f for f in memory.snapshot.facts() if memory.snapshot.texts(f)[2] == "Anjou"]
    assert old.valid == (None, "2024-02-29")
    memory.undo()
    assert on(memory, "2030-01-01") == {"Anjou"}


def test_a_value_for_a_while_leaves_the_time_before_and_after(memory: Memory) -> None:
    memory.set(city("Anjou"))
    memory.set(city("Brest"), valid_from="2010", valid_to="2012")
    assert [on(memory, d) for d in ("2009-12-31", "2011-06-01", "2013-01-01")] == [{"Anjou"}, {"Brest"}, {"Anjou"}]


def test_what_a_person_ended_stays_ended_when_a_document_says_it_again(memory: Memory) -> None:
    memory.ingest(document("Anjou."), [Written(city("Anjou"), (0,), 0.9)], "m", "f")
    memory.set(city("Brest"), valid_from="2024")
    memory.ingest(document("Anjou.", "/d/b.md", "2"), [Written(city("Anjou"), (0,), 0.9)], "m", "f")
    assert on(memory, "2025-01-01") == {"Brest"}
    assert on(memory, "2023-01-01") == {"Anjou"}


def test_a_set_says_its_days_anew_and_an_add_adds_some(memory: Memory) -> None:
    memory.set(city("Anjou"), valid_from="2010", valid_to="2012")
    memory.set(city("Anjou"), valid_from="2011", valid_to="2012")
    assert on(memory, "2010-05-05") == set()
    memory.set(city("Anjou"), "add", "2020", "2021")
    assert on(memory, "2020-05-05") == {"Anjou"}
    assert on(memory, "2011-05-05") == {"Anjou"}
    assert on(memory, "2015-05-05") == set()


def test_stretches_of_days() -> None:
    assert days("2024-02")[1] - days("2024-02")[0] == 29
    assert days("9999")[1] > days("9999-12-31")[0]
    assert without([(1, 10)], (3, 5)) == [(1, 3), (5, 10)]
    assert joined([(5, 7), (1, 3), (3, 4)]) == [(1, 4), (5, 7)]


def test_merged_names_answer_as_one_and_come_apart_again(memory: Memory) -> None:
    memory.set(Triple("Acorn Ltd", "founded by", "Ann"))
    memory.set(Triple("Acorn Limited", "industry", "tea"))
    change = identity.merge(memory, ["Acorn Limited"], "Acorn Ltd")
    assert change.before == (("Acorn Limited", "industry", "tea"),)
    assert change.after == (("Acorn Ltd", "industry", "tea"),)
    snapshot = memory.snapshot
    assert snapshot.named("acorn limited") == snapshot.named("Acorn Ltd")
    assert len(snapshot.about(snapshot.named("Acorn Ltd")[0])) == 2
    memory.set(Triple("Acorn Limited", "legal form", "company"))
    assert ("Acorn Ltd", "legal form", "company") in facts(memory)
    memory.undo(change.operation)
    assert ("Acorn Limited", "industry", "tea") in facts(memory)
    with pytest.raises(NotFound):
        identity.merge(memory, ["Nobody"], "Acorn Ltd")


def test_a_merge_joins_what_is_said_of_both(memory: Memory) -> None:
    memory.set(Triple("Ann Lee", "place of birth", "Rome"))
    memory.ingest(document("A. Lee."), [Written(Triple("A. Lee", "place of birth", "Rome"), (0,), 0.9)], "m", "f")
    identity.merge(memory, ["A. Lee"], "Ann Lee")
    (fact,) = memory.snapshot.facts()
    assert len(fact.supports) == 2
    assert fact.person


def test_a_correction_reaches_what_was_written_under_a_merged_name(memory: Memory) -> None:
    memory.set(Triple("Gaul", "capital", "Lyon"))
    memory.set(Triple("France", "motto", "x"))
    identity.merge(memory, ["Gaul"], "France")
    memory.set(city("Paris"))
    assert {f[2] for f in facts(memory) if f[1] == "capital"} == {"Paris"}


def test_what_a_person_replaced_under_a_merged_name_stays_away(memory: Memory) -> None:
    memory.set(Triple("Eli", "head of state", "Ada"))
    memory.set(Triple("Ada", "child", "Bex"))
    identity.merge(memory, ["Eli"], "Ada")
    memory.set(Triple("Ada", "head of state", "Dov"))
    text = "Ada rules Ada."
    memory.ingest(document(text, "/d/a.md"), [Written(Triple("Ada", "head of state", "Ada"), (0,), 0.9)], "m", "f")
    assert facts(memory) == {("Ada", "child", "Bex"), ("Ada", "head of state", "Dov")}


def test_a_split_gives_facts_away_and_undo_gives_them_back(memory: Memory) -> None:
    memory.set(Triple("John Smith", "occupation", "baker"))
    memory.set(Triple("John Smith", "employer", "Navy"))
    snapshot = memory.snapshot
    own = [f for f in snapshot.facts() if snapshot.texts(f)[2] == "Navy"]
    change = identity.split(memory, "John Smith", "John Smith (sailor)", own)
    assert facts(memory) == {("John Smith", "occupation", "baker"), ("John Smith (sailor)", "employer", "Navy")}
    sailor = memory.snapshot.named("John Smith (sailor)")[0]
    assert [memory.snapshot.texts(f)[2] for f in memory.snapshot.about(sailor)] == ["Navy"]
    memory.undo(change.operation)
    assert ("John Smith", "employer", "Navy") in facts(memory)


def test_an_alias_is_another_way_to_say_a_name(memory: Memory) -> None:
    memory.set(Triple("World Health Organization", "headquarters location", "Geneva"))
    made = identity.alias(memory, "World Health Organization", ["WHO"]).operation
    memory.set(Triple("who", "industry", "health"))
    assert {f[0] for f in facts(memory)} == {"World Health Organization"}
    memory.undo(made)
    assert memory.snapshot.named("WHO") == []


def test_names_of_roles_stay_apart_between_documents(memory: Memory) -> None:
    for uri, who in (("/d/a.md", "Ann"), ("/d/b.md", "Bob")):
        said = [Written(Triple("the Tenant", "contact person", who), (0,), 0.9)]
        memory.ingest(document("The Tenant.", uri, uri), said, "m", "f")
    assert facts(memory) == {
        ("the Tenant (a.md)", "contact person", "Ann"),
        ("the Tenant (b.md)", "contact person", "Bob"),
    }
    memory.set(Triple("the Tenant (a.md)", "job title", "tenant"))
    assert ("the Tenant (a.md)", "job title", "tenant") in facts(memory)
    with pytest.raises(UsageError, match="2 documents"):
        memory.set(Triple("the Tenant", "job title", "x"))
    again = [Written(Triple("the Tenant", "contact person", "Cid"), (0,), 0.9)]
    memory.ingest(document("The Tenant now.", "/d/a.md", "3"), again, "m", "f")  # the same one, read again
    assert len(memory.snapshot.named("the Tenant")) == 2


def test_unicode_case_quotes_dashes_and_spaces_make_no_new_names(memory: Memory) -> None:
    for name in ("“Zürich–Basel” line", '"ZÜRICH - BASEL"  Line', "\u201eZu\u0308rich\u2010Basel\u201c line"):
        memory.set(Triple(name, "operator", "SBB"))
    assert len({f[0] for f in facts(memory)}) == 1


def test_changing_a_relation_can_be_undone(memory: Memory) -> None:

    memory.set(Triple("Acorn", "headquarters location", "Rome"))
    old, _ = memory.snapshot.relations.get("headquarters location")
    memory.relation(replace(old, one_object=True, aliases=(*old.aliases, "sits in")))
    memory.set(Triple("Acorn", "sits in", "Oslo"))
    assert facts(memory) == {("Acorn", "headquarters location", "Oslo")}
    memory.undo(3)
    with pytest.raises(NotFound):
        memory.snapshot.relations.get("sits in")


def test_everything_ever_stated_about_a_fact(memory: Memory) -> None:
    memory.set(city("Anjou"))
    memory.set(city("Brest"))
    memory.undo()
    told = [(e.operation.id, e.what, e.texts[2], e.state) for e in events(memory.snapshot, "France >> capital >>")]
    assert told == [(4, "undo of 3", "Brest", ""), (3, "set", "Brest", "undone"), (2, "set", "Anjou", "holds")]


@pytest.mark.parametrize("person", [False, True])
def test_a_fact_with_a_hole_in_its_days_is_shown_with_it(memory: Memory, person: bool) -> None:
    ann, cy = (("Acme", "chief executive officer", n) for n in ("Ann", "Cy"))
    memory.set(Triple(*ann), valid_from="2020", valid_to="2023")
    change = memory.set(Triple(*cy), valid_from="2022-03", valid_to="2022-06")
    cut = (("2020-01-01", "2022-02-28"), ("2022-07-01", "2023-12-31"))
    assert change.went == {ann: (("2020", "2023"),)}
    assert change.came == {ann: cut, cy: (("2022-03", "2022-06"),)}
    out = io.StringIO()
    assert write_csv(memory, out) == 3
    rows, bad = read_csv(out.getvalue(), memory.snapshot)
    assert not bad
    other = Memory(memory.database.folder.parent / "other")
    other.create(RELATIONS)
    other.import_facts(rows, "t", person)
    said = [{o.texts(f)[2]: f.stretches for f in o.facts()} for o in (memory.snapshot, other.snapshot)]
    assert said[0] == {"Ann": cut, "Cy": (("2022-03", "2022-06"),)}
    assert said[1]["Ann"] == cut
    assert not list(conflicts(other.snapshot))
    table = io.StringIO()
    write_canonical(memory, table)
    assert "2020-01-01..2022-02-28;2022-07-01..2023-12-31" in table.getvalue()


@pytest.mark.parametrize("text", ["2024-13", "0000", "2020-02-30", "2023-06-31", "soon", ""])
def test_days_that_are_not_in_the_calendar_are_refused(memory: Memory, text: str) -> None:
    with pytest.raises(UsageError, match="is not a date"):
        day_of(text)
    if text:
        table = f"subject,relation,object,valid_from\nA,capital,B,{text}\n"
        assert [b.reason for b in read_csv(table, memory.snapshot)[1]] == [
            f"valid_from is '{text}', not a date like 2026-01-31"
        ]


def test_a_table_with_days_the_wrong_way_round_is_refused(memory: Memory) -> None:
    table = "subject,relation,object,valid_from,valid_to\nA,capital,B,2025,2020\nA,capital,B,2025,2025-01\n"
    good, bad = read_csv(table, memory.snapshot)
    assert (len(good), len(bad)) == (1, 1)
    assert "is after" in bad[0].reason


def test_what_became_of_each_statement(memory: Memory) -> None:
    memory.ingest(document("Paris.", "/d/a.md"), [Written(city("Paris"), (0,), 0.9)], "m", "f")
    memory.forget("/d/a.md")
    memory.set(city("Lyon"), valid_from="2020")
    (lyon,) = memory.snapshot.facts()
    memory.remove([lyon.key])
    said = [(e.what, e.texts[2], e.state) for e in events(memory.snapshot, "France >> capital >>")]
    assert said == [
        ("remove", "Lyon", ""), ("set", "Lyon", "removed"), ("forget", "Paris", ""), ("ingest", "Paris", "forgotten"),
    ]  # fmt: skip


def test_the_newest_operation_is_what_undo_takes_back(memory: Memory) -> None:
    memory.set(city("Paris"))
    relation = memory.snapshot.relations.get("capital")[0]
    memory.relation(replace(relation, one_object=False))
    assert not memory.snapshot.relations.get("capital")[0].one_object
    assert memory.undo()[0].kind == "relation"
    assert memory.snapshot.relations.get("capital")[0].one_object
    assert facts(memory) == {("France", "capital", "Paris")}
