"""Consoles that cannot show a letter, readers that have gone, streams that are closed: the work is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

FACT = "Łukasz Ferry >> operator >> Café ☕"
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "memllm_cli.cli.main", "--home", str(home), *arguments]


def call(
    home: Path, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    ran = command(home, *arguments)
    return subprocess.run(ran, input=stdin, capture_output=True, env=os.environ | dict(environment or {}), check=False)


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"PYTHONIOENCODING": "ascii"}, b"?ukasz Ferry\toperator\tCaf? ?\t"),
        ({"PYTHONIOENCODING": "cp1252"}, b"?ukasz Ferry\toperator\tCaf\xe9 ?\t"),
        (PLAIN, b"?ukasz Ferry\toperator\tCaf? ?\t"),
    ],
)
def test_letters_a_console_cannot_show_are_replaced(tmp_path: Path, environment: dict[str, str], shown: bytes) -> None:
    stated = call(tmp_path, "fact", "set", FACT, environment=environment)
    assert (stated.returncode, stated.stderr.count(b"error")) == (0, 0)
    listed = call(tmp_path, "fact", "list", environment=environment)
    assert (listed.returncode, listed.stdout[: len(shown)], listed.stderr) == (0, shown, b"")
    whole = json.loads(call(tmp_path, "--json", "fact", "list", environment=environment).stdout)
    assert (whole["data"][0]["subject"], whole["data"][0]["object"]) == ("Łukasz Ferry", "Café ☕")


def test_standard_input_is_utf8_whatever_the_console_speaks(tmp_path: Path) -> None:
    read = call(tmp_path, "fact", "set", "-", stdin=f"{FACT}\n".encode(), environment={"PYTHONIOENCODING": "ascii"})
    assert read.returncode == 0
    assert call(tmp_path, "fact", "get", "Łukasz Ferry >> operator >>").stdout.decode() == "Café ☕\n"
    other = call(tmp_path, "fact", "set", "-", stdin="a >> operator >> b\nCafé >> operator >> b\n".encode("cp1252"))
    assert other.returncode == 2
    assert other.stderr.startswith(b"error: Line 2 of standard input is not UTF-8.")
    assert call(tmp_path, "fact", "get", "a >> operator >>").returncode == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_stops_nothing(tmp_path: Path, unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            command(tmp_path, "fact", "set", FACT), stdout=gone, stderr=subprocess.PIPE, check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert (done.returncode, done.stderr.count(b"rror")) == (0, 0)
    assert call(tmp_path, "fact", "get", "Łukasz Ferry >> operator >>").returncode == 0


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1), (0, 1, 2)])
def test_closed_streams_are_empty_ones(tmp_path: Path, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    done = subprocess.run(command(tmp_path, "fact", "set", FACT), preexec_fn=close, check=False)
    assert done.returncode == 0
    assert call(tmp_path, "fact", "get", "Łukasz Ferry >> operator >>").stdout.decode() == "Café ☕\n"
    assert not (tmp_path / "logs").exists() or not list((tmp_path / "logs").iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_no_room_for_what_is_said_leaves_what_was_done(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(tmp_path, "fact", "set", FACT), stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"error: The output cannot be written: no room.\nWhat was asked is done" in done.stderr
    assert call(tmp_path, "fact", "get", "Łukasz Ferry >> operator >>").returncode == 0
