"""What a command may load, in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = tuple("duckdb numpy llama_cpp prompt_toolkit hnswlib gguf pypdfium2 bs4 torch rich.console".split())
PROGRAM = """
import sys
from memllm_cli.cli.main import run
try:
    run(sys.argv[2:])
except SystemExit as done:
    if done.code:
        raise
finally:
    loaded = [name for name in sys.argv[1].split(",") if name in sys.modules]
    print("LOADED", ",".join(loaded), file=sys.stderr)
"""


def loaded(home: Path, names: tuple[str, ...], *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(names), *arguments],
        env=os.environ | {"MEMLLM_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("LOADED")
    return [name for name in last.removeprefix("LOADED").strip().split(",") if name]


@pytest.mark.parametrize("arguments", [["--help"], ["fact", "--help"], ["fact", "set", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    assert loaded(tmp_path, HEAVY, *arguments) == []


def test_an_exact_name_is_found_without_vectors_or_models(tmp_path: Path) -> None:
    loaded(tmp_path, (), "-q", "fact", "set", "Sylvania City >> capital of >> Freedonia")
    names = loaded(tmp_path, HEAVY, "fact", "get", "Freedonia >> capital >>")
    assert names == ["duckdb"]
