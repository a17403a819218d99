from __future__ import annotations

import io
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from memllm_cli.answering.options import Options
from memllm_cli.chat.chat import EMPTY, Chat
from memllm_cli.engine.base import Engine
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.errors import ModelMissing
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.formats import Examples
from memllm_cli.types import Document, Sentence, Triple

PAGE = "The capital of Freedonia is Sylvania City."
ASKED = "What is the capital of Freedonia?"


class Talk:
    """A chat with what it printed since the last line."""

    def __init__(self, memory: Memory, make: Callable[[], Engine] | None = None, history: Path | None = None) -> None:
        self.file = io.StringIO()
        console = Console(file=self.file, highlight=False, soft_wrap=True)
        make = make or (lambda: ScriptedEngine(lambda context: ""))
        self.chat = Chat(
            Finder(memory),
            lambda: Examples(make()),
            console,
            options=Options(temperature=0.0),
            model="scripted",
            history=history,
        )

    def __call__(self, line: str) -> str:
        self.file.seek(0)
        self.file.truncate()
        assert self.chat.handle(line)
        return self.file.getvalue()


@pytest.fixture
def filled(memory: Memory) -> Memory:
    document = Document("/d/page.md", "A page", "text/markdown", "1", PAGE, (Sentence(0, len(PAGE), 1),))
    memory.ingest(document, [Written(Triple("Freedonia", "capital", "Sylvania City"), (0,), 0.9)], "tiny", "f")
    return memory


@pytest.fixture
def talk(filled: Memory) -> Talk:
    return Talk(filled)


def test_ask_why_set_retry_undo(talk: Talk) -> None:
    first = talk(ASKED)
    assert "    = Sylvania City   — page.md, line 1" in first
    assert f'  [1] "{PAGE}" — page.md, line 1' in first
    why = talk("/why")
    assert f'"{PAGE}" — A page (page.md, line 1)' in why
    assert "operation 2 (ingest)" in why
    assert "the model's score 0.90" in why
    assert "model tiny" in why
    changed = talk('/set "Rufus Town >> capital of >> Freedonia"')
    assert changed.splitlines()[:2] == [
        "- Freedonia >> capital >> Sylvania City",
        "+ Freedonia >> capital >> Rufus Town",
    ]
    again = talk("/retry")
    assert "    = Rufus Town   — stated by you" in again
    assert "before: Sylvania City" in again
    assert len(talk.chat.conversation.messages) == 2
    assert "stated by you" in talk("/why")
    undone = talk("/undo")
    assert "+ Freedonia >> capital >> Sylvania City" in undone
    assert "\nSylvania City\n" in talk("/retry")


def test_what_is_numbered_is_asked_for_by_its_number(talk: Talk) -> None:
    assert "Nothing has been asked yet." in talk("/why 1")
    talk(ASKED)
    shown = talk("/why 1")
    assert "Freedonia >> capital >> Sylvania City" in shown
    assert f'"{PAGE}" — A page (page.md, line 1)' in shown
    assert "has the number 2" in talk("/why 2")


@pytest.mark.parametrize("why", ["Why?", "How do you know that?"])
def test_why_without_a_reason_in_memory_shows_what_the_answer_rests_on(talk: Talk, why: str) -> None:
    assert "rests on" not in talk(why)
    talk(ASKED)
    shown = talk(why)
    assert "the answer before rests on:" in shown
    assert f'"{PAGE}" — A page (page.md, line 1)' in shown


def test_forget_and_take_it_back(talk: Talk) -> None:
    assert "- Freedonia >> capital >> Sylvania City" in talk('/forget "Freedonia >> capital >>"')
    assert "Memory has nothing" in talk(ASKED)
    assert "+ Freedonia >> capital >> Sylvania City" in talk("/undo")
    assert "No fact is" in talk("/forget Freedonia >> capital >> Nowhere")


@pytest.mark.parametrize("what", ['"Freedonia >> capital >> Sylvania City"', "page.md"])
def test_without_a_fact_or_a_document_nothing_is_changed(talk: Talk, filled: Memory, what: str) -> None:
    talk(ASKED)
    before = filled.snapshot.last_operation
    shown = talk(f"/without {what}")
    assert shown.startswith("without ")
    assert "Sylvania City" not in shown.split(":", 1)[1]
    assert filled.snapshot.last_operation == before
    assert "Sylvania City" in talk(ASKED)


