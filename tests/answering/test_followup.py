"""Questions that lean on those before them, in full."""

from __future__ import annotations

import pytest

from memllm_cli.answering.followup import in_full
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
        ("And the tenant?", ["the tenant of Tern Ferries?", "the tenant of Ada Quist?"]),
        ("When does it sail?", ["When does Tern Ferries sail?", "When does Ada Quist sail?"]),
        ("What is its fee?", ["What is Tern Ferries's fee?", "What is Ada Quist's fee?"]),
        ("Where was she born?", ["Where was Ada Quist born?", "Where was Tern Ferries born?"]),
        ("Why?", []),
        ("Who owns Tern Ferries?", []),
        ("Who owns the Moss Mill?", []),
    ],
)
def test_what_is_left_out_is_the_name_talked_about(linker: Linker, question: str, full: list[str]) -> None:
    assert in_full(question, BEFORE, linker) == full


def test_without_a_name_before_it_nothing_is_made_of_it(linker: Linker) -> None:
    assert in_full("When does it sail?", [], linker) == []
    assert in_full("When does it sail?", [Message("user", "Is it late?"), Message("assistant", "No.")], linker) == []
