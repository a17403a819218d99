from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memllm_cli.app import App
from memllm_cli.errors import ModelMissing
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.types import Document, Encoder, Sentence, Triple

Run = Callable[..., Any]

FACT = "Sylvania City >> capital of >> Freedonia"


def ingest(memory: Memory, uri: str) -> None:
    text = "Freedonia lies in Europe."
    document = Document(uri, "Atlas", "text/plain", "0" * 64, text, (Sentence(0, len(text), 1),))
    memory.ingest(document, [Written(Triple("Freedonia", "continent", "Europe"), (0,), 0.9)], "model", "1")


def test_init_lays_out_a_home_once(run: Run, tmp_path: Path) -> None:
    assert run("init", str(tmp_path / "mine")).code == 0
    assert (tmp_path / "mine" / "kb" / ".memllm-home").is_file()
    assert run("--json", "init", str(tmp_path / "mine")).data["new"] == []


def test_paths_tell_where_values_come_from(run: Run, tmp_path: Path) -> None:
    data = run("--json", "--kb", "mine", "paths").data
    assert data["paths"][0] == {"name": "home", "path": str(tmp_path / "home"), "origin": "MEMLLM_HOME"}
    assert {"name": "kb", "value": "mine", "origin": "--kb"} in data["settings"]


def test_stats_count(run: Run, memory: Memory) -> None:
    assert run("stats").code == 1
    run("fact", "set", FACT)
    ingest(memory, "/docs/atlas.txt")
    data = run("--json", "stats").data
    assert (data["facts"], data["documents"], data["operations"], data["relations_used"]) == (2, 1, 3, 2)


def test_the_log_marks_what_is_undone(run: Run) -> None:
    run("fact", "set", FACT, "--note", "from the atlas")
    dry = run("undo", "--dry-run")
    assert dry.out == "- Freedonia >> capital >> Sylvania City\n"
    assert len(run("--json", "log").data) == 2
    run("undo", "2")
    kinds = [(e["kind"], e["undone"]) for e in run("--json", "log").data]
    assert kinds == [("undo", False), ("set", True), ("create", False)]
    assert run("undo", "99").code == 1
    assert run("undo", "2").code == 2
    assert len(run("--json", "log", "--limit", "1").data) == 1
    assert run("undo", "3").out == "+ Freedonia >> capital >> Sylvania City\n"


def test_relations_are_listed_and_added(run: Run, memory: Memory) -> None:
    assert "capital of" in run("relation", "list", "capital").out  # before there is a knowledge base
    added = run("relation", "add", "familiar", "--inverse", "familiar of", "--alias", "spirit animal", "--one-object")
    assert added.code == 0
    (relation,) = run("--json", "relation", "list", "spirit animal").data
    assert relation["one_object"] is True
    run("fact", "set", "Otis >> familiar of >> Rufus")
    assert run("fact", "get", "Rufus >> spirit animal >>").out == "Otis\n"
    assert run("relation", "add", "capital").code == 2
    assert run("relation", "add", "a >> b").code == 2
    assert run("relation", "add", "thing", "--type", "colour").code == 2
    assert run("relation", "add", "twin", "--alias", "Twin").code == 2


def test_a_source_is_listed_and_forgotten(run: Run, memory: Memory) -> None:
    run("fact", "set", FACT)
    ingest(memory, "/docs/atlas.txt")
    ingest(memory, "/more/atlas.txt")
    assert [d["facts"] for d in run("--json", "source", "list").data] == [1, 1]
    assert run("source", "forget", "Atlas").code == 2  # two are called so
    assert run("source", "forget", "/docs/atlas.txt").out == "no fact changed\n"  # the other one still says so
    assert run("source", "forget", "atlas.txt").out == "- Freedonia >> continent >> Europe\n"
    assert run("source", "forget", "atlas.txt").code == 1
    assert run("--json", "source", "list").data == []


def test_models_are_listed_and_chosen(run: Run, tmp_path: Path) -> None:
    names = {m["name"]: m for m in run("--json", "model", "list").data}
    assert names["all-MiniLM-L6-v2"]["task"] == "encode"
    assert run("model", "use", "nothing-like-it").code == 1
    assert run("model", "use", str(tmp_path / "none.gguf")).code == 5
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    assert run("--json", "model", "use", str(tmp_path / "own.gguf")).data["setting"] == "model"
    assert run("--json", "model", "use", "all-MiniLM-L6-v2").data["setting"] == "encoder"
    settings = {s["name"]: s["value"] for s in run("--json", "paths").data["settings"]}
    assert settings["model"] == str(tmp_path / "own.gguf")


def test_reindex_counts_names(run: Run) -> None:
    run("fact", "set", FACT)
    assert run("--json", "reindex").data["names"] == 2
    assert run("--json", "reindex", "--encoder", "letters").data == {"names": 2, "passages": 0, "encoder": "letters"}
    assert run("fact", "get", "Fredonia >> capital >>").out == "Sylvania City\n"  # by similarity


def test_a_missing_encoder_shows_before_vectors_and_caches_go(
    run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: App, memory: Memory | None = None) -> Encoder:
        raise ModelMissing("no file")

    run("fact", "set", FACT)
    run("reindex")
    before = {p.name: p.read_bytes() for p in memory.database.folder.iterdir()}
    with memory.open() as connection:
        assert connection.execute("SELECT count(*) FROM vectors").fetchall() == [(2,)]
    monkeypatch.setattr(App, "encoder", missing)
    assert run("reindex", "--encode").code == 5
    assert {
        p.name: p.read_bytes() for p in memory.database.folder.iterdir() if p.suffix != ".wal"
    }.items() <= before.items()
    with memory.open() as connection:
        assert connection.execute("SELECT count(*) FROM vectors").fetchall() == [(2,)]