def test_answers_from_some_documents(talk: Talk) -> None:
    assert "1 document alone" in talk("/in page.md")
    assert "Sylvania City" in talk(ASKED)
    assert "No document is called" in talk("/in nowhere.md")
    assert "all documents" in talk("/in")
    assert "A page" in talk("/sources")
    assert "1 fact" in talk("/sources")


def test_a_fact_is_not_accepted_again(talk: Talk) -> None:
    talk(ASKED)
    assert "none from a text" in talk("/accept")


def test_a_fact_set_by_another_process_is_seen(talk: Talk, filled: Memory) -> None:
    assert "Sylvania City" in talk(ASKED)
    Memory(filled.database.folder).set(Triple("Freedonia", "capital", "Rufus Town"))
    assert "Rufus Town" in talk(ASKED)


def test_set_without_quotes_and_restating(talk: Talk) -> None:
    assert "+ Marovia >> capital >> Tarn" in talk("/set Marovia >> capital >> Tarn")
    assert "held that already" in talk("/set Marovia >> capital >> Tarn")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/wyh", "The nearest is /why"),
        ("/zzzzzzzz", "/help lists the commands"),
        ("/why", "Nothing has been asked yet."),
        ("/retry", "Nothing has been asked yet."),
        ("/set", "There is nothing to set."),
        ("/set Freedonia", "expected three fields"),
        ("/set Freedonia >> capitol >> X", "capital"),
        ("/style loud", "There is no style 'loud'."),
        ("/reads perhaps", "neither on nor off"),
        ("/facts", "Facts about what?"),
        ("/facts sylvan", "Nearest: Sylvania City"),
        ("/undo 7", "memllm undo 7"),
    ],
)
def test_mistakes_are_explained_and_the_chat_goes_on(talk: Talk, line: str, said: str) -> None:
    shown = talk(line)
    assert shown.startswith("error: ")
    assert said in shown
    assert talk.chat.failure > 0
    assert "Sylvania City" in talk(ASKED)


def test_reads_style_facts_help(talk: Talk) -> None:
    assert "hidden" in talk("/reads")
    assert "⟳" not in talk(ASKED)
    assert "shown" in talk("/reads on")
    assert "answers are free" in talk("/style free")
    assert talk.chat.options.style == "free"
    assert talk("/facts Freedonia") == "Freedonia >> capital >> Sylvania City   — page.md, line 1\n"
    shown = talk("/help")
    for command in ("/help", "/reads", "/why", "/set", "/undo", "/retry", "/facts", "/quit"):
        assert command in shown
    assert not talk.chat.handle("/quit")


def test_why_without_a_read(talk: Talk) -> None:
    talk("Hello there!")
    assert "Nothing was read" in talk("/why")


def test_small_talk_is_answered_without_a_read(talk: Talk) -> None:
    for line in ("Hello there!", "thanks", "Who are you?", "what can you do?"):
        shown = talk(line)
        assert shown.endswith("Ask about what is in memory: one fact about Freedonia.\n\n")
        assert "⟳" not in shown
        assert "nothing" not in shown
    assert "Sylvania City" in talk(ASKED)


def test_an_empty_memory_says_how_to_fill_it(memory: Memory, keys: PipeInput) -> None:
    def make() -> Engine:
        raise AssertionError("no model is needed to say that there is nothing")

    talk = Talk(memory, make)
    assert talk(ASKED) == f"{EMPTY}\n\n"
    shown = typed(talk, keys, "hi\r/set Marovia >> capital >> Tarn\r\x04")
    assert shown.startswith(f"{EMPTY}\n\n{EMPTY}\nHello. {EMPTY}\n\n+ Marovia >> capital >> Tarn")
    assert not talk.chat.empty()


def test_what_a_person_accepted_keeps_its_sentence(talk: Talk, filled: Memory) -> None:
    filled.set(Triple("Freedonia", "capital", "Sylvania City"))
    shown = talk(ASKED)
    assert "    = Sylvania City   — stated by you; page.md, line 1" in shown
    assert f'  [1] stated by you; "{PAGE}" — page.md, line 1' in shown
    why = talk("/why")
    assert "stated by you" in why
    assert f'"{PAGE}" — A page (page.md, line 1)' in why
    assert talk("/facts Freedonia").endswith("— stated by you; page.md, line 1\n")


