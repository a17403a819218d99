"""A model that was trained to read: it opens reads by itself, and what it asks in vain is never made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memllm_cli.answering.answer import NOTHING, Answerer
from memllm_cli.answering.options import Options
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.protocol import ReadCall as Call
from memllm_cli.protocol import parse
from memllm_cli.reading.events import Done, ReadCall, ReadResult
from memllm_cli.reading.formats import Trained
from memllm_cli.reading.link import _around
from memllm_cli.reading.values import circles
from memllm_cli.types import Query, Triple
from tests.letters import Letters

AUTHOR = "({MEM_READ( Low Tide >> author >> )-->"
MOTHER = "({MEM_READ( Mira Olsen >> mother >> )-->"
ASKED = "Who is the mother of the author of Low Tide?"

Ask = Callable[..., tuple[list[Query], Done]]


@pytest.fixture
def ask(memory: Memory) -> Ask:
    memory.set(Triple("Low Tide", "author", "Mira Olsen"))

    def play(*writes: str) -> Callable[[str], str]:
        def script(context: str) -> str:
            said = context.rpartition("<|im_start|>assistant\n")[2]
            for write in writes:  # what is returned to a read is not in the script
                if said.startswith(write):
                    said = said[len(write) :].partition("})")[2]
                elif write.startswith(said):
                    return write[len(said) :]
            return ""

        return script

    def call(question: str, *writes: str, style: str = "grounded") -> tuple[list[Query], Done]:
        engine = ScriptedEngine(play(*writes), context=4096)
        options = Options(style=style, temperature=0)
        events = list(Answerer(engine, Finder(memory), options, Trained(engine)).ask(question))
        done = events[-1]
        assert isinstance(done, Done)
        return [e.query for e in events if isinstance(e, ReadCall)], done

    return call


def test_a_read_that_the_model_opens(ask: Ask) -> None:
    queries, done = ask("Who wrote Low Tide?", AUTHOR)
    assert queries == [Query("Low Tide", "author", None)]
    assert (done.answer, done.backed) == ("Mira Olsen", True)
    assert done.opened[0] > 0.9 > done.opened[1]


def test_a_question_that_a_person_answered_gets_that_answer_and_no_second_read(memory: Memory) -> None:
    first, second = "What is the programming language of Low Tide?", "In what was Low Tide written by the Mira Olsens?"
    memory.set(Triple("Low Tide", "programming language", "OCPL"), note=first)
    memory.set(Triple("Low Tide", "programming language", "OC++"), mode="add", note=second)
    memory.set(Triple("OCPL", "inception", "1987"))

    def script(context: str) -> str:
        said = context.rpartition("<|im_start|>assistant\n")[2]
        wanted = "({MEM_READ( Low Tide >> programming language >> )-->"
        if said.startswith(wanted):
            return "({MEM_READ( OCPL >> inception >> )-->"
        return wanted[len(said) :] if wanted.startswith(said) else ""

    for question, value in ((first, "OCPL"), (second, "OC++")):
        engine = ScriptedEngine(script, context=4096)
        answerer = Answerer(engine, Finder(memory, Letters), Options(temperature=0), Trained(engine))
        *events, done = answerer.ask(question)
        assert isinstance(done, Done)
        assert (done.answer, done.reads) == (value, 1)
        read = next(e for e in events if isinstance(e, ReadResult))
        assert {s.hit.value for s in read.sources} == {"OCPL", "OC++"}, "both are shown"


def test_two_hops(ask: Ask, memory: Memory) -> None:
    memory.set(Triple("Mira Olsen", "mother", "Ada Olsen"))
    queries, done = ask(ASKED, AUTHOR, MOTHER)
    assert queries == [Query("Low Tide", "author", None), Query("Mira Olsen", "mother", None)]
    assert done.answer == "Ada Olsen"


def test_the_first_hop_is_not_given_for_the_second(ask: Ask) -> None:
    queries, done = ask(ASKED, AUTHOR, MOTHER)
    assert len(queries) == 2
    assert (done.answer, done.backed) == (NOTHING, False)


def test_a_name_that_memory_does_not_know(ask: Ask) -> None:
    queries, done = ask("Who is the mother of Zorblax?", "({MEM_READ( Zorblax >> mother >> )--> Ada Olsen }) Ada.")
    assert queries == []
    assert (done.answer, done.backed) == (NOTHING, False)


def test_where_no_read_is_opened_the_model_talks(ask: Ask) -> None:
    queries, done = ask("Tell me a joke.", "No, you first.")
    assert (queries, done.answer) == ([], "No, you first.")
    assert done.opened[0] < 0.5


def test_a_plain_question_is_read_for_even_when_the_model_does_not_open_one(ask: Ask) -> None:
    queries, done = ask("What is the author of Low Tide?", "I do not know.")
    assert queries == [Query("Low Tide", "author", None)]
    assert done.answer == "Mira Olsen"


def test_what_is_returned_can_stand_in_a_call() -> None:
    engine = ScriptedEngine("")
    format = Trained(engine)
    ids = [*format.call(Query("A", "author", None))[1], *format.results(["Smith; Jones", "a >> b", "C"])]
    call = parse(b"".join(map(engine.piece, ids)).decode())
    assert isinstance(call, Call)
    assert call.results is not None
    assert len(call.results) == 3


def test_an_answer_that_goes_in_circles_ends(ask: Ask) -> None:
    assert circles([1, 2, 3, 1, 2, 3], 3)
    assert not circles([1, 2, 3, 1, 2], 3)
    assert not circles([1, 2, 3, 3, 3], 3)
    line = "The sea is deep and wide and the boats come home late. "
    _, done = ask("Tell me about the sea.", line * 20, style="free")
    assert done.answer.count("The sea is deep") <= 3


def test_a_note_is_compared_with_the_sentence_that_names_the_thing() -> None:
    assert _around("It rained in May. \x00 works as a") == "\x00 works as a"
    assert _around("Who is \x00? Tell me.") == "Who is \x00?"
    assert _around("\x00. What is its capital?") == "\x00. What is its capital?"
