"""A conversation in a pseudo-terminal, while another process writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Home

pexpect = pytest.importorskip("pexpect")
pytestmark = pytest.mark.e2e
QUESTION = "What is the capital of Freedonia?"


class Talk:
    """A chat that is open at a terminal."""

    def __init__(self, home: Home, *options: str) -> None:
        environment = home.environment | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "LC_ALL": "C.UTF-8"}
        program, *arguments = home.command("chat", *options)
        self.child: Any = pexpect.spawn(
            program, arguments, env=environment, cwd=str(home.root), encoding="utf-8", timeout=120, dimensions=(50, 180)
        )

    def type(self, line: str) -> None:
        self.child.send(line + "\r")

    def shows(self, *texts: str) -> str:
        """Wait for these texts, one after the other; returns what was on the screen until the last of them."""
        seen = ""
        for text in texts:
            self.child.expect_exact(text)
            seen += self.child.before + self.child.after
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)

    def ready(self) -> None:
        """Wait for the next prompt: what is typed before it may be taken for lines of one input."""
        self.shows("default ▸")


def test_an_empty_home_is_filled_by_talking(home: Home) -> None:
    talk = Talk(home)
    try:
        talk.shows("The memory is empty.", "memllm ingest FOLDER")
        talk.ready()
        talk.type("hi there")
        talk.shows("Hello.")
        talk.ready()
        talk.type('/set "Sylvania City >> capital of >> Freedonia"')
        talk.shows("+ Freedonia >> capital >> Sylvania City")
        talk.ready()
        talk.type(QUESTION)
        talk.shows("= Sylvania City", "stated by you")
        talk.ready()
        talk.type("/quit")
        talk.child.expect(pexpect.EOF)
    finally:
        talk.child.close(force=True)
    assert home.facts() == {("Freedonia", "capital", "Sylvania City")}


@pytest.fixture
def talk(told: Home) -> Iterator[Talk]:
    talk = Talk(told)
    yield talk
    talk.child.close(force=True)


def test_a_conversation_and_a_correction_from_another_process(told: Home, talk: Talk) -> None:
    talk.ready()
    talk.type(QUESTION)
    talk.shows(
        "⟳ Freedonia >> capital >> ?", "= Sylvania City", "freedonia.pdf, page 1", '"Its capital is Sylvania City."'
    )
    talk.ready()
    talk.type("/why")
    why = talk.shows("Freedonia >> capital >> Sylvania City", "(import)", "Its capital is Sylvania City.")
    assert "operation" in why
    talk.ready()

    talk.type('/set "Rufus Town >> capital of >> Freedonia"')
    talk.shows("- Freedonia >> capital >> Sylvania City", "+ Freedonia >> capital >> Rufus Town", "/undo takes it back")
    talk.ready()
    talk.type("/retry")
    talk.shows("▸ " + QUESTION, "= Rufus Town", "stated by you")
    talk.ready()

    other = told.run("--json", "fact", "set", "Port Alder >> capital of >> Freedonia").data["changes"][0]
    assert other["before"] == [["Freedonia", "capital", "Rufus Town"]]
    talk.type(QUESTION)
    talk.shows("= Port Alder", "stated by you")
    talk.ready()

    talk.type("/undo")
    talk.shows("undone: operation", "+ Freedonia >> capital >> Rufus Town")
    talk.ready()
    talk.type("/retry")
    talk.shows("= Rufus Town", "stated by you")
    talk.ready()
    talk.type("/undo")
    talk.shows("undone: operation", "+ Freedonia >> capital >> Sylvania City")
    talk.ready()
    talk.type("/quit")
    talk.child.expect(pexpect.EOF)
    talk.child.wait()
    assert talk.child.exitstatus == 0
    assert told.facts("Freedonia >> capital >>") == {("Freedonia", "capital", "Sylvania City")}


def test_ctrl_c_at_the_prompt_does_not_end_the_chat(told: Home, talk: Talk) -> None:
    talk.ready()
    talk.child.send("half a question\x03")
    talk.child.send("\x03")
    talk.type("/facts Harbour House")
    talk.shows("Harbour House >> location >> Porthollow")
    talk.ready()
    talk.type("/quit")
    talk.child.expect(pexpect.EOF)
    talk.child.wait()
    assert talk.child.exitstatus == 0
