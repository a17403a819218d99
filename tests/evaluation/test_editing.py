"""Edits in sequence: what counts as right, and what is said of those that are not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from memllm_cli.answering.answer import Answerer
from memllm_cli.answering.options import Options
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.evaluation.editing import Edit, Editing, looked_up, lookups, read_counterfact, read_zsre, tuned
from memllm_cli.evaluation.lookup import Lookup, tfidf
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.formats import Trained

EDITS = [
    Edit("Who wrote Low Tide?", "Mira Olsen", "Whose work is Low Tide?", "Does it rain in Lisbon?", "Low Tide"),
    Edit("Who is the mother of Ada?", "Eva", "Ada's mother is who?", "Is the sea deep?", "Ada"),
]


def script(context: str) -> str:
    """Asks for authors and mothers, and forgets about Ada in one of its questions."""
    question, _, said = context.rpartition("<|im_start|>assistant\n")
    question = question.rpartition("<|im_start|>user\n")[2]
    if "Tide" in question:
        wanted = "({MEM_READ( Low Tide >> author >> )-->"
    elif "mother of" in question:
        wanted = "({MEM_READ( Ada >> mother >> )-->"
    elif "Ada" in question:
        wanted = "({MEM_READ( Ada >> father >> )-->"
    else:
        wanted = "Yes."
    return wanted[len(said) :] if wanted.startswith(said) else ""


@pytest.fixture
def editing(memory: Memory) -> Editing:
    engine = ScriptedEngine(script, context=4096)
    return Editing(Answerer(engine, Finder(memory), Options("grounded", 0), Trained(engine)), memory)


def test_a_sequence_of_edits(editing: Editing, memory: Memory) -> None:
    before = [editing.answer(e.unrelated)[0] for e in EDITS]
    for edit in EDITS:
        editing.enter(edit)
    assert len(list(memory.snapshot.facts())) == 2
    assert all(f.person for f in memory.snapshot.facts())
    scores = editing.score(EDITS, before, lambda n: None)
    assert scores.right == {"rel": 2, "gen": 1, "loc": 2}
    assert scores.reasons["gen"] == {"not found": 1}
    assert scores.figures()["average"] == round((1 + 0.5 + 1) / 3, 4)


def test_what_was_not_written(editing: Editing) -> None:
    editing.enter(Edit("Who is it?", "Me", "Who?", "Who?", "It"))
    assert editing.written == [None]
    scores = editing.score(
        [Edit("Who is it?", "Me", "Who?", "Who?", "It")], [editing.answer("Who?")[0]], lambda n: None
    )
    assert scores.reasons["rel"] == {"not written": 1}


def test_lookups() -> None:
    found = lookups(EDITS, tfidf)
    assert looked_up(EDITS, found, 0.9).figures()["rel"] == 1
    assert looked_up(EDITS, found, 0.9).figures()["loc"] == 1
    assert looked_up(EDITS, found, 0.0).figures()["loc"] == 0
    assert 0.1 <= tuned(EDITS, tfidf) <= 0.8

    def useless(stored: object, asked: object) -> Lookup:
        return Lookup(np.array([1, 0]), np.array([0.5, 0.5]))

    assert looked_up(EDITS, lookups(EDITS, useless), 0.1).figures()["average"] == 0


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    row = {"src": "Who?", "alt": "Me", "rephrase": "Who then?", "loc": "nq question: where is it", "subject": "It"}
    path.write_text(json.dumps([row]))
    assert read_zsre(path) == [Edit("Who?", "Me", "Who then?", "where is it?", "It")]
    with pytest.raises(DamagedError, match="prompt"):
        read_counterfact(path)
    path.write_text("[1, 2")
    with pytest.raises(DamagedError):
        read_zsre(path)
    with pytest.raises(NotFound):
        read_zsre(tmp_path / "none.json")
