"""Keys and what stands on the screen, through a pipe in a terminal's place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from io import StringIO

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.formatted_text import StyleAndTextTuples, fragment_list_to_text
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from memllm_cli.memory.edit.memory import Memory
from memllm_cli.reviewing.queue import Queue
from memllm_cli.reviewing.screen import HELP, ReviewScreen
from memllm_cli.types import Triple
from tests.reviewing.kept import held, read

FIRST = ("Harbour Works", "founded by", "Ada Quill")
SECOND = ("Harbour Works", "headquarters location", "Port Alder")
THIRD = ("Mill Works", "founded by", "Ben Stone")


class At:
    """A review on a terminal of some size; `type` presses keys until it ends."""

    def __init__(self, memory: Memory, keys: PipeInput, columns: int = 100, rows: int = 24) -> None:
        self.written = StringIO()
        output = Vt100_Output(self.written, lambda: Size(rows=rows, columns=columns), term="xterm")
        self.queue = Queue(memory)
        self.keys = keys
        self.screen = ReviewScreen(self.queue, self.complete, keys, output)

    @staticmethod
    def complete(field: str, typed: str) -> Sequence[str]:
        names = ["night watchman of"] if field == "relation" else ["Sylvania City", "Sylvester"]
        return [n for n in names if n.startswith(typed)]

    def type(self, *keys: str) -> bool:
        self.keys.send_text("".join(keys))
        return self.screen.run()

    def row(self, number: int, width: int) -> str:
        return fragment_list_to_text(self.screen._row(number, width))


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


@pytest.fixture
def at(memory: Memory, keys: PipeInput) -> At:
    read(memory)
    return At(memory, keys)


def test_letters_accept_reject_and_take_back(at: At) -> None:
    assert at.type("a", "r", "a", "u", "q")
    assert held(at.queue.memory) == {FIRST}
    assert SECOND not in held(at.queue.memory, proposed=True)
    assert at.queue.summary() == "1 accepted, 1 rejected"


@pytest.mark.parametrize("moves", ["jj", "\x1b[B\x1b[B", "Gk", "jjj\x1b[A", "\x1b[6~gjj", "G\x1b[5~jj"])
def test_every_way_down_and_up(at: At, moves: str) -> None:
    at.type(moves, "a", "q")
    assert held(at.queue.memory) == {THIRD}


def test_marked_ones_together(at: At) -> None:
    at.type(" ", "j", " ", "A", "q")
    assert held(at.queue.memory) == {FIRST, THIRD}
    assert len(at.queue.done) == 1


def slowly(at: At, *keys: str) -> None:
    """Press keys with time between them, as Esc and the list of completions need."""

    async def press() -> None:
        for key in keys:
            at.keys.send_text(key)
            await asyncio.sleep(0.3)

    def start() -> None:
        at.screen.app.create_background_task(press())

    at.screen.app.pre_run_callables.append(start)
    at.screen.run()


def test_a_field_is_edited_with_a_completion(at: At) -> None:
    slowly(at, "e\t\t\x15Sylva", "\x1b[B", "\r\r", "q")
    assert held(at.queue.memory) == {("Harbour Works", "founded by", "Sylvania City")}


def test_while_a_field_is_edited_letters_are_letters_and_esc_leaves_it(at: At) -> None:
    slowly(at, "eaarruu", "\x1b", "jaq")
    assert held(at.queue.memory) == {SECOND}


def test_a_filter_narrows_while_it_is_typed(at: At) -> None:
    at.type("/ben\r", "a", "q")
    assert held(at.queue.memory) == {THIRD}


def test_help_hides_the_list_until_any_key(at: At) -> None:
    at.type("?", "a", "a", "q")
    assert held(at.queue.memory) == {FIRST}


@pytest.mark.parametrize("before", ["", "e", "/", "?", "eabc", "a"])
def test_ctrl_c_leaves_from_everywhere_and_keeps_what_was_done(at: At, before: str) -> None:
    assert not at.type(before, "\x03")
    assert held(at.queue.memory) == ({FIRST} if before == "a" else set())


def test_pasted_text_does_nothing(at: At) -> None:
    at.type("\x1b[200~arAR\x1b[201~", "q")
    assert at.queue.done == []


@pytest.mark.parametrize("columns", [20, 40, 59, 60, 100, 200])
def test_a_row_fits_and_shows_something_of_each_part(at: At, columns: int) -> None:
    row = at.row(1, columns)
    assert len(row) == columns
    assert row.startswith("  0.60 H")
    assert row.count(">>") == 2
    assert ("works.md, line 2" in row) == (columns >= 100)


def test_the_sentence_is_marked_between_dimmed_neighbours(at: At) -> None:
    at.queue.go(1)
    detail: StyleAndTextTuples = at.screen._detail()
    assert "works.md, line 2" in fragment_list_to_text(detail)
    assert [f[1] for f in detail if f[0] == "class:name"] == ["Its", "Port Alder"]
    assert [f[1].strip()[:13] for f in detail if f[0] == "class:near"] == ["Harbour Works", "Mill Works wa"]


@pytest.mark.parametrize(("columns", "rows"), [(40, 24), (40, 10), (20, 8), (300, 60)])
def test_it_runs_in_any_size(memory: Memory, keys: PipeInput, columns: int, rows: int) -> None:
    read(memory)
    at = At(memory, keys, columns, rows)
    assert at.type("j", "a", "e", "\x15", "\t", "\r", "\x03") is False
    assert held(memory) == {SECOND}


def test_what_a_document_holds_cannot_command_the_terminal(memory: Memory, keys: PipeInput) -> None:
    memory.set(Triple("Evil\x1b]0;title\x07 Works", "founded by", "B\x1b[2J\u202eob"))
    at = At(memory, keys)
    at.queue = at.screen.queue = Queue(memory, proposed=False)
    shown = at.row(0, 80) + fragment_list_to_text(at.screen._detail())
    assert "Evil Works" in shown
    assert not any(c in shown for c in "\x1b\x07\u202e")
    at.screen._edit()
    assert all("\x1b" not in f.text for f in at.screen._fields)


def test_help_tells_every_key_and_fits_a_narrow_terminal() -> None:
    assert max(map(len, HELP.splitlines())) <= 40
    assert {line.split()[0] for line in HELP.splitlines()} >= set("jgareuA/q") | {"space", "Esc", "PageDown"}
