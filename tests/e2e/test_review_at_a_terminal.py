"""A review in a pseudo-terminal, and where there is none."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.types import Document, Sentence, Triple
from tests.conftest import ROOT
from tests.reviewing.kept import held, read

if TYPE_CHECKING:
    from tests.e2e.conftest import Home

pexpect = pytest.importorskip("pexpect")
pytestmark = pytest.mark.e2e
FIRST = ("Harbour Works", "founded by", "Ada Quill")
SECOND = ("Harbour Works", "headquarters location", "Port Alder")
THIRD = ("Mill Works", "founded by", "Ben Stone")


@pytest.fixture
def memory(bare: Home) -> Memory:
    """A knowledge base in which four proposals wait."""
    memory = Memory(bare.root / "kb" / "default")
    memory.create(ROOT / "kb" / "relations.csv")
    read(memory)
    return memory


@pytest.fixture
def child(bare: Home, memory: Memory) -> Iterator[Any]:
    environment = bare.environment | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    program, *arguments = bare.command("review")
    child = pexpect.spawn(
        program, arguments, env=environment, cwd=str(bare.root), encoding="utf-8", timeout=60, dimensions=(24, 100)
    )
    yield child
    child.close(force=True)


def ended(child: Any) -> str:
    """What was written until the end."""
    child.expect(pexpect.EOF)
    child.wait()
    return str(child.before)


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that another process does; what it draws is only what changed, and hard to wait for."""
    end = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_review_by_keyboard(bare: Home, memory: Memory, child: Any) -> None:
    child.expect_exact("4 proposals")
    child.expect_exact("works.md, line 1")
    child.send("a")
    child.expect_exact("accepted: Harbour Works")
    assert held(memory) == {FIRST}  # at once, seen from another process
    child.send("r")
    until(lambda: SECOND not in held(memory, proposed=True))
    child.setwinsize(12, 40)
    child.expect_exact("1 accepted, 1 rej")  # drawn anew, and narrower
    child.send("e\t\t\x15Bertha Stone\r")
    until(lambda: len(held(memory)) == 2)
    child.send("q")
    said = ended(child)
    assert "1 accepted, 1 rejected, 1 corrected; 1 proposal left" in said
    assert child.exitstatus == 0
    assert held(memory) == {FIRST, ("Mill Works", "founded by", "Bertha Stone")}
    assert [e["kind"] for e in bare.run("--json", "log").data][:3] == ["correct", "remove", "accept"]


def test_ten_proposals_are_gone_through(bare: Home, memory: Memory) -> None:
    text = "\n".join(f"Mill {n} belongs to Owner {n}." for n in range(6))
    size = len("Mill 0 belongs to Owner 0.")
    lines = [Sentence(n * (size + 1), n * (size + 1) + size, n + 1) for n in range(6)]
    document = Document("/d/mills.md", "Mills", "text/markdown", "1", text, tuple(lines))
    owned = (Triple(f"Mill {n}", "owned by", f"Owner {n}") for n in range(6))
    facts = [Written(triple, (n,), 0.3, proposed=True, own=True) for n, triple in enumerate(owned)]
    memory.ingest(document, facts, "m", "f")
    assert len(held(memory, proposed=True)) == 10
    environment = bare.environment | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    program, *arguments = bare.command("review")
    child: Any = pexpect.spawn(
        program, arguments, env=environment, cwd=str(bare.root), encoding="utf-8", timeout=60, dimensions=(24, 100)
    )
    child.expect_exact("10 proposals")
    child.send("aaaaaa")
    until(lambda: len(held(memory)) == 6)
    child.send("rr")
    until(lambda: len(held(memory, proposed=True)) == 2)
    child.send("u")
    until(lambda: len(held(memory, proposed=True)) == 3)
    child.send("   A")
    until(lambda: not held(memory, proposed=True))
    child.send("q")
    assert "9 accepted, 1 rejected" in ended(child)
    assert len(held(memory)) == 9


@pytest.mark.parametrize("way", ["key", "signal"])
def test_ctrl_c_leaves_cleanly(memory: Memory, child: Any, way: str) -> None:
    child.expect_exact("works.md, line 1")
    child.send("a")
    child.expect_exact("accepted: Harbour Works")
    if way == "key":
        child.send("\x03")
    else:
        child.kill(signal.SIGINT)
    said = ended(child)
    assert "interrupted: 1 accepted; 3 proposals left" in said
    assert "\x1b[?1049l" in said  # the screen before is there again
    assert "Traceback" not in said
    assert child.exitstatus == 130
    assert held(memory) == {FIRST}


def test_nothing_is_lost_when_it_is_killed(memory: Memory, child: Any) -> None:
    child.expect_exact("works.md, line 1")
    child.send("j")
    child.send("a")
    child.expect_exact("accepted: ")
    child.kill(signal.SIGKILL)
    ended(child)
    assert held(memory) == {SECOND}


def test_without_colour_nothing_is_coloured(child: Any) -> None:
    child.expect_exact("works.md, line 1")
    child.send("q")
    assert not re.search(r"\x1b\[[0-9;]*(?<![0-9])[34][0-7](;|m)", child.before + ended(child))


def test_without_a_terminal_it_says_what_to_use(bare: Home, memory: Memory) -> None:
    assert "fact list --proposed" in bare.run("review").refused(2)
    assert "fact accept" in bare.run("review").refused(2)
    assert "fact list --json" in bare.run("--json", "review", "--facts").refused(2)


def test_an_empty_list_says_so(bare: Home, memory: Memory) -> None:
    memory.remove([f.key for f in memory.snapshot.facts(True)])
    program, *arguments = bare.command("review")
    environment = bare.environment | {"TERM": "xterm"}
    child = pexpect.spawn(program, arguments, env=environment, cwd=str(bare.root), encoding="utf-8", timeout=60)
    assert "Nothing waits" in ended(child)
    assert child.exitstatus == 0
