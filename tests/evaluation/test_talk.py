from __future__ import annotations

import json
from pathlib import Path

import pytest

from memllm_cli.answering.answer import Answerer
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.evaluation.talk import Value, Writing, conversations, requests, talk, unmarked
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.events import Done
from memllm_cli.types import Triple


def test_a_later_turn_is_asked_with_what_was_said_and_without(memory: Memory, tmp_path: Path) -> None:
    memory.set(Triple("Harbour Lease", "tenant", "Acorn"))
    memory.set(Triple("Harbour Lease", "landlord", "Oak"))
    path = tmp_path / "talks.jsonl"
    turns = [
        {"q": "What is the tenant of the Harbour Lease?", "answers": ["Acorn"]},
        {"q": "And its landlord?", "answers": ["Oak"]},
        {"q": "And its gardener?", "answers": []},
    ]
    path.write_text(json.dumps({"turns": turns}))
    out = talk(Answerer(ScriptedEngine(""), Finder(memory)), conversations(path))
    assert (out.first.counts["right"], out.later.counts["right"], out.later.counts["refused"]) == (1, 1, 1)
    assert (out.alone.counts["right"], out.alone.counts["nothing"]) == (0, 1)


def test_values_of_a_text_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    wanted = [{"about": "rent", "any": ["4,200 EUR"]}, {"about": "tenant", "any": ["Acorn Ltd", "Acorn"]}]
    path.write_text(json.dumps({"request": "Write about Mill Lease.", "values": wanted}) + "\n")
    (request,) = requests(path)
    assert request.values == (Value("rent", ("4,200 EUR",)), Value("tenant", ("Acorn Ltd", "Acorn")))
    out = Writing()
    values = (("4,200 EUR", "What is the rent?"), ("May", "Since when?"))
    said = "The rent of Mill Lease is 4,200 EUR since May. Acorn pays, says Mira of Rome."
    out.add(request, Done(said, 2, 0, 0, 2.0, 0.5, values=values, missing=("x",), doubted=("Mira",)))
    figures = out.figures()
    assert (figures["said"], figures["read"], figures["other_values_read"]) == (100.0, 50.0, 1)
    assert (figures["gaps"], figures["marked"], figures["unmarked"]) == (1, 1, 1)
    assert out.rows[0]["unmarked"] == ["Rome"]


def test_what_is_unmarked() -> None:
    assert unmarked("The rent is 7 EUR. Mira pays Oak in May.", ["EUR", "may"]) == ["7", "Oak"]
    assert unmarked("It is I.", []) == []


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        conversations(tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text('{"turns": [{"x": 1}]}')
    with pytest.raises(DamagedError):
        conversations(tmp_path / "bad.jsonl")
    with pytest.raises(DamagedError):
        requests(tmp_path / "bad.jsonl")
