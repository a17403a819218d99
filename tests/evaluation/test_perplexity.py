"""What counts for which figure, and what a read costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from memllm_cli.corpora.annotated import Annotated, Label, Mention, Name
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.evaluation.perplexity import Given, Row, change, figures, measure, prepare, stated
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.values.relations import read_table
from memllm_cli.reading.formats import Trained
from memllm_cli.reading.running_text import Forbidden, Running, Wanted
from memllm_cli.training.write_data import names
from memllm_cli.types import Query, Triple

TEXT = "Mira Olsen was born in Tromby . She left Tromby ."


def text() -> Annotated:
    def places(name: str) -> tuple[Mention, ...]:
        out, at = [], TEXT.find(name)
        while at >= 0:
            out.append(Mention(at, at + len(name), int(at > 30)))
            at = TEXT.find(name, at + 1)
        return tuple(out)

    found = (Name("PER", places("Mira Olsen")), Name("LOC", places("Tromby")))
    return Annotated("Olsen", TEXT, ((0, 31), (32, len(TEXT))), found, (Label(0, "P19", 1, (0,)),), frozenset({"P19"}))


def test_tokens_of_names_and_of_what_reads_are_for(relations_table: Path) -> None:
    engine = ScriptedEngine("")
    table = names(read_table(relations_table))
    measured = prepare(text(), table, Trained(engine), 1000)
    assert measured is not None

    def spelled(chosen: Sequence[bool]) -> str:
        return b"".join(engine.piece(t) for t, c in zip(measured.tokens, chosen, strict=True) if c).decode()

    assert spelled([True] * len(measured.tokens)) == " Mira Olsen was born in Tromby. She left Tromby."
    assert spelled(list(measured.entity)) == " Mira Olsen Tromby Tromby"
    assert spelled(list(measured.target)) == " Tromby"
    ((at, due),) = measured.due.items()
    assert due.queries == (Query("Mira Olsen", "place of birth", None),)
    assert measured.said[at] == "Olsen: Mira Olsen was born in"
    assert stated([text()], table) == [Triple("Mira Olsen", "place of birth", "Tromby")]


def test_rows(relations_table: Path, memory: Memory) -> None:
    memory.set(Triple("Mira Olsen", "place of birth", "Tromby"))
    engine = ScriptedEngine("", context=4096)
    format = Trained(engine)
    measured = prepare(text(), names(read_table(relations_table)), format, 1000)
    assert measured is not None
    disabled = measure(Running(engine, format, Forbidden()), [measured], False, lambda n: None)
    assert (disabled.reads, disabled.due) == (0, 1)
    given = Given(Wanted(engine, Finder(memory), format), queries=True)
    free = measure(Running(engine, format, given), [measured], False, lambda n: None)
    charged = measure(Running(engine, format, given), [measured], True, lambda n: None)
    assert (free.reads, free.returned) == (1, 1)
    assert charged.sums[0][0] > free.sums[0][0] + 1  # this model never opens one by itself
    assert charged.sums[0][1:] == free.sums[0][1:]
    rows = figures({"disabled": disabled, "given": free}, draws=20)
    assert rows["given"]["interval"]["overall"] == (rows["given"]["overall"],) * 2  # there is one text


def test_changes_are_of_the_same_texts() -> None:
    one = Row([(2.0, 1.0, 1.0), (1.0, 1.0, 1.0)], [(2, 1, 1), (1, 1, 1)])
    two = Row([(4.0, 1.0, 1.0), (2.0, 1.0, 1.0)], [(2, 1, 1), (1, 1, 1)])
    found = change({"one": one, "two": two}, "one", "two", draws=50)
    assert found["overall"]["percent"] == round(100 * (np.exp(-1) - 1), 1)
    assert found["target"]["interval"] == (0, 0)
