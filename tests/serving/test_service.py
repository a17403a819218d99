from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memllm_cli.errors import MemllmError, NotFound, UsageError
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.serving.service import LONGEST, ReadOnly, Service
from memllm_cli.types import Triple

from .conftest import SENTENCE

Serving = Callable[[bool], Service]
CAPITAL = ["Freedonia", "capital", "Sylvania City"]


def test_facts_are_found_by_pattern_and_by_words_with_their_sentences(serving: Serving) -> None:
    service = serving(False)
    for query in ("Freedonia >> capital >>", "?x >> capital >> ?y", "Sylvania"):
        found = service.search_facts(query)
        assert found["total"] == 1
        row = found["rows"][0]
        assert [row["subject"], row["relation"], row["object"]] == CAPITAL
        assert row["evidence"][0]["sentence"] == SENTENCE
    assert service.search_facts("Freedonia >> >>", limit=1) | {"rows": 0} == {"total": 2, "rows": 0}
    assert service.search_facts("?x >> capital >> ?x")["total"] == 0


def test_a_fact_comes_with_what_supports_it_and_its_history(serving: Serving) -> None:
    service = serving(True)
    changed = service.set_fact("Rufus Town >> capital of >> Freedonia", note="it moved")
    assert (changed["before"], changed["after"]) == ([CAPITAL], [["Freedonia", "capital", "Rufus Town"]])
    got = service.get_fact("Freedonia >> capital >>")
    assert [f["object"] for f in got["facts"]] == ["Rufus Town"]
    assert got["facts"][0]["supports"][0]["note"] == "it moved (through memllm serve)"
    assert [(e["fact"][2], e["state"]) for e in got["history"]] == [
        ("Rufus Town", "holds"),
        ("Sylvania City", "replaced"),
    ]
    assert service.undo(changed["operation"])["after"] == [CAPITAL]
    again = service.get_fact("Freedonia >> capital >>")["facts"][0]
    assert again["evidence"][0]["spans"] == [[15, 24], [28, 41]]


def test_answers_follow_what_another_process_wrote(serving: Serving, home: Path) -> None:
    service = serving(False)
    asked = "What is the capital of Freedonia?"
    assert service.ask(asked)["answer"] == "Sylvania City"
    Memory(home / "kb" / "default").set(Triple("Freedonia", "capital", "Rufus Town"))
    answer = service.ask(asked)
    assert (answer["answer"], answer["outcome"]) == ("Rufus Town", "fact")
    assert answer["reads"][0]["query"] == {"subject": "Freedonia", "relation": "capital", "object": None}


def test_documents_and_what_is_about_a_name(serving: Serving) -> None:
    service = serving(False)
    (document,) = service.documents()
    assert service.document(document["id"])["text"].startswith(SENTENCE)
    assert service.search_text("capital of Freedonia")["texts"][0]["sentence"] == SENTENCE
    assert {f["object"] for f in service.about("Freedonia")["facts"]} == {"Sylvania City", "Freedonian"}
    assert service.about("page.md")["document"]["title"] == "A page"


def test_a_proposal_waits_and_what_is_known_is_not_proposed_again(serving: Serving) -> None:
    service = serving(True)
    made = service.propose_fact("Freedonia >> anthem >> Hail Freedonia")
    assert made["proposed"] == ["Freedonia", "anthem", "Hail Freedonia"]
    assert service.search_facts("Freedonia >> anthem >>")["total"] == 0
    assert [f["status"] for f in service.get_fact("Freedonia >> anthem >>")["facts"]] == ["proposed"]
    for known in ("Freedonia >> anthem >> Hail Freedonia", "Freedonia >> capital >> Sylvania City"):
        with pytest.raises(UsageError):
            service.propose_fact(known)


def test_several_facts_are_forgotten_only_on_purpose(serving: Serving) -> None:
    service = serving(True)
    with pytest.raises(UsageError, match="2 facts fit"):
        service.forget_fact("Freedonia >> >>")
    gone = service.forget_fact("Freedonia >> >>", several=True)
    assert len(gone["before"]) == 2
    service.undo()
    assert service.search_facts("Freedonia >> >>")["total"] == 2


def test_without_writes_nothing_changes(serving: Serving) -> None:
    service = serving(False)
    for change in (service.set_fact, service.propose_fact, service.forget_fact):
        with pytest.raises(ReadOnly):
            change("Freedonia >> capital >> Rufus Town")
    with pytest.raises(ReadOnly):
        service.undo()
    assert service.search_facts("Freedonia >> capital >>")["rows"][0]["object"] == "Sylvania City"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda s: s.search_facts(" \x00"), UsageError),
        (lambda s: s.search_facts("Freedonia", limit=0), UsageError),
        (lambda s: s.ask("x" * (LONGEST + 1)), UsageError),
        (lambda s: s.ask("What is the capital?", "nowhere.md"), NotFound),
        (lambda s: s.get_fact("Atlantis >> capital >>"), NotFound),
        (lambda s: s.get_fact("Freedonia >> no such relation >>"), NotFound),
        (lambda s: s.about("Atlantis"), NotFound),
        (lambda s: s.document(77), NotFound),
        (lambda s: s.set_fact("Freedonia >> capitall >> Rufus Town"), NotFound),
        (lambda s: s.set_fact("Freedonia >> capital >> ?x"), UsageError),
        (lambda s: s.set_fact("no fact"), UsageError),
        (lambda s: s.undo(77), MemllmError),
    ],
)
def test_errors_are_the_programs_own(
    serving: Serving, call: Callable[[Service], object], error: type[MemllmError]
) -> None:
    with pytest.raises(error):
        call(serving(True))
