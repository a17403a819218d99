"""What a review does to the store, without a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from memllm_cli.errors import BusyError
from memllm_cli.memory.care.purge import purge
from memllm_cli.memory.disk.lock import Lock
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.edit.memory import ImportRow, Memory, Written
from memllm_cli.memory.history.facts import Fact, Key
from memllm_cli.memory.views.log import log
from memllm_cli.reviewing.queue import Queue
from memllm_cli.types import Document, Sentence, Triple
from tests.reviewing.kept import SENTENCES, held, read

FIRST = ("Harbour Works", "founded by", "Ada Quill")
SECOND = ("Harbour Works", "headquarters location", "Port Alder")
THIRD = ("Mill Works", "founded by", "Ben Stone")
FOURTH = ("Mill Works", "headquarters location", "Rufus Town")


@pytest.fixture
def queue(memory: Memory) -> Queue:
    read(memory)
    return Queue(memory)


def selected(queue: Queue) -> tuple[str, str, str]:
    assert queue.selected is not None
    return queue.texts(queue.selected)


def test_it_lists_proposals_in_the_order_they_were_read(queue: Queue) -> None:
    assert [queue.texts(f) for f in queue.rows] == [FIRST, SECOND, THIRD, FOURTH]
    assert Queue(queue.memory, proposed=False).selected is None


def test_each_action_is_one_operation_that_another_process_sees_at_once(queue: Queue) -> None:
    other = Memory(queue.memory.database.folder)
    before = other.snapshot.last_operation
    assert queue.accept()
    assert held(other) == {FIRST}
    assert selected(queue) == SECOND
    assert queue.reject()
    assert held(other) == {FIRST}
    assert held(other, proposed=True) == {THIRD, FOURTH}
    assert other.snapshot.last_operation == before + 2
    assert queue.summary() == "1 accepted, 1 rejected"


def test_what_was_rejected_is_not_proposed_again_when_the_document_is_read_again(queue: Queue) -> None:
    queue.reject()
    assert read(queue.memory, "2") == 1
    queue.refresh()
    assert [queue.texts(f) for f in queue.rows] == [SECOND, THIRD, FOURTH]
    assert queue.undo()
    assert FIRST in held(queue.memory, proposed=True)


def test_what_was_corrected_is_not_proposed_again_and_what_stands_instead_stays(queue: Queue) -> None:
    assert queue.correct("Harbour Works", "founded by", "Ada Quill the Elder")
    read(queue.memory, "2")
    assert held(queue.memory) == {("Harbour Works", "founded by", "Ada Quill the Elder")}
    assert FIRST not in held(queue.memory, proposed=True)


def test_a_correction_is_one_operation_and_keeps_its_sentence(queue: Queue) -> None:
    before = queue.snapshot.last_operation
    assert queue.correct("Harbour Works", "founded by", "Adam Quill")
    assert queue.snapshot.last_operation == before + 1
    (fact,) = queue.snapshot.facts()
    assert fact.person
    assert [e.sentence for e in queue.memory.evidence([fact])[fact.key]] == [SENTENCES[0]]
    assert selected(queue) == SECOND
    assert queue.undo()
    assert held(queue.memory) == set()
    assert selected(queue) == FIRST


def test_a_correction_can_be_said_from_the_other_side(queue: Queue) -> None:
    queue.memory.set(Triple("Freedonia", "capital", "Rufus Town"))
    assert queue.correct("Port Alder", "capital of", "Sylvania")
    assert ("Sylvania", "capital", "Port Alder") in held(queue.memory)


def test_a_correction_that_changes_nothing_accepts(queue: Queue) -> None:
    assert queue.correct(*FIRST)
    assert queue.summary() == "1 accepted"
    assert held(queue.memory) == {FIRST}


def test_a_relation_of_ones_own_is_asked_about_once(queue: Queue) -> None:
    assert not queue.correct("Harbour Works", "night watchman", "Ada Quill")
    assert "No relation is called 'night watchman'" in queue.said
    assert held(queue.memory) == set()
    assert queue.correct("Harbour Works", "night watchman", "Ada Quill")
    assert held(queue.memory) == {("Harbour Works", "night watchman", "Ada Quill")}


@pytest.mark.parametrize(
    "fields", [("", "founded by", "B"), ("A", " ", "B"), ("A", "founded by", "?x"), ("...", "founded by", "B")]
)
def test_what_cannot_be_stated_is_refused_in_a_line(queue: Queue, fields: tuple[str, str, str]) -> None:
    before = queue.snapshot.last_operation
    if fields[0] == "...":
        fields = ("A" * 3000, *fields[1:])
    assert not queue.correct(*fields)
    assert queue.said
    assert queue.memory.snapshot.last_operation == before
    assert selected(queue) == FIRST


def test_marked_ones_are_one_operation_that_undo_takes_back_together(queue: Queue) -> None:
    before = queue.snapshot.last_operation
    queue.mark()
    queue.move(1)
    queue.mark()
    assert queue.accept_marked()
    assert held(queue.memory) == {FIRST, THIRD}
    assert queue.snapshot.last_operation == before + 1
    assert not queue.marked
    assert queue.undo()
    assert held(queue.memory) == set()
    assert queue.total == 4
    assert not queue.reject_marked()
    assert "Nothing is marked" in queue.said


def test_undo_goes_back_one_action_at_a_time_and_no_further_than_this_review(queue: Queue) -> None:
    queue.accept()
    queue.reject()
    assert queue.undo()
    assert selected(queue) == SECOND
    assert queue.undo()
    assert queue.summary() == ""
    assert not queue.undo()
    assert queue.total == 4


def test_undo_of_what_another_process_took_back_says_so(queue: Queue) -> None:
    queue.accept()
    Memory(queue.memory.database.folder).undo()
    assert not queue.undo()
    assert "already undone" in queue.said
    assert queue.total == 4


def test_a_proposal_that_another_process_settled_is_a_line(queue: Queue) -> None:
    assert queue.selected is not None
    Memory(queue.memory.database.folder).remove([queue.selected.key])
    assert not queue.accept()
    assert "no longer there" in queue.said
    assert selected(queue) == SECOND


def test_a_filter_lists_what_has_all_the_words_and_actions_stay_in_it(queue: Queue) -> None:
    queue.filter("MILL works.md")
    assert [queue.texts(f) for f in queue.rows] == [THIRD, FOURTH]
    queue.reject()
    assert selected(queue) == FOURTH
    queue.accept()
    assert queue.selected is None
    assert not queue.accept()
    queue.filter("")
    assert [queue.texts(f) for f in queue.rows] == [FIRST, SECOND]


def test_accepting_a_fact_makes_it_a_persons_and_goes_on(memory: Memory) -> None:
    read(memory, proposed=False)
    queue = Queue(memory, proposed=False)
    assert queue.accept()
    assert selected(queue) == SECOND
    assert queue.rows[0].person
    assert not queue.rows[1].person


def test_the_sentence_comes_with_its_neighbours(queue: Queue) -> None:
    found = [queue.found(f) for f in queue.rows]
    assert [(f.before, f.places[0].sentence, f.after) for f in found if f] == [
        ("", SENTENCES[0], SENTENCES[1]),
        (SENTENCES[0], SENTENCES[1], SENTENCES[2]),
        (SENTENCES[1], SENTENCES[2], SENTENCES[3]),
        (SENTENCES[2], SENTENCES[3], SENTENCES[4]),
    ]


def test_a_busy_knowledge_base_is_a_line_and_the_list_stays(queue: Queue, tmp_path: Path) -> None:
    queue.memory.database.lock.timeout = 0.05
    with Lock(queue.memory.database.folder).turn():
        assert not queue.accept()
        assert "in use by" in queue.said
        queue.said = ""
        assert queue.found(queue.rows[0]) is None
        assert "in use by" in queue.said
        with pytest.raises(BusyError), queue.memory.open():
            pass
    assert queue.total == 4
    assert queue.accept()


def test_many_are_listed_without_their_sentences_being_read(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [ImportRow(Triple(f"Firm {n}", "founded by", f"Person {n}"), proposed=True) for n in range(2000)]
    memory.import_facts(many, "", person=False)
    asked: list[int] = []
    evidence = Memory.evidence

    def counted(self: Memory, facts: Sequence[Fact]) -> dict[Key, list[Evidence]]:
        asked.append(len(facts))
        return evidence(self, facts)

    monkeypatch.setattr(Memory, "evidence", counted)
    queue = Queue(memory)
    queue.go(1999)
    assert asked == []
    assert queue.selected is not None
    queue.found(queue.selected)
    queue.found(queue.rows[1995])
    assert len(asked) == 1
    assert asked[0] < 100


def test_a_name_that_belongs_to_a_document_stays_its_own_when_another_field_is_corrected(memory: Memory) -> None:
    text = "The Tenant pays Ada Quill."
    document = Document("/d/lease.md", "Lease", "text/markdown", "1", text, (Sentence(0, len(text), 1),))
    memory.ingest(
        document, [Written(Triple("the Tenant", "pays", "Ada"), (0,), 0.5, proposed=True, own=True)], "m", "f"
    )
    queue = Queue(memory)
    subject, relation, _ = selected(queue)
    assert "lease.md" in subject
    (before,) = queue.rows
    assert queue.correct(subject, relation, "Ada Quill")
    (fact,) = queue.snapshot.facts()
    assert fact.key[0] == before.key[0]
    assert queue.texts(fact) == (subject, relation, "Ada Quill")


def test_a_correction_keeps_the_time_of_what_it_replaces(memory: Memory) -> None:
    memory.set(Triple("Harbour Works", "founded by", "Ada"), valid_from="2001", valid_to="2004")
    queue = Queue(memory, proposed=False)
    assert queue.correct("Harbour Works", "founded by", "Ada Quill")
    (fact,) = queue.snapshot.facts()
    assert fact.valid == ("2001", "2004")


def test_of_a_document_that_is_purged_no_words_stay_in_what_was_done(queue: Queue) -> None:
    queue.correct("Harbour Works", "founded by", "Adam Stone")
    queue.reject()
    queue.accept()
    purge(queue.memory, "/d/works.md")
    operations = list(queue.memory.snapshot.operations())
    assert {o.kind for o in operations} >= {"correct", "remove", "accept"}
    assert not any("Quill" in f"{o.note} {o.source}" for o in operations)
    assert {t[2] for t in held(queue.memory)} == {"Adam Stone", "Ben Stone"}


def test_the_log_tells_a_correction_by_what_it_states(queue: Queue) -> None:
    queue.correct("Harbour Works", "founded by", "Adam Stone")
    assert [e.detail for e in log(queue.memory.snapshot, kind="correct")] == [
        "Harbour Works >> founded by >> Adam Stone"
    ]
