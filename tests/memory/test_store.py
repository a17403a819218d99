from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from memllm_cli.errors import BusyError, DamagedError, NotFound, UsageError
from memllm_cli.memory.edit.memory import ImportRow, Memory, Written
from memllm_cli.memory.values.relations import Relation
from memllm_cli.types import Document, Sentence, Triple


def facts(memory: Memory) -> set[tuple[str, str, str]]:
    snapshot = memory.snapshot
    return {snapshot.texts(f) for f in snapshot.facts()}


def document(text: str, uri: str = "/docs/a.md", sha: str = "1") -> Document:
    ends = [i + 1 for i, c in enumerate(text) if c == "."]
    starts = [0, *(e + 1 for e in ends[:-1])]
    sentences = tuple(Sentence(s, e, line=i + 1) for i, (s, e) in enumerate(zip(starts, ends, strict=True)))
    return Document(uri, "A", "text/markdown", sha, text, sentences)


PARIS = Triple("France", "capital", "Paris")
LYON = Triple("Lyon", "capital of", "France")


def test_a_correction_from_the_other_side_replaces_the_value(memory: Memory) -> None:
    memory.set(PARIS)
    change = memory.set(LYON)
    assert change.before == (("France", "capital", "Paris"),)
    assert change.after == (("France", "capital", "Lyon"),)
    assert facts(memory) == {("France", "capital", "Lyon")}


def test_a_city_that_becomes_the_capital_of_another_country_leaves_the_first(memory: Memory) -> None:
    memory.set(PARIS)
    memory.set(Triple("Texas", "capital", "Paris"))
    assert facts(memory) == {("Texas", "capital", "Paris")}


def test_many_valued_relations_keep_their_values_unless_replaced(memory: Memory) -> None:
    memory.set(Triple("Ann", "child", "Bob"))
    memory.set(Triple("Ann", "child", "Cid"))
    assert len(facts(memory)) == 2
    memory.set(Triple("Ann", "child", "Dora"), mode="replace")
    assert facts(memory) == {("Ann", "child", "Dora")}


def test_add_keeps_what_a_set_would_replace(memory: Memory) -> None:
    memory.set(PARIS)
    memory.set(LYON, mode="add")
    assert len(facts(memory)) == 2


def test_undo_and_undo_of_the_undo(memory: Memory) -> None:
    memory.set(PARIS)
    memory.set(LYON)
    undone, change = memory.undo()
    assert undone.kind == "set"
    assert facts(memory) == {("France", "capital", "Paris")}
    memory.undo(change.operation)
    assert facts(memory) == {("France", "capital", "Lyon")}
    with pytest.raises(UsageError, match="cannot be undone"):
        memory.undo(1)


def test_undo_walks_back_and_ends(memory: Memory) -> None:
    memory.set(PARIS)
    memory.set(LYON)
    memory.undo()
    memory.undo()
    assert facts(memory) == set()
    with pytest.raises(NotFound, match="nothing to undo"):
        memory.undo()


def test_dry_runs_leave_nothing(memory: Memory) -> None:
    change = memory.set(PARIS, dry_run=True)
    assert change.after == (("France", "capital", "Paris"),)
    assert facts(memory) == set()
    assert memory.snapshot.history.counts[0] == 1


def test_removed_by_a_person_means_gone_also_when_read_again(memory: Memory) -> None:
    text = "Paris is the capital of France."
    memory.ingest(document(text), [Written(PARIS, (0,), 0.9)], "m", "f")
    fact = next(memory.snapshot.facts())
    memory.remove([fact.key])
    memory.ingest(document(text, "/docs/b.md", "2"), [Written(PARIS, (0,), 0.9)], "m", "f")
    assert facts(memory) == set()
    memory.set(PARIS)
    assert facts(memory) == {("France", "capital", "Paris")}


