"""The tables, described once: what the description says is what the migrations make."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.memory.disk.tables import ACTIONS, MIGRATIONS, TABLES, Assertion, Entity, Operation, Rows
from memllm_cli.memory.history.packed import ENTITY, OPERATION, STATEMENT
from memllm_cli.memory.history.packing import Pool

TYPES = {"BIGINT": "BIGINT", "TEXT": "VARCHAR", "BOOLEAN": "BOOLEAN", "DOUBLE": "DOUBLE", "TEXT[]": "VARCHAR[]"}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ids = st.integers(1, 2**31 - 1)
optional = st.none() | texts
assertions = st.builds(
    Assertion, ids, ids, st.sampled_from(ACTIONS), ids, st.integers(1, 2**20 - 1), ids, optional, optional,
    st.booleans(), st.booleans(), st.booleans(), st.none() | st.floats(0, 1), st.booleans(), optional, optional,
    st.sampled_from(["{}", '{"a": 1}']), optional,
)  # fmt: skip
operations = st.builds(
    Operation, ids, texts, texts, texts, texts, st.none() | ids, st.none() | ids, optional, optional, optional, optional
)
entities = st.builds(Entity, ids, texts, texts, texts, st.none() | ids, ids)


@pytest.fixture
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    for _, statements in MIGRATIONS:
        connection.execute(statements)
    return connection


def test_the_description_is_what_the_migrations_make(database: duckdb.DuckDBPyConnection) -> None:
    made = database.execute(
        "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE NOT internal "
        "ORDER BY table_oid, column_index"
    ).fetchall()
    described = [(t.name, c.name, TYPES[c.type], c.nullable) for t in TABLES.values() for c in t.columns]
    assert sorted(described) == sorted(r for r in made if r[0] not in ("meta", "vectors", "passage_vectors"))
    for table in TABLES.values():
        assert [c.name for c in table.columns] == [r[1] for r in made if r[0] == table.name]


def test_references_lead_to_tables_with_ids() -> None:
    referenced = {c.references for t in TABLES.values() for c in t.columns if c.references}
    assert referenced == {t.name for t in TABLES.values() if t.keyed}


@given(st.lists(operations, max_size=3), st.lists(entities, max_size=3), st.lists(assertions, max_size=3))
def test_rows_come_back_from_lists(o: list[Operation], e: list[Entity], a: list[Assertion]) -> None:
    rows = Rows(operations=o, entities=e, assertions=[x._replace(source=None) for x in a])
    assert Rows.from_lists(rows.as_lists()) == rows  # type: ignore[arg-type]


def test_rows_come_back_from_the_database(database: duckdb.DuckDBPyConnection) -> None:
    rows = Rows(
        operations=[
            Operation(1, "set", "2026", "person"),
            Operation(2, "undo", "2027", "person", target=1),
        ],
        entities=[Entity(1, "A", "a", "entity", None, 1), Entity(2, "B", "b", "entity", 3, 2)],
        assertions=[Assertion(1, 2, "set", 1, 1, 2, None, "b", True, probability=0.5, source="not kept")],
    )
    rows.insert(database)
    found = Rows.since(database, 1)
    assert found.operations == rows.operations[1:]
    assert found.entities == rows.entities[1:]
    assert found.assertions == [rows.assertions[0]._replace(source=None)]


@pytest.mark.parametrize(("layout", "rows"), [(STATEMENT, assertions), (OPERATION, operations), (ENTITY, entities)])
def test_packed_rows_come_back(layout: Any, rows: st.SearchStrategy[Any]) -> None:
    @given(st.lists(rows, max_size=5))
    def check(some: list[Any]) -> None:
        pool = Pool()
        packed = layout.encode(some, pool.add)
        known = list(pool.number)
        assert [layout.decode(row.item(), known.__getitem__) for row in packed] == some
        assert [layout.unpack(packed.tobytes(), i * packed.itemsize) for i in range(len(some))] == [
            tuple(x if x == x else pytest.approx(math.nan, nan_ok=True) for x in row) for row in packed.tolist()
        ]

    check()


def test_the_database_packs_as_rows_do(database: duckdb.DuckDBPyConnection) -> None:
    made = [
        Assertion(1, 1, "remove", 1, 7, 2, None, None, True, True, False, None, False, "2020", None, '{"a": 1}'),
        Assertion(2, 1, "add", 1, 7, 2, "x", None, False, False, True, 0.25, True),
    ]
    Rows(assertions=made).insert(database)
    pool = Pool()

    def numbers(column: Any) -> Any:
        mask = np.ma.getmaskarray(column)
        return [-1 if gone else pool.add(text) for text, gone in zip(np.ma.getdata(column), mask, strict=True)]

    columns = database.execute(f"SELECT {STATEMENT.select(source='NULL::TEXT')} FROM assertions a").fetchnumpy()
    packed = STATEMENT.selected(columns, numbers)
    known = list(pool.number)
    assert [STATEMENT.decode(row.item(), known.__getitem__) for row in packed] == made
