"""What a person says of themselves: a script in the extractor's place finds it, what becomes of it is tested."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from datetime import date

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from memllm_cli.answering.options import Options
from memllm_cli.chat.chat import Chat
from memllm_cli.chat.stating import Stating, of_self
from memllm_cli.documents import read_text
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.events import Done
from memllm_cli.reading.formats import Examples
from memllm_cli.types import Document, Triple
from memllm_cli.writing.drafts import Found

MOVED = "I moved to Lyon in May."


class Scripted:
    """Finds what it is told, and keeps the document."""

    def __init__(self, *found: Found) -> None:
        self.found = found
        self.seen: list[Document] = []

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        self.seen.append(document)
        yield 1
        return self.found


def found(subject: str, relation: str, object_: str, truth: str = "stated") -> Found:
    triple = Triple(subject, relation, object_)
    return Found(triple, (0,), 0.9, True, own=True, truth=truth, valid_from="2026-05", qualifiers=(("when", "May"),))


def stating(*all_: Found) -> tuple[Stating, Scripted]:
    script = Scripted(*all_)
    return Stating(lambda: script, "Ann"), script  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (MOVED, True),
        ("My doctor is Dr. Ortega.", True),
        ("We signed the lease.", True),
        ("Where did I move to?", False),
        ("Tell me about my lease.", False),
        ("do I pay rent", False),
        ("The rent is 900 EUR.", False),
        ("It rained.", False),
    ],
)
def test_what_is_said_of_oneself(line: str, says: bool) -> None:
    assert of_self(line) == says


def test_a_line_is_read_as_a_turn_of_the_person() -> None:
    reads, script = stating(found("Ann", "moved to", "Lyon"))
    (row,) = reads.facts(MOVED, date(2026, 11, 27))
    assert row.triple == Triple("Ann", "moved to", "Lyon")
    assert (row.valid_from, row.own, row.qualifiers) == ("2026-05", True, '{"when": "May"}')
    (document,) = script.seen
    assert (document.text, document.title) == (MOVED, "chat 2026-11-27")
    assert [(b.kind, b.label) for b in document.blocks] == [("turn", "Ann")]


def test_what_is_mine_is_the_persons_and_short_words_are_written_out() -> None:
    reads, script = stating(
        found("lease", "ends on", "May"), found("Ann", "am", "45"), found("Lena", "born in", "Lyon")
    )
    rows = reads.facts("I'm 45, my lease ends in May, and Lena was born in Lyon.")
    assert [r.triple for r in rows] == [
        Triple("Ann's lease", "ends on", "May"), Triple("Ann", "is", "45"), Triple("Lena", "born in", "Lyon"),
    ]  # fmt: skip
    assert script.seen[0].text.startswith("I am 45")


def test_what_is_not_stated_is_not_proposed() -> None:
    reads, _ = stating(found("Ann", "like", "coffee", "denied"), found("Ann", "move to", "Rome", "planned"))
    assert reads.facts("I don't like coffee, and I plan to move to Rome.") == []
    assert Stating(lambda: None, "Ann").facts(MOVED) == []


class Talk:
    """A chat in which somebody speaks of themselves."""

    def __init__(self, memory: Memory, *all_: Found) -> None:
        self.file = io.StringIO()
        self.kept: list[tuple[str, str]] = []
        self.chat = Chat(
            Finder(memory),
            lambda: Examples(ScriptedEngine("")),
            Console(file=self.file, highlight=False, soft_wrap=True),
            options=Options(temperature=0.0, person="Ann"),
            stating=stating(*all_)[0],
            keep=lambda name, value: self.kept.append((name, value)),
        )

    def __call__(self, line: str) -> str:
        self.file.seek(0)
        self.file.truncate()
        assert self.chat.handle(line)
        return self.file.getvalue()


def facts(memory: Memory) -> set[tuple[str, str, str]]:
    return {memory.snapshot.texts(f) for f in memory.snapshot.facts()}


BOTH = found("Ann", "moved to", "Lyon"), found("Ann", "left", "Rome")


def test_nothing_is_kept_unasked(memory: Memory) -> None:
    talk = Talk(memory, *BOTH)
    assert "Nothing is waiting to be kept." in talk("/keep")
    assert talk(MOVED).splitlines() == [
        "  1  Ann >> moved to >> Lyon   since 2026-05",
        "  2  Ann >> left >> Rome   since 2026-05",
        "not kept yet: /keep, or /keep N",
    ]
    assert facts(memory) == set()
    assert "has the number 3" in talk("/keep 3")
    assert "+ Ann >> left >> Rome" in talk("/keep 2")
    assert facts(memory) == {("Ann", "left", "Rome")}
    assert "+ Ann >> moved to >> Lyon" in talk("/keep")
    assert [*memory.snapshot.operations()][-1].note == f"said: {MOVED}"
    assert "- Ann >> moved to >> Lyon" in talk("/undo")


def answered(memory: Memory, *all_: Found) -> Talk:
    """A chat whose last answer came from a sentence."""
    talk = Talk(memory, *all_)
    memory.ingest(read_text("lease.md", "The rent of the mill is 900 EUR. It is old."), (), "m", "f")
    place = memory.evidence_at([(memory.snapshot.documents()[0].id, 0, 32, 0)])[0]
    talk.chat.last = "What is the rent?"
    talk.chat.answer = Done("900 EUR", 1, 0, 0, 1.0, 0.1, outcome="text", value="900 EUR")
    talk.chat.renderer.numbered = [place]
    return talk


def test_an_answer_of_a_text_is_accepted_as_its_sentence_states_it(memory: Memory) -> None:
    both = found("mill", "is", "old"), found("mill", "rent", "900 EUR")
    talk = answered(memory, *both)
    assert "+ mill >> monthly rent >> 900 EUR" in talk("/accept")
    (fact,) = memory.snapshot.facts()
    assert fact.person
    (places,) = memory.evidence([fact]).values()
    assert [p.said for p in places] == ["The rent of the mill is 900 EUR."]


def test_an_answer_is_accepted_in_the_persons_own_words(memory: Memory) -> None:
    talk = answered(memory)
    assert "No fact with that answer was found" in talk("/accept 1")
    assert "number 2" in talk("/accept 2")
    assert "+ Old Mill >> monthly rent >> 900 EUR" in talk('/accept 1 "Old Mill >> rent >> 900 EUR"')
    assert "+ Old Mill >> colour of >> 900 EUR" in talk("/accept Old Mill >> colour of >> 900 EUR")


def test_a_name_is_given(memory: Memory) -> None:
    talk = Talk(memory, *BOTH)
    assert "kept as Ann" in talk("/me")
    assert "kept as Bea Moss" in talk("/me Bea Moss")
    assert (talk.chat.stating.person, talk.chat.options.person) == ("Bea Moss", "Bea Moss")
    assert talk.kept == [("person", "Bea Moss")]


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.mark.parametrize(
    ("pressed", "kept"),
    [
        ("y", {("Ann", "moved to", "Lyon"), ("Ann", "left", "Rome")}),
        ("1", {("Ann", "moved to", "Lyon")}),
        ("3", set()),
        ("\r", set()),
        ("\x03", set()),
    ],
)
def test_a_key_keeps_it(memory: Memory, keys: PipeInput, pressed: str, kept: set[tuple[str, str, str]]) -> None:
    talk = Talk(memory, *BOTH)
    keys.send_text(f"{MOVED}\r{pressed}/quit\r")
    talk.chat.run(keys, DummyOutput())
    assert facts(memory) == kept
    assert ("not kept" in talk.file.getvalue()) == (not kept)


def test_keys_of_vi_and_back(memory: Memory, keys: PipeInput) -> None:
    talk = Talk(memory)
    memory.set(Triple("Freedonia", "capital", "Sylvania City"))
    keys.send_text("/keys vi\r/factsx\x1bxA Freedonia\r/keys emacs\r/quit\r")
    talk.chat.run(keys, DummyOutput())
    assert "Freedonia >> capital >> Sylvania City" in talk.file.getvalue()
    assert talk.kept == [("keys", "vi"), ("keys", "emacs")]
    assert "Which keys?" in talk("/keys nano")
