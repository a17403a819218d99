"""What "I" and "my" mean in a question."""

from __future__ import annotations

import pytest

from memllm_cli.answering.person import of_person
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.link import Linker
from memllm_cli.types import Triple


@pytest.mark.parametrize(
    ("question", "full"),
    [
        ("Where do I live?", "Where do Ann live?"),
        ("Who is my doctor?", "Who is Ann's doctor?"),
        ("When did it tell me?", "When did it tell Ann?"),
        ("How old am I?", "How old is Ann?"),
        ("Where does Ann live?", ""),
        ("What is it?", ""),
    ],
)
def test_a_question_of_the_person(memory: Memory, question: str, full: str) -> None:
    memory.set(Triple("Ann", "residence", "Lyon"))
    assert of_person(question, "Ann", Linker(Finder(memory))) == full


def test_a_person_that_memory_does_not_know(memory: Memory) -> None:
    memory.set(Triple("Bob", "residence", "Lyon"))
    linker = Linker(Finder(memory))
    assert of_person("Where do I live?", "Ann", linker) == ""
    assert of_person("Where do I live?", "", linker) == ""
    assert of_person("Where do I live?", "Bob", linker) == "Where do Bob live?"