def test_what_a_person_took_out_is_counted_when_a_document_or_a_table_states_it(memory: Memory) -> None:
    page = document("Paris is the capital of France. Lyon too.")
    said = [Written(PARIS, (0,), 0.9), Written(LYON, (1,), 0.9)]
    assert memory.ingest(page, said, "m", "f").held == 0
    memory.remove([f.key for f in memory.snapshot.facts() if memory.snapshot.texts(f)[2] == "Paris"])
    change = memory.ingest(document("Both.", "/docs/b.md", "2"), [Written(PARIS, (0,), 0.9), said[0]], "m", "f")
    assert (change.after, change.held) == ((), 1)
    assert memory.import_facts([ImportRow(PARIS), ImportRow(LYON)], "t", person=False).held == 1
    assert memory.import_facts([ImportRow(PARIS)], "t", person=True).held == 0  # the person states it again


def test_a_name_is_spelled_as_a_person_did_last_else_a_table(memory: Memory) -> None:
    def shown() -> set[tuple[str, str, str]]:
        return {t for t in facts(memory) if t[1] == "tenant"}

    lower = Triple("harbour lease", "tenant", "acorn ltd.")
    memory.ingest(document("Acorn Ltd rents it."), [Written(lower, (0,), 0.9)], "m", "f")
    assert shown() == {("harbour lease", "tenant", "acorn ltd.")}
    memory.import_facts([ImportRow(Triple("HARBOUR LEASE", "landlord", "Acorn Ltd"))], "table", person=False)
    assert shown() == {("HARBOUR LEASE", "tenant", "Acorn Ltd")}
    memory.set(Triple("Harbour Lease", "deposit", "EUR 500"))
    memory.import_facts([ImportRow(Triple("HARBOUR LEASE", "landlord", "ACORN LTD"))], "table", person=False)
    assert shown() == {("Harbour Lease", "tenant", "ACORN LTD")}
    memory.remove([f.key for f in memory.snapshot.facts() if memory.snapshot.texts(f)[1] == "tenant"])
    assert memory.snapshot.surfaces(memory.snapshot.named("harbour lease")[0]) == ["Harbour Lease"]
    memory.undo()
    memory.undo(4)  # the person's
    assert shown() == {("HARBOUR LEASE", "tenant", "ACORN LTD")}


def test_what_another_process_wrote_before_evidence_was_read_is_seen(memory: Memory) -> None:
    memory.set(PARIS)
    held = list(memory.snapshot.facts())
    Memory(memory.database.folder).set(LYON)
    memory.evidence(held)
    assert facts(memory) == {("France", "capital", "Lyon")}


def test_documents_coexist_and_a_person_comes_first(memory: Memory) -> None:
    memory.set(PARIS)
    memory.ingest(document("Lyon is the capital."), [Written(LYON, (0,), 0.9)], "m", "f")
    snapshot = memory.snapshot
    relation, _ = snapshot.relations.get("capital")
    values = snapshot.values(relation.id, subject=snapshot.named("France")[0])
    assert [snapshot.texts(f)[2] for f in values] == ["Paris", "Lyon"]


def test_reading_a_changed_document_replaces_its_own_evidence(memory: Memory) -> None:
    memory.ingest(document("Paris it is."), [Written(PARIS, (0,), 0.9)], "m", "f")
    other = document("Paris too.", "/docs/b.md", "3")
    memory.ingest(document("Lyon it is.", sha="2"), [Written(LYON, (0,), 0.9)], "m", "f")
    assert facts(memory) == {("France", "capital", "Lyon")}
    memory.ingest(other, [Written(PARIS, (0,), 0.9)], "m", "f")
    memory.forget("/docs/a.md")
    assert facts(memory) == {("France", "capital", "Paris")}
    memory.undo()
    assert len(facts(memory)) == 2


def test_evidence_names_the_sentence_and_its_place(memory: Memory) -> None:
    memory.ingest(document("It rains. Paris is the capital of France."), [Written(PARIS, (1,), 0.9)], "m", "f")
    fact = next(memory.snapshot.facts())
    (evidence,) = memory.evidence([fact])[fact.key]
    assert evidence.sentence == "Paris is the capital of France."
    assert evidence.place == "a.md, line 2"


def test_proposals_are_unseen_until_accepted(memory: Memory) -> None:
    memory.ingest(document("Paris."), [Written(PARIS, (0,), 0.1, proposed=True)], "m", "f")
    assert facts(memory) == set()
    (proposal,) = memory.snapshot.facts(proposed=True)
    memory.accept([proposal.key])
    assert facts(memory) == {("France", "capital", "Paris")}


