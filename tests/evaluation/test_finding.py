from __future__ import annotations

from pathlib import Path

import pytest

from memllm_cli.corpora.annotated import Annotated, Label, Mention, Name
from memllm_cli.evaluation import finding
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from tests.letters import Letters

TABLE = Path(__file__).parents[2] / "kb" / "relations.csv"


def text(title: str, whole: str, short: str, capital: str) -> Annotated:
    said = f"{whole} is a country. {short} has the capital {capital}."
    first = len(f"{whole} is a country.")
    names = (
        Name("LOC", (Mention(0, len(whole), 0), Mention(first + 1, first + 1 + len(short), 1))),
        Name("LOC", (Mention(said.index(capital, first), said.index(capital, first) + len(capital), 1),)),
    )
    return Annotated(title, said, ((0, first), (first, len(said))), names, (Label(0, "P36", 1, (1,)),), frozenset())


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    memory = Memory(tmp_path / "kb")
    memory.create(TABLE)
    return memory


def test_other_names_are_asked_and_strange_ones_find_nothing(memory: Memory) -> None:
    known, strange = [text("F", "Freedonia Republic", "Freedonia", "Rufus")], [text("Z", "Zyx", "Zyxx", "Quux")]
    names = {"P36": "capital"}
    asked = finding.questions(known, strange, names)
    assert {(a.query.subject, a.values) for a in asked} == {
        ("Freedonia", frozenset({"rufus"})), ("Zyx", frozenset()), ("Zyxx", frozenset())
    }  # fmt: skip
    finding.remember(memory, known, names)
    found = finding.measure(Finder(memory, Letters), asked)
    widest = found["curves"]["entity"][-1]
    assert (widest["right"], widest["invented"]) == (1.0, 0.0)
    assert found["curves"]["results"][0] == {"results": 1, "more": 0.0}


def test_the_best_distance_weighs_wrong_answers_twice() -> None:
    rows = finding.curve([(0.08, True), (0.18, True), (0.22, False), (0.23, False)])
    assert finding.best(rows) == 0.2
    assert rows[-1] == {"distance": 0.6, "right": 0.5, "wrong": 0.5, "silent": 0.0}
