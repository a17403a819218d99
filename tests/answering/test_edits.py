"""An edit as people say it: a question with its new answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memllm_cli.answering.answer import Answerer
from memllm_cli.answering.edits import Editor, split
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.errors import UsageError
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.formats import Examples, Trained
from memllm_cli.types import Triple


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Who wrote Low Tide? Mira Olsen", ("Who wrote Low Tide?", "Mira Olsen")),
        ("Who wrote Low Tide?  It is Mira Olsen.", ("Who wrote Low Tide?", "Mira Olsen")),
        ('Who wrote Low Tide? It is or they are "Mira Olsen".', ("Who wrote Low Tide?", "Mira Olsen")),
        ("Where is Acme based? They are St. Ives Ltd.", ("Where is Acme based?", "St. Ives Ltd.")),
        ("Who wrote Low Tide?", None),
        ("Mira Olsen wrote Low Tide.", None),
        ("", None),
        ("Who >> wrote >> it? Mira", None),
        ("? ?", ("?", "?")),
    ],
)
def test_question_and_answer(text: str, wanted: tuple[str, str] | None) -> None:
    assert split(text) == wanted


Edit = Callable[..., Triple | None]


@pytest.fixture
def edit(memory: Memory) -> Edit:
    def call(question: str, answer: str, said: str) -> Triple | None:
        def script(context: str) -> str:
            begun = context.rpartition("<|im_start|>assistant\n")[2]
            return said[len(begun) :] if said.startswith(begun) else ""

        engine = ScriptedEngine(script, context=4096)
        return Editor(Answerer(engine, Finder(memory), format=Trained(engine))).triple(question, answer)

    return call


def test_what_is_asked_is_what_is_stated(edit: Edit) -> None:
    said = "({MEM_READ( Low Tide >> author >> )-->"
    assert edit("Who wrote Low Tide?", "Mira Olsen", said) == Triple("Low Tide", "author", "Mira Olsen")


def test_a_name_that_memory_knows_is_not_cut(edit: Edit, memory: Memory) -> None:
    memory.set(Triple("Low Tide", "author", "Mira Olsen"))
    triple = edit("Who wrote Low Tide?", "Ada", "({MEM_READ( Low >> author >> )-->")
    assert triple is not None
    assert triple.subject == "Low Tide"


def test_a_correction_takes_the_side_that_memory_knows(edit: Edit, memory: Memory) -> None:
    memory.set(Triple("Low Tide", "author", "Mira Olsen"))
    said = "({MEM_READ( >> author >> Low Tide )-->"
    assert edit("Who is it of Low Tide?", "Ada", said) == Triple("Low Tide", "author", "Ada")


def test_an_answer_must_fit_the_relation(edit: Edit) -> None:
    triple = edit("When was Acme founded?", "Ada Olsen", "({MEM_READ( Acme >> inception >> )-->")
    assert triple is not None
    assert triple.relation != "inception"  # that is a date


def test_answers_that_cannot_stand_in_a_call(edit: Edit) -> None:
    assert edit("Who wrote Low Tide?", "a >> b", "({MEM_READ( Low Tide >> author >> )-->") is None


def test_what_cannot_be_read_says_so(memory: Memory) -> None:
    engine = ScriptedEngine("", context=4096)
    with pytest.raises(UsageError, match="trained to read"):
        Editor(Answerer(engine, Finder(memory), format=Examples(engine)))
    editor = Editor(Answerer(engine, Finder(memory), format=Trained(engine)))
    with pytest.raises(UsageError, match="not clear"):
        editor.read("Mira Olsen wrote it.")
    with pytest.raises(UsageError, match="not clear"):
        editor.read("Who is it? Me")  # no name stands in it
