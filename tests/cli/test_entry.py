"""The entry point: help without arguments, usage errors, Ctrl-C, homes and models that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memllm_cli.app import App
from memllm_cli.cli import ingest as ingest_command
from memllm_cli.cli import main
from memllm_cli.memory.edit.memory import Memory

Run = Callable[..., Any]

WRONG = [
    (["nothing"], "memllm"), (["--nothing"], "memllm"), (["fact", "nothing"], "memllm fact"),
    (["fact", "set"], "memllm fact set"), (["fact", "set", "--nothing"], "memllm fact set"),
    (["ask", "--seed", "x", "q"], "memllm ask"), (["model", "use"], "memllm model use"), (["ingest"], "memllm ingest"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", [(), ("fact",), ("model",)])
def test_without_a_command_there_is_help(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.err) == (0, "")
    assert " ".join(["Usage: memllm", *arguments]) in ran.out
    assert "Commands:" in ran.out


@pytest.mark.parametrize(("arguments", "command"), WRONG, ids=lambda v: v if isinstance(v, str) else " ".join(v))
def test_a_usage_error_names_the_help_of_its_command(run: Run, arguments: list[str], command: str) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.err.splitlines()[-1] == f"See: {command} --help"
    assert len(ran.err.splitlines()) == 2


def test_a_home_that_is_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for arguments in (["fact", "set", "a >> capital >> b"], ["fact", "list"], ["paths"], ["stats"]):
        ran = run("--home", str(file), *arguments)
        assert ran.code == 1
        assert ran.err.startswith(f"error: {file} is not a folder.")
        assert len(ran.err.splitlines()) == 2
    ran = run("init", str(file))
    assert ran.err.startswith(f"error: {file} is not a folder.")


def test_settings_that_cannot_be_read_or_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home" / "memllm.toml").mkdir(parents=True)
    for arguments in (["paths"], ["model", "use", "all-MiniLM-L6-v2"]):
        ran = run(*arguments)
        assert ran.code == 1
        assert "memllm.toml" in ran.err
        assert "should not have happened" not in ran.err


NO_MODELS = [
    (["--model", "nothing"], 1), (["--model", "/no/such.gguf"], 5), (["--encoder", "nothing"], 1),
    (["--model", "all-MiniLM-L6-v2"], 5), (["--encoder", "smollm2-135m-instruct"], 5),
]  # fmt: skip


@pytest.mark.parametrize(("option", "code"), NO_MODELS, ids=str)
def test_a_model_that_cannot_be_is_told_first(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str], code: int
) -> None:
    def never(*arguments: object, **options: object) -> None:
        raise AssertionError("too late")

    monkeypatch.setattr(App, "memory", never)
    monkeypatch.setattr(ingest_command, "_plan", never)
    (tmp_path / "a.txt").write_text("The harbour is deep.")
    for arguments in (["ingest", str(tmp_path / "a.txt")], ["ingest", "--dry-run", str(tmp_path)], ["ask", "Where?"]):
        ran = run(*option, *arguments)
        assert ran.code == code, ran.err
        assert len(ran.err.splitlines()) == 2
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["ingest", "PATH"], "nothing was written"), (["ask", "Where?"], "the memory is as it was"), (["stats"], "")],
)
def test_ctrl_c_ends_with_130_and_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if arguments[0] == "ingest":
        monkeypatch.setattr(ingest_command, "_plan", press)
        (tmp_path / "home").mkdir()
        run("init")
    else:
        monkeypatch.setattr(App, "memory", press)
    ran = run("-q", *(str(tmp_path) if a == "PATH" else a for a in arguments))
    assert ran.code == 130
    assert ran.err.splitlines() == ["interrupted" + (f": {said}" if said else "")]
    error = run("--json", *(str(tmp_path) if a == "PATH" else a for a in arguments)).envelope["error"]
    assert error["code"] == 130
    assert error["message"].endswith(said)


def test_what_cannot_be_read_is_named_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.touch()
    ran = run("ingest", str(path))
    assert ran.code == 3
    assert f"not read: {path}: empty; nothing to read in it\n" in ran.err
    assert "1 of 1 document could not be read." in ran.err


def test_a_wait_for_another_process_is_told(run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from filelock import FileLock

    from memllm_cli.memory.disk import lock

    run("fact", "set", "Sylvania City >> capital of >> Freedonia")
    monkeypatch.setattr(lock, "PATIENCE", 0.05)
    monkeypatch.setattr(Memory.__init__, "__defaults__", (0.2,))
    folder = memory.database.folder
    with FileLock(folder / "lock"):
        (folder / "lock.owner").write_text(json.dumps({"pid": os.getpid(), "command": "memllm [bold]chat"}))
        ran = run("fact", "list")
    assert ran.code == 4
    assert ran.err.startswith(f"waiting for process {os.getpid()} (memllm [bold]chat)…\n")


def test_the_entry_point_is_left_as_it_was_for_those_who_call_it(run: Run) -> None:
    import signal
    import sys

    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    run("paths")
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before
    assert callable(main.run)


def test_commands_not_chosen_still_show_their_help() -> None:
    import typer

    from memllm_cli.cli.main import build, chosen

    def text(only: str | None) -> str:
        command = typer.main.get_command(build(only))
        with typer.Context(command, info_name="memllm") as context:
            return command.get_help(context)

    assert text("") == text(None) == text("fact")
    assert chosen(["--quiet", "--kb", "fact", "ask", "x"]) == "ask"
    assert chosen(["--version"]) == ""


@pytest.mark.parametrize("option", [["--home", "{}"], ["--home={}"]])
def test_what_was_not_foreseen_is_logged_in_the_home_that_was_given(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(App, "memory", fail)
    other = tmp_path / "other"
    ran = run("stats", *(o.format(other) for o in option))
    assert ran.code == 1
    (log,) = other.glob("**/error-*.txt")
    assert str(log) in ran.err
    assert "a fault of ours" in log.read_text(encoding="utf-8")


def test_ingest_of_nothing_makes_no_knowledge_base(run: Run, tmp_path: Path) -> None:
    assert run("ingest", str(tmp_path / "none.txt")).code != 0
    (tmp_path / "empty").mkdir()
    run("ingest", str(tmp_path / "empty"))
    assert not list((tmp_path / "home").glob("kb/**/facts.duckdb"))
