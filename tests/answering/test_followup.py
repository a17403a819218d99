"""Questions that lean on those before them, in full."""

from __future__ import annotations

import pytest

from memllm_cli.answering.followup import in_full, of_topic
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.prompts import Message
from memllm_cli.reading.link import Linker
from memllm_cli.types import Triple


@pytest.fixture
def linker(memory: Memory) -> Linker:
    memory.set(Triple("Tern Ferries", "chairperson", "Ada Quist"))
    memory.set(Triple("tenant", "country", "Norland"))
    return Linker(Finder(memory))


BEFORE = [Message("user", "Who is the chairperson of Tern Ferries?"), Message("assistant", "Ada Quist")]


@pytest.mark.parametrize(
    ("question", "full"),
    [
        (
            "And the tenant?",
            ["Who is the tenant of Tern Ferries?", "the tenant of Tern Ferries?", "the tenant of Ada Quist?"],
        ),
        ("When does it sail?", ["When does Tern Ferries sail?", "When does Ada Quist sail?"]),
        ("What is its fee?", ["What is Tern Ferries's fee?", "What is Ada Quist's fee?"]),
        ("Where was she born?", ["Where was Ada Quist born?", "Where was Tern Ferries born?"]),
        ("Why?", ["Why is the chairperson of Tern Ferries?"]),
        ("Who owns Tern Ferries?", []),
        ("Who owns the Moss Mill?", []),
    ],
)
def test_what_is_left_out_is_the_name_talked_about(linker: Linker, question: str, full: list[str]) -> None:
    assert in_full(question, BEFORE, linker) == full


def test_without_a_name_before_it_nothing_is_made_of_it(linker: Linker) -> None:
    assert in_full("When does it sail?", [], linker) == []
    assert in_full("When does it sail?", [Message("user", "Is it late?"), Message("assistant", "No.")], linker) == []


@pytest.mark.parametrize(
    ("question", "asked", "full"),
    [
        ("What about 2020?", "What was the rent of the mill in 2019?", "What was the rent of the mill in 2020?"),
        ("2020?", "What was the rent of the mill in 2019?", "What was the rent of the mill in 2020?"),
        ("And in 2020?", "What was the rent of the mill?", "What was the rent of the mill in 2020?"),
        ("And the year before?", "What was the rent in 2019?", "What was the rent in 2018?"),
        ("What was it the year before?", "What was the rent in 2019?", "What was the rent in 2018?"),
        ("A year later?", "What was the rent in 2019?", "What was the rent in 2020?"),
        ("And for Acorn Mill?", "What is the rent of Moss Mill?", "What is the rent of Acorn Mill?"),
        ("And the fee?", "What was the rent of Moss Mill in 2019?", "What was the fee of Moss Mill in 2019?"),
        ("And its owner?", "What was the rent of Moss Mill?", "What was its owner of Moss Mill?"),
        ("And for the tenant?", "Who signed Moss Lease for the landlord?", "Who signed Moss Lease for the tenant?"),
        ("And the tenant?", "Who is the Moss Mill of the landlord?", "Who is the Moss Mill of the tenant?"),
        ("And in total?", "How much may Acorn spend?", "How much may Acorn spend in total?"),
        ("Until when?", "Since when does Acorn rent the mill?", "Until when does Acorn rent the mill?"),
        ("Why not?", "Does Acorn rent the mill?", None),
    ],
)
def test_something_else_is_put_in_the_question_before(
    linker: Linker, question: str, asked: str, full: str | None
) -> None:
    found = in_full(question, [Message("user", asked), Message("assistant", "7")], linker, said="7")
    assert (found[0] if found[0] != f"7. {question}" else None) == full
    assert found[-1] == f"7. {question}"


def test_a_name_beside_a_pronoun_leaves_the_last_answer(linker: Linker) -> None:
    assert in_full("How old was she when Tern Ferries sailed?", BEFORE, linker, said="Ada Quist") == [
        "Ada Quist. How old was she when Tern Ferries sailed?"
    ]


def test_one_of_several_answers_is_meant_by_its_place(linker: Linker) -> None:
    said = "Moss Mill, Acorn Mill and Oak Mill"
    assert in_full("When was the second one built?", BEFORE, linker, said=said) == ["When was Acorn Mill built?"]
    assert in_full("When was the last built?", BEFORE, linker, said=said) == ["When was Oak Mill built?"]
    assert (
        in_full("When was the fifth one built?", BEFORE, linker, said="A and B")[-1]
        == "A and B. When was the fifth one built?"
    )


@pytest.mark.parametrize(
    ("question", "full"),
    [
        ("Who is the gardener?", "Who is the gardener of Tern Ferries?"),
        ("When does it sail in the winter of the year?", "When does Tern Ferries sail in the winter of the year?"),
        ("Who owns Moss Mill?", "Who owns Moss Mill?"),
        ("Where did the summer school take place?", "Where did the summer school take place?"),
    ],
)
def test_a_question_in_a_text_is_about_its_topic(linker: Linker, question: str, full: str) -> None:
    assert of_topic(question, "Write to Tern Ferries about it.", linker) == full
    assert of_topic(question, "Write a letter.", linker) == question
