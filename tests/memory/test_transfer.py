from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.errors import DamagedError, UsageError
from memllm_cli.memory.care.full_export import COLUMNS as TABLES
from memllm_cli.memory.care.full_export import Everything, read_jsonl, restore, write_jsonl
from memllm_cli.memory.care.table import (
    COLUMNS,
    csv_line,
    csv_rows,
    guarded,
    read_csv,
    unguarded,
    write_canonical,
    write_csv,
)
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.paths import find_home
from memllm_cli.types import Document, Sentence, Triple

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    st.lists(st.lists(TEXTS | st.sampled_from(["=1+1", "'-x", "\rx", '"', ",", "''=", "\n"]), min_size=2), min_size=1)
)
def test_any_table_comes_back(rows: list[list[str]]) -> None:
    text = "".join(csv_line(row) for row in rows)
    assert [cells for _, cells in csv_rows(text)] == rows


@given(TEXTS)
def test_no_cell_is_a_formula(text: str) -> None:
    assert guarded(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert unguarded(guarded(text)) == text


def test_cells_without_our_mark_stay() -> None:
    assert [unguarded(c) for c in ("=1", "'tis", "-3", "'")] == ["=1", "'tis", "-3", "'"]


def relations() -> Path:
    return find_home(Path("/nonexistent")).shipped("kb/relations.csv")


def filled(folder: Path) -> Memory:
    memory = Memory(folder)
    memory.create(relations())
    text = '-Freedonia, they "say",\nspeaks =Freedonian.'
    document = Document("/docs/a.txt", "A", "text/plain", "0" * 64, text, (Sentence(0, len(text), 1, 2, "H"),))
    memory.ingest(document, [Written(Triple("-Freedonia", "official language", "=Freedonian"), (0,), 0.75)], "m", "1")
    proposed = Written(Triple("Sylvania", "official language", "Sylvanian"), (0,), 0.25, proposed=True)
    memory.ingest(Document("/docs/b.txt", "B", "text/plain", "1" * 64, text, document.sentences), [proposed], "m", "1")
    memory.set(Triple("Rufus Town", "capital of", "Freedonia"), valid_from="2020-01-31")
    memory.set(Triple("Sylvania City", "capital of", "Freedonia"))
    memory.undo()
    return memory


def text_of(write: Callable[..., int], memory: Memory, *arguments: Any) -> str:
    out = io.StringIO()
    write(memory, out, *arguments)
    return out.getvalue()


def test_facts_go_through_a_table(tmp_path: Path) -> None:
    memory = filled(tmp_path / "a")
    table = text_of(write_csv, memory, True)
    assert table.split("\n")[0] == ",".join(COLUMNS)
    assert "'=Freedonian" in table
    other = Memory(tmp_path / "b")
    other.create(relations())
    rows, bad = read_csv(table, other.snapshot)
    assert bad == []
    other.import_facts(rows, "table", person=False)
    assert text_of(write_canonical, other, True) == text_of(write_canonical, memory, True)
    assert {r.valid_from for r in rows} == {None, "2020-01-31"}
    assert {r.probability for r in rows} == {None, 0.75, 0.25}
    assert text_of(write_csv, memory) != table  # without the proposal


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("A,capitol,B,,,", "nearest: capital"),
        ("A,capital,,,,", "object is empty"),
        ("A,capital,B,2,,", "probability"),
        ("A,capital,B,x,,", "probability"),
        ("A,capital,B,nan,,", "probability"),
        ("A,capital,B,,maybe,", "status"),
        ("A,capital,B,,,soon", "valid_from"),
        ("A,capital,B", "3 cells instead of 6"),
        ("A" * 2001 + ",capital,B,,,", "2001 characters"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, reason: str) -> None:
    memory = Memory(tmp_path / "a")
    memory.create(relations())
    rows, bad = read_csv(
        f"subject,relation,object,probability,status,valid_from\n\nC,capital,D,,,\n{row}\n", memory.snapshot
    )
    assert len(rows) == 1
    assert bad[0].line == 4
    assert reason in bad[0].reason


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "a")
    memory.create(relations())
    for text in ("", "a,b,c\n", 'subject,relation,object\n"open,capital,B\n'):
        with pytest.raises(DamagedError):
            read_csv(text, memory.snapshot)


def test_everything_is_restored(tmp_path: Path) -> None:
    memory = filled(tmp_path / "a")
    text = text_of(write_jsonl, memory)
    other = Memory(tmp_path / "b")
    restore(other, read_jsonl(text.split("\n")))
    assert text_of(write_jsonl, other) == text
    assert other.snapshot.id == memory.snapshot.id
    assert text_of(write_csv, other, True) == text_of(write_csv, memory, True)
    assert other.undo(6)[1] == memory.undo(6)[1]
    with pytest.raises(UsageError):
        restore(other, read_jsonl(text.split("\n")))


def test_a_knowledge_base_that_was_only_created_can_be_filled(tmp_path: Path) -> None:
    memory = filled(tmp_path / "a")
    other = Memory(tmp_path / "b")
    other.create(relations())
    restore(other, read_jsonl(text_of(write_jsonl, memory).split("\n")))
    assert text_of(write_jsonl, other) == text_of(write_jsonl, memory)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return text_of(write_jsonl, filled(tmp_path_factory.mktemp("kb") / "a")).splitlines()


def changed(lines: list[str], table: str, **values: Any) -> tuple[int, list[str]]:
    """The export with values of the last row of a table replaced, and that line's number."""
    at = max(i for i, line in enumerate(lines) if json.loads(line).get("table") == table)
    line = json.loads(lines[at])
    line["row"] |= values
    return at + 1, [*lines[:at], json.dumps(line), *lines[at + 1 :]]


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("assertions", {"subject": 999}),
        ("assertions", {"subject": "1"}),
        ("assertions", {"subject": True}),
        ("assertions", {"subject": 2**64}),
        ("assertions", {"subject": None}),
        ("assertions", {"action": "drop"}),
        ("assertions", {"probability": 7}),
        ("assertions", {"qualifiers": "[]"}),
        ("assertions", {"extra": 1}),
        ("assertions", {"id": 1}),
        ("entities", {"kind": "colour"}),
        ("entities", {"name": "\ud800"}),
        ("operations", {"target": 99}),
        ("relations", {"aliases": "none"}),
        ("evidence", {"span_start": -1}),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(exported: list[str], table: str, values: dict[str, Any]) -> None:
    number, lines = changed(exported, table, **values)
    with pytest.raises(DamagedError, match=rf"^Line {number}: "):
        read_jsonl(lines)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"table": "sqlite_master", "row": {}}', '{"table": ["meta"], "row": {}}', '{"table": "meta"}', "NaN"],
)
def test_a_malformed_line_is_refused(exported: list[str], line: str) -> None:
    with pytest.raises(DamagedError, match=r"^Line 3: "):
        read_jsonl([*exported[:2], line, *exported[2:]])


@pytest.mark.parametrize("head", ["", "{}", '{"memllm": "knowledge base", "schema": 99, "id": "x"}'])
def test_another_file_is_refused(exported: list[str], head: str) -> None:
    with pytest.raises(DamagedError):
        read_jsonl([head, *exported[1:]])
    assert isinstance(read_jsonl(exported), Everything)


def test_only_caches_are_left_out(tmp_path: Path) -> None:
    memory = filled(tmp_path / "a")
    with memory.database.open() as connection:
        rows = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'kb'").fetchall()
    assert {r[0] for r in rows} - set(TABLES) == {"vectors", "passage_vectors"}
