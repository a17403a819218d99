"""Model files that are missing or broken: one clear line, and the exit code that says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Home

pytestmark = pytest.mark.e2e


@pytest.fixture
def known(home: Home) -> Home:
    assert home.run("fact", "set", "Sylvania City >> capital of >> Freedonia").code == 0
    return home


def asked(home: Home, model: Path) -> str:
    return home.run("--model", str(model), "ask", "What is the capital of Freedonia?").refused(5)


def test_a_path_where_nothing_is(known: Home, tmp_path: Path) -> None:
    path = tmp_path / "missing.gguf"
    assert str(path) in asked(known, path)


@pytest.mark.parametrize("part", [0.0, 0.00001, 0.05, 0.99])
def test_a_truncated_model(known: Home, tmp_path: Path, part: float) -> None:
    (built,) = (e for e in known.run("--json", "model", "list").data if e["used"] and e["task"] == "generate")
    whole = known.root / "models" / built["name"] / f"{built['name']}.{built['build']}.gguf"
    cut = tmp_path / "cut.gguf"
    with whole.open("rb") as source:
        cut.write_bytes(source.read(int(whole.stat().st_size * part)))
    assert str(cut) in asked(known, cut)


def test_a_text_file(known: Home, tmp_path: Path) -> None:
    path = tmp_path / "notes.gguf"
    path.write_text("This is not a model.\n" * 100, encoding="utf-8")
    assert str(path) in asked(known, path)


def test_the_other_commands_report_it_too(known: Home, tmp_path: Path) -> None:
    path = tmp_path / "missing.gguf"
    document = tmp_path / "a.txt"
    document.write_text("The capital of Norland is Ost Harbour.\n", encoding="utf-8")
    known.run("--model", str(path), "ingest", str(document)).refused(5)
    talk = known.run("--model", str(path), "chat", stdin="What is the capital of Freedonia?\n/facts Freedonia\n")
    assert talk.code == 5
    assert str(path) in talk.out + talk.err
    assert "Traceback" not in talk.out + talk.err
    assert "Sylvania City" in talk.out  # what needs no model goes on
    assert known.run("--json", "source", "list").data == []


def test_a_folder_is_chosen_only_when_it_can_be_used(home: Home, tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "models" / "drafter"
    folder = tmp_path / "drafter"
    folder.mkdir()
    for name in ("drafter.safetensors", "drafter.json"):
        (folder / name).write_bytes((shipped / name).read_bytes())
    assert home.run("--json", "model", "use", str(folder)).data["setting"] == "drafter"
    assert {m["name"]: m["source"] for m in home.run("--json", "model", "list").data}[str(folder)] == "yours"

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "drafter.safetensors").write_bytes((shipped / "drafter.safetensors").read_bytes())
    (broken / "drafter.json").write_text('{"relations": []}', encoding="utf-8")
    assert "drafter.json" in home.run("model", "use", str(broken)).refused(1)
    settings = {s["name"]: s["value"] for s in home.run("--json", "paths").data["settings"]}
    assert settings["drafter"] == str(folder)
