"""`ask` and `chat` from the command line, with an engine that plays a script."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from memllm_cli.app import App
from memllm_cli.chat.chat import EMPTY
from memllm_cli.cli import ask, chat
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.paths import lay_out
from memllm_cli.terminal import Output
from memllm_cli.types import Triple
from tests.letters import Letters

ASKED = "What is the capital of Freedonia?"


def scripted(sequences: int, context: int) -> ScriptedEngine:
    return ScriptedEngine(lambda text: "")


def invoke(tmp_path: Path, *arguments: str, json: bool = False, input: str = "") -> Any:
    app = typer.Typer()
    ask.register(app)
    chat.register(app)
    output = Output(command=arguments[0], json=json)
    state = App(output, home_option=tmp_path, make_engine=scripted, make_encoder=Letters)
    return CliRunner().invoke(app, list(arguments), obj=state, input=input)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    state = App(Output(quiet=True), home_option=tmp_path)
    lay_out(state.home)
    state.memory(create=True).set(Triple("Freedonia", "capital", "Sylvania City"))
    return tmp_path


def test_ask(home: Path) -> None:
    result = invoke(home, "ask", ASKED)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == ["Sylvania City", "  stated by you"]
    assert "⟳" in result.stdout


def test_ask_from_standard_input_without_reads(home: Path) -> None:
    result = invoke(home, "ask", "-", "--reads", "off", input=f"{ASKED}\n")
    assert result.stdout.splitlines() == ["Sylvania City", "  stated by you"]


def test_ask_json(home: Path) -> None:
    envelope = json.loads(invoke(home, "ask", ASKED, json=True).stdout)
    assert envelope["ok"]
    data = envelope["data"]
    assert data["answer"] == "Sylvania City"
    (read,) = data["reads"]
    assert read["query"] == {"subject": "Freedonia", "relation": "capital", "object": None}
    (found,) = read["results"]
    assert (found["value"], found["side"], found["person"], found["evidence"]) == ("Sylvania City", "object", True, [])


def test_nothing_in_memory_is_no_failure(home: Path) -> None:
    result = invoke(home, "ask", "What is the capital of Atlantis?")
    assert result.exit_code == 0
    assert "nothing" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("ask", " "), UsageError),
        (("ask", "-"), UsageError),
        (("ask", "x", "--reads", "maybe"), UsageError),
        (("ask", "x", "--style", "loud"), UsageError),
        (("chat", "--style", "loud"), UsageError),
    ],
)
def test_mistakes(home: Path, arguments: tuple[str, ...], error: type[Exception]) -> None:
    assert isinstance(invoke(home, *arguments).exception, error)


def test_without_a_knowledge_base(tmp_path: Path) -> None:
    assert isinstance(invoke(tmp_path, "ask", ASKED).exception, NotFound)


def test_chat_fills_an_empty_home(tmp_path: Path) -> None:
    idle = invoke(tmp_path, "chat", input=f"hello\n{ASKED}\n")
    assert idle.exit_code == 0
    assert idle.stdout.splitlines() == [f"Hello. {EMPTY}", "", EMPTY, ""]
    assert EMPTY in idle.stderr
    assert list((tmp_path / "kb").glob("*")) == []
    told = invoke(tmp_path, "chat", input=f'/undo\n/set "Sylvania City >> capital of >> Freedonia"\n{ASKED}\n')
    assert told.exit_code == 1  # of the first line, that had nothing to undo
    assert "+ Freedonia >> capital >> Sylvania City" in told.stdout
    assert told.stdout.splitlines()[-3:] == ["Sylvania City", "  [1] stated by you", ""]
    assert EMPTY not in invoke(tmp_path, "chat", input=f"{ASKED}\n").stderr


def test_settings_count_and_options_outrank_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = App(home_option=home)
    assert ask.style_for(state, None) == "grounded"  # the default model is small
    assert ask.reads_for(state, None)
    (home / "memllm.toml").write_text('style = "free"\nreads = "off"\n', encoding="utf-8")
    assert ask.style_for(state, None) == "free"
    assert ask.style_for(state, "grounded") == "grounded"
    assert not ask.reads_for(state, None)
    assert ask.reads_for(state, "on")


def test_the_style_of_an_unknown_model_follows_its_size(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "SMALL_FILE", 10)
    for size, style in ((9, "grounded"), (10, "free")):
        path = home / f"{size}.gguf"
        path.write_bytes(b"x" * size)
        assert ask.style_for(App(home_option=home, model_option=str(path)), None) == style


def test_chat_from_a_pipe(home: Path) -> None:
    result = invoke(home, "chat", input=f"{ASKED}\n/reads off\n{ASKED}")
    assert result.exit_code == 0
    assert result.stdout.count("Sylvania City\n  [1] stated by you\n") == 2
    assert "▸" not in result.stdout
    assert not (home / "chat-history").exists()
    assert invoke(home, "chat", input="/nonsense\n").exit_code == 2


def test_bytes_that_are_no_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9\nlast")))
    assert list(chat._lines()) == ["caf\ufffd\n", "last"]


def test_importing_the_commands_is_light() -> None:
    heavy = ("prompt_toolkit", "numpy", "duckdb", "llama_cpp", "rich")
    code = f"import sys, memllm_cli.cli.ask, memllm_cli.cli.chat; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_conversation_is_gone_on_with(home: Path) -> None:
    from memllm_cli.chat.sessions import Sessions
    from memllm_cli.prompts import Message

    kept = Sessions(home / "sessions" / "default")
    kept.keep("monday", [Message("user", "Is it late?"), Message("assistant", "No.")])
    assert "monday" in invoke(home, "chat", "--sessions").stdout
    result = invoke(home, "chat", "--continue", input=f"{ASKED}\n")
    assert "going on with monday, 1 question" in result.stdout
    assert [m.text for m in kept.load()[1]] == ["Is it late?", "No.", ASKED, "Sylvania City"]
    assert "## Is it late?" in invoke(home, "chat", "--export", "monday").stdout
