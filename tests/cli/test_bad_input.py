"""What people type by mistake ends in a line that says so, and changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from memllm_cli.memory.edit.memory import Memory
from tests.cli.conftest import Run

CHIEF = "chief executive officer"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fact", "set", f"Acme >> {CHIEF} >> Bob", "--from", "2024-13"), "is not a date"),
        (("fact", "get", f"Acme >> {CHIEF} >>", "--valid-at", "2023-06-31"), "is not a date"),
        (("query", f"?x >> {CHIEF} >> ?y", "--valid-at", "2020-02-30"), "is not a date"),
        (("fact", "set", "Freedonia >> capital >> ?"), "is a variable"),
        (("entity", "alias", "Acme", "a >> b"), "cannot be a name"),
        (("relation", "alias", "capital of", "boss of"), "seen from the other side"),
        (("relation", "set", "capital of", "--objects", "many"), "seen from the other side"),
        (("log", "--kind", "sets"), "no kind of operation"),
        (("log", "--since", "3"), "no time"),
        (("undo", "two"), "no operation's number"),
        (("backup", ""), "no name"),
        (("ingest", ""), "path is empty"),
        (("fact", "set", "A >> capital >> B", "--note", "\udcff"), "not UTF-8"),
    ],
)
def test_a_line_says_what_is_wrong(run: Run, memory: Memory, arguments: tuple[str, ...], said: str) -> None:
    run("fact", "set", f"Acme >> {CHIEF} >> Ann", "--from", "2020")
    before = memory.snapshot.last_operation
    ran = run(*arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "should not have happened" not in ran.err
    assert memory.snapshot.last_operation == before


def test_columns_come_as_the_variables_were_written(run: Run) -> None:
    run("fact", "set", "Alpha >> director >> Dora")
    assert run("query", "?x >> director of >> ?y").out == "Dora\tAlpha\n"
    assert run("query", "?y >> director >> ?x").out == "Alpha\tDora\n"


def test_numbers_that_json_does_not_have(run: Run) -> None:
    run("fact", "set", "Alpha >> director >> Dora")
    assert run("--json", "sql", "select 'nan'::double, '-inf'::double, 1.5::double").data["rows"] == [
        ["nan", "-inf", 1.5]
    ]


def test_the_log_has_what_was_done_and_why(run: Run) -> None:
    run("fact", "set", "Alpha >> director >> Dora", "--note", "by phone")
    assert "Alpha >> director >> Dora (by phone)" in run("log", "--by", "you").out


def test_changes_of_days_are_shown(run: Run) -> None:
    run("fact", "set", f"Acme >> {CHIEF} >> Ann", "--from", "2020")
    said = run("fact", "set", f"Acme >> {CHIEF} >> Bob", "--from", "2024").out
    assert said.splitlines() == [
        f"- Acme >> {CHIEF} >> Ann, 2020 to …",
        f"+ Acme >> {CHIEF} >> Ann, 2020-01-01 to 2023-12-31",
        f"+ Acme >> {CHIEF} >> Bob, 2024 to …",
    ]


def test_a_damaged_knowledge_base_gives_way_to_its_backup(run: Run, memory: Memory, tmp_path: Path) -> None:
    run("fact", "set", "Alpha >> director >> Dora")
    file = tmp_path / "all.gz"
    assert run("backup", str(file)).code == 0
    whole = memory.database.path.read_bytes()
    memory.database.path.write_bytes(whole[:5000])
    assert run("fact", "list").code == 1
    assert run("restore", str(file), "--replace", "--yes").code == 0
    assert run("fact", "get", "Alpha >> director >>").out == "Dora\n"
    (aside,) = memory.database.folder.parent.glob("*.damaged")
    assert (aside / "facts.duckdb").read_bytes() == whole[:5000]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("json", [(), ("--json",)])
def test_no_room_for_the_output(tmp_path: Path, json: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "memllm_cli.cli.main", "--home", str(tmp_path), *json, "relation", "list"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: The output cannot be written: no room."
    assert "Traceback" not in done.stderr
