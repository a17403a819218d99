"""What a document says without stating it is kept for what it is: no fact, no proposal; it speaks against others."""

from __future__ import annotations

from pathlib import Path

import pytest

from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.views.conflicts import conflicts
from memllm_cli.types import Document, Sentence, Triple

HERE = Path(__file__).resolve().parents[2] / "kb" / "relations.csv"
TEXT = "Acme is not owned by Bolt."


def document(name: str) -> Document:
    return Document(f"/{name}", name, "text/plain", name, TEXT, (Sentence(0, len(TEXT), 1),))


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    made = Memory(tmp_path / "kb")
    made.create(HERE)
    return made


def told(truth: str, **more: object) -> Written:
    return Written(Triple("Acme", "owned by", "Bolt"), (0,), 0.9, truth=truth, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("truth", ["denied", "planned", "asked", "reported"])
def test_it_is_no_fact_and_no_proposal(memory: Memory, truth: str) -> None:
    memory.ingest(document("a"), [told(truth, qualifiers=(("by", "Ann"),))], "", "")
    for snapshot in (memory.snapshot, Memory(memory.database.folder).snapshot):
        assert list(snapshot.facts()) == []
        assert list(snapshot.facts(True)) == []
        assert list(snapshot.facts(None)) == []
        (fact,) = snapshot.facts(every=True)
        assert fact.truth == truth
        assert '"by": "Ann"' in fact.newest.qualifiers


def test_what_another_document_states_is_a_fact_and_the_denial_speaks_against_it(memory: Memory) -> None:
    memory.ingest(document("a"), [told("denied")], "", "")
    memory.ingest(document("b"), [told("stated")], "", "")
    (fact,) = memory.snapshot.facts()
    assert [a.source for a in fact.supports] == ["/b"]
    assert [a.truth for a in fact.against] == ["denied"]
    (conflict,) = conflicts(memory.snapshot)
    assert conflict.reason == "denied in a"
    memory.forget("/a")
    assert list(conflicts(memory.snapshot)) == []


def test_a_person_who_accepts_it_states_it(memory: Memory) -> None:
    memory.ingest(document("a"), [told("planned")], "", "")
    (fact,) = memory.snapshot.facts(every=True)
    memory.accept([fact.key])
    (now,) = memory.snapshot.facts()
    assert (now.truth, now.person, now.newest.qualifiers) == ("stated", True, "{}")
    memory.undo()
    assert list(memory.snapshot.facts()) == []


def test_what_has_ended_holds_until_then(memory: Memory) -> None:
    memory.ingest(document("a"), [told("stated", valid_from="2001", valid_to="2010")], "", "")
    (fact,) = memory.snapshot.facts()
    assert fact.valid == ("2001", "2010")


@pytest.mark.parametrize(
    ("past", "now", "clash"),
    [
        ({"valid_to": "2010"}, {}, False),  # what is so now says nothing of then
        ({"valid_to": "2010"}, {"valid_from": "2005"}, True),
        ({"valid_from": "2001", "valid_to": "2020", "qualifiers": (("ended", "yes"),)}, {"valid_from": "2005"}, False),
        ({}, {}, True),
    ],
)
def test_what_is_over_contradicts_what_was_so_at_the_same_time(
    memory: Memory, past: dict[str, object], now: dict[str, object], clash: bool
) -> None:
    holders = [(("Acme", "chief executive officer", name), more) for name, more in (("Ann", past), ("Bo", now))]
    written = [Written(Triple(*t), (0,), 0.9, **more) for t, more in holders]  # type: ignore[arg-type]
    memory.ingest(document("a"), written, "", "")
    assert bool(list(conflicts(memory.snapshot))) == clash
