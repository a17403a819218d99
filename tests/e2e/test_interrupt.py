"""Ctrl-C at any moment: exit code 130, a line on what was kept, never a traceback, and nothing lost."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Home

pytestmark = pytest.mark.e2e
SECONDS = (0.15, 0.35, 0.5, 0.7)
"""When to press: while libraries, documents and the model are loaded, and after."""


def letters(folder: Path, names: dict[str, list[str]]) -> None:
    folder.mkdir()
    for file, houses in names.items():
        text = " ".join(f"The landlord of {house} House is {house} Property Ltd." for house in houses)
        (folder / file).write_text(text + "\n", encoding="utf-8")


def ended(process: subprocess.Popen[str]) -> list[str]:
    """The lines on standard error of a command that was interrupted."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    for said in ("Traceback", "Exception ignored", "should not have happened", "error:"):
        assert said not in out + err, err
    return err.splitlines()


def documents(home: Home) -> set[str]:
    sources: list[dict[str, Any]] = home.run("--json", "source", "list").data
    return {Path(s["uri"]).name for s in sources}


def test_what_is_kept_is_told_and_the_same_command_goes_on(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    many = [a + b for a in ("Birch", "Elm", "Oak", "Pine", "Ash") for b in ("ham", "ley", "ton", "wick", "ford")]
    letters(folder, {"a.txt": ["Alder"], "b.txt": ["Cedar"], "c.txt": many})
    process = home.start("ingest", "--no-draft", str(folder))  # slow enough to be stopped
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("b.txt:"):
            break
    process.send_signal(signal.SIGINT)
    assert ended(process)[-1] == ("interrupted: 2 of 3 documents are in memory; run the same command again to go on")
    assert documents(home) == {"a.txt", "b.txt"}

    process = home.start("ingest", "--no-draft", str(folder))  # slow enough to be stopped
    assert process.stderr is not None
    for line in process.stderr:
        if "unchanged" in line:
            assert line == "2 documents unchanged, already in memory\n"
            break
    process.send_signal(signal.SIGINT)
    assert ended(process)[-1] == ("interrupted: 2 of 3 documents are in memory; run the same command again to go on")


@pytest.mark.parametrize("command", ["ingest", "ask"])
def test_at_any_moment(home: Home, tmp_path: Path, command: str) -> None:
    houses = [a + b for a in ("Birch", "Elm", "Oak", "Pine", "Ash") for b in ("ham", "ley", "ton", "wick", "ford")]
    letters(tmp_path / "letters", {f"{i}.txt": houses for i in range(3)})
    assert home.run("fact", "set", "Freedonia >> capital >> Sylvania City").code == 0
    facts = home.facts()
    arguments = (
        ["ingest", str(tmp_path / "letters")] if command == "ingest" else ["ask", "What is Freedonia's capital?"]
    )
    pressed = 0
    for seconds in SECONDS:
        process = home.start(*arguments)
        time.sleep(seconds)
        if process.poll() is not None:
            process.communicate()
            break  # it is done; later it will be too
        process.send_signal(signal.SIGINT)
        lines = ended(process)
        pressed += 1
        if lines:  # none while the program itself is being loaded
            assert lines[-1].startswith("interrupted")
            assert len([line for line in lines if line.startswith("interrupted")]) == 1
    assert pressed >= 2
    assert facts <= home.facts()
