"""Cleaning, counting, the two consoles, and Ctrl-C that waits."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.documents.clean import clean as clean_document
from memllm_cli.terminal import Output, clean, count, interrupts_held

SEQUENCES = [
    ("a\x1b[31;1mb\x1b[0mc", "abc"), ("a\x1b[?25lb\x1b[2 qc", "abc"), ("a\x9b31mb", "ab"),
    ("a\x1b]0;title\x07b", "ab"), ("a\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\c", "abc"), ("a\x9d0;t\x9cb", "ab"),
    ("a\x1bP1$tx\x1b\\b\x1b_app\x1b\\c", "abc"), ("a\x1b(Bb", "ab"),
    ("a\x1b]never ended", "a]never ended"), ("a\x1b[31", "a[31"), ("a\x1b", "a"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "left"), SEQUENCES)
def test_escape_sequences_go_as_a_whole(text: str, left: str) -> None:
    assert clean(text) == left
    assert clean_document(text) == left


def test_a_string_that_never_ends_does_not_reach_over_its_line() -> None:
    assert clean("a\x1b]0;one\ntwo\x07", lines=True) == "a]0;one\ntwo"


@given(st.text(alphabet="\x1b\x07\x9b\x9c\x9d\x90[]();\\0mPX a\n"))
def test_nothing_that_moves_a_cursor_is_left(text: str) -> None:
    for left in (clean(text), clean_document(text)):
        assert not set(left) & set("\x1b\x07\x9b\x9c\x9d\x90")


@pytest.mark.parametrize("part", ["\x1b]", "\x9d", "\x1b[", "\x1b[1;", "\x9b1", "\x1bPa", "\x1b]a\x1b"])
def test_cleaning_ends_soon(part: str) -> None:
    """In linear time these are a moment; in squared time they would be hours."""
    text = part * 100_000
    assert len(clean(text)) <= len(text)
    assert len(clean_document(text)) <= len(text)


def test_one_is_singular() -> None:
    assert [count(n, "fact") for n in (0, 1, 2)] == ["0 facts", "1 fact", "2 facts"]


def test_everything_goes_through_one_console(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    assert output.err is output.err
    assert output.out is output.out
    assert output.err is not output.out
    output.note("aside")
    output.line("data")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("data\n", "aside\n")


def test_ctrl_c_waits_for_the_end_of_a_block() -> None:
    done = []

    def press(times: int) -> None:
        with interrupts_held():
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
            done.append(times)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        press(0)
        for times in (1, 2):
            with pytest.raises(KeyboardInterrupt):
                press(times)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == [0, 1]


def test_only_calibrated_probabilities_are_told_as_shares() -> None:
    from memllm_cli.terminal import sureness

    assert sureness(0.84, "draft-1") == "about 8 in 10 like this are right"
    assert sureness(0.99, "draft-1") == "nearly all like this are right"
    assert sureness(0.02, "draft-1") == "hardly any like this are right"
    assert sureness(0.84, "write-1") == sureness(0.84, None) == "the model's score 0.84"
