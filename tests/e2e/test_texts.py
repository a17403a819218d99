"""The default models on the demo's documents: answers from text, refusals, counts, summaries, corrections.

These are our own documents: they show that everything is joined up, and nothing about quality.
"""

from __future__ import annotations

import pytest

from tests.e2e.conftest import DEMO, Home, _made

pytestmark = [pytest.mark.e2e, pytest.mark.default]


class Reading(Home):
    """A home whose questions are answered by the pointer."""

    @property
    def environment(self) -> dict[str, str]:
        """As a person has it: nothing is switched off."""
        return {k: v for k, v in super().environment.items() if k not in ("MEMLLM_POINTER", "MEMLLM_EXTRACTOR")}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, _models: None) -> Reading:
    reading = Reading(_made(tmp_path_factory.mktemp("texts") / "home").root)
    assert reading.run("ingest", str(DEMO), "--structure").code == 0
    return reading


def test_what_no_fact_holds_is_answered_from_the_text(read: Reading) -> None:
    answer = read.run("--json", "ask", "How much insurance cover must the tenant hold?").data
    assert answer["outcome"] == "text"
    assert "500,000" in answer["answer"]
    assert answer["evidence"][0]["uri"].endswith("lease.md")
    assert answer["evidence"][0]["line"] == 23
    assert 0.5 < answer["probability"] <= 1


def test_what_the_documents_do_not_say_is_not_answered(read: Reading) -> None:
    answer = read.run("--json", "ask", "Who painted the ceiling of the Sistine Chapel?").data
    assert (answer["answer"], answer["outcome"], answer["evidence"]) == ("", "nothing", [])


def test_counts_are_of_facts(read: Reading) -> None:
    answer = read.run("--json", "ask", "How many suppliers are in Ireland?").data
    assert (answer["answer"], answer["outcome"], len(answer["evidence"])) == ("2", "fact", 2)


def test_a_summary_quotes(read: Reading) -> None:
    answer = read.run("--json", "ask", "Summarise the side letter").data
    assert answer["outcome"] == "text"
    assert all(e["uri"].endswith("side-letter.txt") for e in answer["evidence"])


def test_the_search_is_confined(read: Reading) -> None:
    asked = "What is the monthly rent under the Harbour Lease?"
    assert "3,900" in read.run("--json", "ask", asked, "--in", "side-letter.txt").data["answer"]
    assert "4,200" in read.run("--json", "ask", asked, "--in", "lease.md").data["answer"]
    assert "No document is called" in read.run("ask", asked, "--in", "nothing.md").refused(1)


def test_one_edit_changes_the_very_next_answer(read: Reading) -> None:
    asked = "What is the capital of Freedonia?"
    assert read.run("--json", "ask", asked).data["answer"] == "Sylvania City"
    assert read.run("fact", "set", "Freedonia >> capital >> Rufus Town").code == 0
    after = read.run("--json", "ask", asked).data
    assert (after["answer"], after["outcome"]) == ("Rufus Town", "fact")
    assert read.run("undo").code == 0
    assert read.run("--json", "ask", asked).data["answer"] == "Sylvania City"
