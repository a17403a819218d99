from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from memllm_cli.chat.commands import COMMANDS
from memllm_cli.chat.completion import MOST, ChatCompleter, Names
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.types import Triple


@pytest.fixture
def completer(memory: Memory) -> ChatCompleter:
    memory.set(Triple("Freedonia", "capital", "Sylvania City"))
    memory.set(Triple("Freedonia", "population", "2,340,000"))
    names = Names()
    names.refresh(memory.snapshot)
    return ChatCompleter(names, {n: c.words for n, c in COMMANDS.items()})


def completed(completer: ChatCompleter, text: str) -> list[str]:
    """The line after each completion."""
    found = completer.get_completions(Document(text), CompleteEvent())
    return [text[: len(text) + c.start_position] + c.text for c in found]


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("/re", ["/reads", "/retry"]),
        ("/reads o", ["/reads on", "/reads off"]),
        ("/facts fre", ["/facts Freedonia"]),
        ("/set Freedonia >> capi", ["/set Freedonia >> capital", "/set Freedonia >> capital of"]),
        ("What about free", ["What about Freedonia"]),
        ("Where is sylvania ci", ["Where is Sylvania City"]),
        ('Is "syl', ['Is "Sylvania City']),
        ("f", []),
        ("2,3", []),
        ("What about Atl", []),
        ("afree", []),
    ],
)
def test_completion(completer: ChatCompleter, typed: str, lines: list[str]) -> None:
    assert completed(completer, typed) == lines


def test_names_follow_the_memory(memory: Memory) -> None:
    names = Names()
    memory.set(Triple("Freedonia", "capital", "Sylvania City"))
    names.refresh(memory.snapshot)
    memory.set(Triple("Freedonia", "capital", "Rufus Town"))
    assert names.starting("ruf") == []
    names.refresh(memory.snapshot)
    assert names.starting("ruf") == ["Rufus Town"]
    assert names.starting("sylv") == []


def test_no_more_than_the_limit(memory: Memory) -> None:
    class Many(Names):
        def starting(self, text: str) -> list[str]:
            return [f"{text} {i}" for i in range(MOST)]

    assert len(completed(ChatCompleter(Many(), {}), "one two three")) == MOST
