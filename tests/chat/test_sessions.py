"""Conversations that are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memllm_cli.chat.sessions import Sessions, as_markdown
from memllm_cli.errors import NotFound
from memllm_cli.prompts import Message

TALK = [Message("user", "What is the fee?"), Message("assistant", "5 euros")]


def test_a_conversation_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "s")
    assert sessions.every() == []
    with pytest.raises(NotFound):
        sessions.load()
    name = sessions.new()
    sessions.keep(name, TALK)
    assert sessions.load() == (name, TALK)
    assert sessions.new() != name
    (one,) = sessions.every()
    assert (one.name, one.first, one.questions) == (name, "What is the fee?", 1)
    with pytest.raises(NotFound, match="no conversation nothing"):
        sessions.load("nothing")
    if os.name != "nt":
        assert (tmp_path / "s" / f"{name}.jsonl").stat().st_mode & 0o077 == 0


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    sessions.keep("a", TALK)
    with (tmp_path / "a.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"role": "user", "te')
    assert sessions.load("a") == ("a", TALK)


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    Sessions(tmp_path / "file").keep("a", TALK)
    assert (tmp_path / "file").read_text() == "no folder"


def test_a_conversation_as_a_page() -> None:
    assert as_markdown("a", TALK).splitlines() == ["# a", "", "## What is the fee?", "", "5 euros"]
