"""What holds for every command: help that ends with an example, one JSON envelope, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from memllm_cli.cli import main
from memllm_cli.cli.main import COMMANDS, hoisted

Run = Callable[..., Any]

DATA = [
    ["paths"], ["stats"], ["model", "list"], ["relation", "list"], ["relation", "add", "mascot"], ["source", "list"],
    ["log"], ["undo"], ["init"], ["reindex"], ["fact", "list"], ["fact", "get", "Freedonia >> capital >>"],
    ["fact", "set", "Rufus Town >> capital of >> Freedonia"], ["fact", "add", "Freedonia >> continent >> Europe"],
    ["fact", "rm", "Freedonia >> capital >>"], ["fact", "why", "Freedonia >> >>"], ["export", "--csv"],
    ["export", "--jsonl"], ["export", "--canonical"], ["model", "use", "all-MiniLM-L6-v2"],
]  # fmt: skip
FAILING = [
    (["fact", "get", "Nowhere >> capital >>"], 1), (["fact", "set", "x"], 2), (["import", "/no/such/file"], 1),
    (["undo", "77"], 1), (["source", "forget", "nothing"], 1), (["model", "build", "nothing"], 1), (["export"], 2),
    (["model", "use", "/no/such.gguf"], 5), (["fact", "list", "x"], 2),
]  # fmt: skip


def commands() -> Iterator[tuple[str, Any]]:
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.callback()(main._options)
    for name in COMMANDS:
        import_module(f"memllm_cli.cli.{name}").register(app)
    stack: list[tuple[str, Any]] = [("memllm", typer.main.get_command(app))]
    while stack:
        name, command = stack.pop()
        children = getattr(command, "commands", {})
        stack += [(f"{name} {child}", sub) for child, sub in children.items()]
        if name != "memllm":
            yield name, command


def test_every_help_text_ends_with_an_example() -> None:
    found = dict(commands())
    assert {"memllm fact set", "memllm log", "memllm export", "memllm model build"} <= set(found)
    ends = {name: (c.epilog or c.help or "").strip().splitlines()[-1].split() for name, c in found.items()}
    assert [name for name, end in ends.items() if end[:2] != ["Example:", "memllm"]] == []


def test_no_command_is_registered_twice() -> None:
    app = main.build()
    groups = [("memllm", app), *((g.name, g.typer_instance) for g in app.registered_groups)]
    for group, typed in groups:
        assert typed is not None
        names = [c.name for c in typed.registered_commands]
        assert len(names) == len(set(names)), f"{group}: {names}"


@pytest.mark.parametrize("arguments", DATA, ids=" ".join)
def test_json_is_one_envelope(run: Run, arguments: list[str]) -> None:
    run("fact", "set", "Sylvania City >> capital of >> Freedonia")
    ran = run(*arguments, "--json")
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 1
    words = [a for a in arguments if a.isalpha()]
    assert ran.envelope["command"] in (" ".join(words[:1]), " ".join(words[:2]))
    assert "data" in ran.envelope


@pytest.mark.parametrize(("arguments", "code"), FAILING, ids=lambda v: " ".join(v) if isinstance(v, list) else str(v))
def test_errors_have_a_code_and_one_envelope(run: Run, arguments: list[str], code: int) -> None:
    run("fact", "set", "Sylvania City >> capital of >> Freedonia")
    ran = run("--json", *arguments)
    assert ran.code == code
    envelope = json.loads(ran.out)
    assert envelope["ok"] is False
    assert envelope["error"]["code"] == code
    plain = run(*arguments)
    assert plain.out == ""
    assert 1 <= len(plain.err.strip().splitlines()) <= 2
    assert "Traceback" not in plain.err


def test_quiet_drops_the_notes(run: Run) -> None:
    ran = run("-q", "fact", "set", "Sylvania City >> capital of >> Freedonia")
    assert ran.err == ""
    assert ran.out


def test_flags_for_every_command_may_stand_anywhere() -> None:
    assert hoisted(["fact", "list", "--json", "--kb", "x"]) == ["--json", "--kb", "x", "fact", "list"]
    assert hoisted(["ask", "--", "--json"]) == ["ask", "--", "--json"]


def test_words_that_begin_with_a_dash_are_no_option() -> None:
    assert hoisted(["fact", "set", "-pond- >> owner >> Rufus"]) == ["fact", "set", " -pond- >> owner >> Rufus"]
    assert hoisted(["log", "--by=you me", "-q", "--limit", "5"]) == ["-q", "log", "--by=you me", "--limit", "5"]


EVIDENCE = {"uri", "title", "start", "end", "page", "line", "sentence", "block"}


def test_facts_for_programs_hold_today_and_all_has_what_ended(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "towns.md"
    page.write_text("# Towns\n\n| Town | Lead |\n|---|---|\n| Ost | Ann Poe |\n| Marn | Bo Lind |\n", encoding="utf-8")
    run("ingest", "--structure", str(page))
    run("fact", "set", "Sylvania City >> capital of >> Freedonia", "--to", "2001")
    now = run("--json", "fact", "list").data
    assert {f["subject"] for f in now} == {"Ost", "Marn"}
    every = run("--json", "fact", "list", "--all").data
    (ended,) = [f for f in every if f["subject"] == "Freedonia"]
    assert (ended["valid_to"], ended["truth"], ended["evidence"]) == ("2001", "stated", [])
    for fact in now:
        (evidence,) = fact["evidence"]
        assert set(evidence) == EVIDENCE
        assert {"kind", "path", "row", "column"} <= set(evidence["block"])
        assert (evidence["uri"], evidence["title"], evidence["line"] > 0) == (str(page), "Towns", True)
        assert fact["subject"] in evidence["sentence"]
        assert evidence["block"]["row"] == fact["subject"]