def test_hostile_names_are_inert(talk: Talk) -> None:
    shown = talk("/set \x1b[2J[bold]Evil[/bold] >> capital >> [red]Lair\x07")
    assert "+ [bold]Evil[/bold] >> capital >> [red]Lair" in shown
    shown += talk("/facts [red]Lair") + talk("/[bold]x\x1b[1m")
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_an_engine_that_cannot_be_loaded_is_tried_again(filled: Memory) -> None:
    engines: list[Engine] = []

    def make() -> Engine:
        if not engines:
            engines.append(ScriptedEngine(lambda context: ""))
            raise ModelMissing("The file is not here.", "Get it: memllm model pull x")
        return engines[0]

    talk = Talk(filled, make)
    assert talk(ASKED) == "error: The file is not here.\nGet it: memllm model pull x\n"
    assert talk.chat.failure == 5
    assert "Sylvania City" in talk(ASKED)


# -- Ctrl-C -----------------------------------------------------------------------------------------------------


def interrupting(presses: int) -> Callable[[], Engine]:
    """Engines that write `la la la …`; at its fifth word the first one meets Ctrl-C."""
    count = 0

    def script(context: str) -> str:
        nonlocal count
        count += 1
        if count == 5:
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)
        return " la" if count < 30 else ""

    return lambda: ScriptedEngine(script)


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_stops_the_answer_and_not_the_chat(filled: Memory, presses: int) -> None:
    before = signal.getsignal(signal.SIGINT)
    talk = Talk(filled, interrupting(presses))
    talk("/style free")
    shown = talk("Sing!")
    assert "la la" in shown
    assert shown.endswith("\nstopped\n")
    assert talk.chat.conversation.messages == []
    assert signal.getsignal(signal.SIGINT) == before
    talk("/style grounded")
    assert "Memory has nothing on this." in talk("/retry")
    assert [m.text for m in talk.chat.conversation.messages][:1] == ["Sing!"]


# -- from a pipe --------------------------------------------------------------------------------------------------


def test_lines_from_a_pipe(talk: Talk) -> None:
    assert talk.chat.run_lines(["\n", f"{ASKED}\n", "/quit\n", "never reached\n"]) == 0
    assert talk.file.getvalue().splitlines() == [
        "  ⟳ Freedonia >> capital >> ?",
        "    = Sylvania City   — page.md, line 1",
        "Sylvania City",
        f'  [1] "{PAGE}" — page.md, line 1',
        "",
    ]
    assert talk.chat.run_lines(["/nonsense", ASKED]) == 2


# -- at a terminal ------------------------------------------------------------------------------------------------


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


def typed(talk: Talk, keys: PipeInput, text: str) -> str:
    keys.send_text(text)
    talk.chat.run(keys, DummyOutput())
    return talk.file.getvalue()


def test_typing_and_leaving(talk: Talk, keys: PipeInput) -> None:
    shown = typed(talk, keys, f"{ASKED}\r/why\r\x04")
    assert "= Sylvania City" in shown
    assert "operation 2 (ingest)" in shown
    assert "1 facts · grounded · reads on" in talk.chat.toolbar()


def test_escape_enter_begins_a_new_line(talk: Talk, keys: PipeInput) -> None:
    typed(talk, keys, "What is the capital\x1b\rof Freedonia?\r\x04")
    assert talk.chat.conversation.messages[0].text == "What is the capital\nof Freedonia?"


def test_ctrl_c_clears_the_line_and_then_hints(talk: Talk, keys: PipeInput) -> None:
    shown = typed(talk, keys, "nonsense\x03/reads\r\x03\x03\x04")
    assert shown == "reads are hidden\nTo leave: /quit or Ctrl-D\n"


def test_history_is_private(filled: Memory, keys: PipeInput, tmp_path: Path) -> None:
    path = tmp_path / "chat-history"
    typed(Talk(filled, history=path), keys, "/reads\r/quit\r")
    assert "/reads" in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_home_that_cannot_be_written_keeps_no_history(filled: Memory, keys: PipeInput, tmp_path: Path) -> None:
    assert "hidden" in typed(Talk(filled, history=tmp_path / "missing" / "chat-history"), keys, "/reads\r\x04")
