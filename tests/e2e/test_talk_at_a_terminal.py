"""A letter written at a terminal with a script in the model's place, and a long talk with the real default models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Home
from tests.e2e.test_chat_at_a_terminal import Talk, pexpect
from tests.e2e.test_texts import Reading, read

__all__ = ["read"]  # a fixture

pytestmark = pytest.mark.e2e

WRITER = """
import re
from memllm_cli.app import App
from memllm_cli.cli.main import run
from memllm_cli.engine.scripted import ScriptedEngine

ASKS = {"deposit": "What is the deposit under the Harbour Lease?", "is": "Who is the gardener of the Harbour Lease?"}
TEXTS = (
    "Dear tenant, the deposit is EUR 99",
    "Dear tenant, the deposit is EUR 12,600. The gardener is Bob Moss.",
)

def play(context):
    said = context.rpartition("<|im_start|>assistant\\n")[2]
    before, opened, asked = said.rpartition("({MEM_TEXT(")
    if opened and "})" not in asked:
        question = ASKS["is" if "gardener" in before else "deposit"]
        return question[len(asked):] + ")" if question.startswith(asked) else ")"
    plain = re.sub(r"\\(\\{.*?\\}\\)", "", said)
    return next((t[len(plain):] for t in TEXTS if t.startswith(plain)), "")

run(["chat", "--style", "free"], App(make_engine=lambda n, context: ScriptedEngine(play, context=4096, sequences=n)))
"""


class Writing(Talk):
    """A chat whose model plays a script."""

    def __init__(self, home: Home) -> None:
        environment = home.environment | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "LC_ALL": "C.UTF-8"}
        self.child: Any = pexpect.spawn(
            sys.executable, ["-c", WRITER], env=environment, cwd=str(home.root), encoding="utf-8", timeout=120,
            dimensions=(50, 180),
        )  # fmt: skip


def test_a_letter_with_reads_inside(told: Home) -> None:
    talk = Writing(told)
    try:
        talk.ready()
        talk.type("Write to the tenant about the deposit.")
        shown = talk.shows(
            "⟳ Harbour Lease >> deposit >> ?", "= EUR 12,600", "not from memory: Bob Moss", "[1]", "lease.md"
        )
        assert "Dear tenant, the deposit is" in shown.split("⟳ Harbour")[0]
        assert "Dear tenant, the deposit is EUR 12,600[1]. The gardener is Bob Moss[?]." in shown
        assert '[1] "The deposit under the Harbour Lease is EUR 12,600."' in shown
        talk.ready()
        talk.type("/why 1")
        talk.shows("Harbour Lease >> deposit >> EUR 12,600")
        talk.ready()
        talk.type("/quit")
        talk.child.expect(pexpect.EOF)
    finally:
        talk.child.close(force=True)


# -- with the real models -----------------------------------------------------------------------------------------


@pytest.fixture
def talk(read: Reading) -> Iterator[Talk]:
    talk = Talk(read)
    yield talk
    talk.child.close(force=True)


@pytest.mark.default
def test_a_long_talk(read: Reading, talk: Talk) -> None:
    def say(line: str, *shows: str) -> str:
        talk.ready()
        talk.type(line)
        return talk.shows(*shows)

    say("What is the service charge under the Harbour Lease?", "EUR 380", "[1]", "lease.md, line 19")
    say("And the deposit?", "EUR 12,600", "[1]", "The deposit under the Harbour Lease")
    say("/why 1", "EUR 12,600", "lease.md")
    say("How much insurance cover must the tenant hold?", "EUR 500,000", "[1]", "lease.md, line 23")
    say("/without lease.md", "without lease.md:", "Memory has nothing on this.")
    say("/accept 1", "+ ", "500,000", "/undo takes it back")
    say("My doctor is Dr. Ortega.", ">> doctor >> Dr. Ortega", "y keeps it")
    talk.child.send("y")
    talk.shows("+ ", ">> doctor >> Dr. Ortega")
    say("Who is my doctor?", "= Dr. Ortega", "stated by you")
    say("/in side-letter.txt", "1 document alone")
    say("What is the monthly rent under the Harbour Lease?", "3,900", "[1]")
    talk.ready()
    talk.type("/quit")
    talk.child.expect(pexpect.EOF)

    more = Talk(read, "--continue")
    try:
        more.shows("going on with", "questions")
        more.ready()
        more.type("/why")
        more.shows("Nothing has been asked yet.")
        more.ready()
        more.type("What is the deposit under the Harbour Lease?")
        more.shows("12,600")
        more.ready()
        more.type("/quit")
        more.child.expect(pexpect.EOF)
    finally:
        more.child.close(force=True)
    sessions = read.run("chat", "--sessions").out
    assert "What is the service charge" in sessions
