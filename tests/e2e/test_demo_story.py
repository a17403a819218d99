"""The demo's story: read, ask from both sides, correct, ask again, undo; sources that contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Home

pytestmark = pytest.mark.e2e
CAPITAL = "What is the capital of Freedonia?"
COUNTRY = "Which country is Sylvania City the capital of?"


def asked(home: Home, question: str) -> tuple[str, list[dict[str, Any]]]:
    answer = home.run("--json", "ask", question).data
    assert answer["question"] == question
    assert answer["reads"], "an answer shows what was read"
    assert answer["opened_by_model"], "the model opened the read by itself"
    assert answer["outcome"] == ("fact" if answer["evidence"] or found(answer["reads"]) else "nothing")
    assert (answer["answer"] == "") is (answer["outcome"] == "nothing")
    assert answer["outcome"] != "nothing" or answer["probability"] is None
    for evidence in answer["evidence"]:
        assert set(evidence) == {"uri", "title", "start", "end", "page", "line", "sentence", "block"}
    if answer["evidence"]:
        said = " ".join(e["sentence"] for e in answer["evidence"])
        assert any(r["value"] in said for r in found(answer["reads"])), "evidence carries the answer"
    return answer["answer"], answer["reads"]


def found(reads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result for read in reads for result in read["results"]]


def the_story(home: Home) -> None:
    answer, reads = asked(home, CAPITAL)
    assert answer == "Sylvania City"
    assert reads[0]["query"] == {"subject": "Freedonia", "relation": "capital", "object": None}
    assert [r["value"] for r in found(reads)] == ["Sylvania City"]
    evidence = found(reads)[0]["evidence"]
    assert all(e["uri"].endswith("/freedonia.pdf") and e["page"] == 1 for e in evidence)
    assert "Its capital is Sylvania City." in [e["sentence"] for e in evidence]

    answer, reads = asked(home, COUNTRY)
    assert answer == "Freedonia"
    assert reads[0]["query"] == {"subject": None, "relation": "capital", "object": "Sylvania City"}
    assert "Its capital is Sylvania City." in [e["sentence"] for e in found(reads)[0]["evidence"]]

    change = home.run("--json", "fact", "set", "Rufus Town >> capital of >> Freedonia").data["changes"][0]
    assert change["before"] == [["Freedonia", "capital", "Sylvania City"]]
    assert change["after"] == [["Freedonia", "capital", "Rufus Town"]]

    answer, reads = asked(home, CAPITAL)
    assert answer == "Rufus Town"
    assert [(r["value"], r["person"]) for r in found(reads)] == [("Rufus Town", True)]
    answer, reads = asked(home, COUNTRY)
    assert found(reads) == []
    assert "Freedonia" not in answer

    undone = home.run("--json", "undo").data
    assert (undone["kind"], undone["undone"]) == ("set", change["operation"])
    assert asked(home, CAPITAL)[0] == "Sylvania City"
    assert asked(home, COUNTRY)[0] == "Freedonia"


def the_contradiction(home: Home) -> None:
    _, reads = asked(home, "What is the monthly rent under the Harbour Lease?")
    assert reads[0]["query"] == {"subject": "Harbour Lease", "relation": "monthly rent", "object": None}
    sources = {r["value"]: {e["uri"].rsplit("/", 1)[-1] for e in r["evidence"]} for r in found(reads)}
    assert sources == {"EUR 4,200": {"lease.md"}, "EUR 3,900": {"side-letter.txt"}}
    shown = home.run("ask", "What is the monthly rent under the Harbour Lease?")
    assert shown.code == 0
    for part in ("EUR 4,200", "EUR 3,900", "lease.md", "side-letter.txt", "disagree"):
        assert part in shown.out


def test_ask_correct_ask_undo_ask(told: Home) -> None:
    the_story(told)


def test_both_sources_of_a_contradiction_are_listed(told: Home) -> None:
    the_contradiction(told)


def test_a_question_that_needs_two_facts(told: Home) -> None:
    answer, reads = asked(told, "Where was the head of state of Freedonia born?")
    assert answer == "Port Lammas"
    assert [r["query"]["relation"] for r in reads] == ["head of state", "place of birth"]


@pytest.mark.slow
def test_the_whole_demo_folder(home: Home) -> None:
    from tests.e2e.conftest import DEMO

    read = home.run("--json", "ingest", str(DEMO)).data
    assert len(read["documents"]) == 7
    assert read["failed"] == []
    assert home.run("fact", "accept", "Freedonia >> capital >> Sylvania City").code == 0
    the_story(home)
    _, reads = asked(home, "What is the notice period of the Harbour Lease?")
    assert {r["value"] for r in found(reads)} == {"three months", "six months"}
    again = home.run("--json", "ingest", str(DEMO)).data
    assert (len(again["documents"]), len(again["unchanged"])) == (0, 7)