def test_the_same_bytes_are_not_read_twice(memory: Memory) -> None:
    assert not memory.holds(document("A."))
    operation = memory.ingest(document("A."), [], "m", "f").operation
    assert memory.holds(document("A."))
    assert not memory.holds(document("A.", sha="2"))
    memory.undo(operation)
    assert not memory.holds(document("A."))


def test_imports_find_the_sentence_in_a_document_read_before(memory: Memory) -> None:
    memory.ingest(document("It rains. Paris is the capital of France."), [], "m", "f")
    memory.import_facts([ImportRow(PARIS, "a.md", "Paris is the capital of France.")], "table", person=False)
    fact = next(memory.snapshot.facts())
    assert not fact.person
    assert memory.evidence([fact])[fact.key][0].line == 2


def test_written_forms_of_one_value_are_one_fact(memory: Memory) -> None:
    memory.set(Triple("Harbour Lease", "monthly rent", "EUR 4,200"))
    memory.set(Triple("Harbour Lease", "monthly rent", "€4200.00"))
    assert len(facts(memory)) == 1
    memory.set(Triple("harbour  LEASE", "monthly rent", "EUR 3,900"))
    assert {f[2] for f in facts(memory)} == {"EUR 3,900"}


def test_another_memory_on_the_same_file_sees_the_change(memory: Memory) -> None:
    other = Memory(memory.database.folder)
    memory.set(PARIS)
    assert facts(other) == {("France", "capital", "Paris")}
    memory.set(LYON)
    assert facts(other) == {("France", "capital", "Lyon")}


def test_unknown_relations_name_the_nearest(memory: Memory) -> None:
    with pytest.raises(NotFound) as caught:
        memory.set(Triple("France", "captial", "Paris"))
    assert "capital" in caught.value.hint
    assert facts(memory) == set()


def test_a_relation_of_ones_own(memory: Memory) -> None:
    memory.relation(Relation(0, "mascot", "mascot of", ("emblem animal",), "", False, True, "entity", "mine"))
    memory.set(Triple("Tux", "mascot of", "Linux"))
    assert facts(memory) == {("Linux", "mascot", "Tux")}
    with pytest.raises(UsageError, match="already names"):
        memory.relation(Relation(0, "emblem animal", "x of", (), "", False, False, "entity", "mine"))


def test_a_second_process_is_told_who_holds_the_file(memory: Memory) -> None:
    from filelock import FileLock

    owner = {"pid": os.getpid(), "command": "memllm ingest"}
    (memory.database.folder / "lock.owner").write_text(json.dumps(owner))
    waiting = Memory(memory.database.folder, timeout=0.05)
    with FileLock(memory.database.folder / "lock"), pytest.raises(BusyError, match="in use by process"):
        waiting.set(PARIS)


@pytest.mark.parametrize("content", [b"not a database", b"", b"\0" * 5000])
def test_a_file_that_is_no_knowledge_base(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "facts.duckdb").write_bytes(content)
    broken = Memory(folder, timeout=1)
    with pytest.raises(DamagedError):
        _ = broken.snapshot
    assert (folder / "facts.duckdb").read_bytes() == content


def test_a_foreign_duckdb_file_is_left_alone(tmp_path: Path) -> None:
    import duckdb

    folder = tmp_path / "foreign"
    folder.mkdir()
    with duckdb.connect(str(folder / "facts.duckdb")) as connection:
        connection.execute("CREATE TABLE theirs (x INT)")
    with pytest.raises(DamagedError, match="not a knowledge base"):
        _ = Memory(folder).snapshot


def test_files_are_private(memory: Memory) -> None:
    assert memory.database.path.stat().st_mode & 0o777 == 0o600
    assert memory.database.folder.stat().st_mode & 0o777 == 0o700


def test_an_import_in_a_persons_name_retracts_what_conflicts(memory: Memory) -> None:
    memory.set(PARIS)
    memory.import_facts([ImportRow(LYON)], "table", person=False)
    assert len(facts(memory)) == 2
    memory.import_facts([ImportRow(LYON)], "table", person=True)
    assert facts(memory) == {("France", "capital", "Lyon")}
