"""The history out of the database: all of it, or what came after an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memllm_cli.memory.disk.tables import Rows
from memllm_cli.memory.history.history import BULK, History

if TYPE_CHECKING:
    import duckdb

    from memllm_cli.memory.history.packed import Packed


def load(connection: duckdb.DuckDBPyConnection, packed: Packed | None = None) -> History:
    """The whole history; `packed` is what a cache knows of it already."""
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    known = (packed.head["last"], len(packed.statements)) if packed is not None else (0, 0)
    if behind(connection, *known):
        from memllm_cli.memory.history.packing import pack  # numpy only where it pays

        packed = pack(connection)
    history = History(meta["id"], meta.get("encoder"), packed)
    catch_up(connection, history)
    return history


def behind(connection: duckdb.DuckDBPyConnection, operation: int, statements: int) -> bool:
    """Whether so much came after an operation that packing all of it anew is less work than taking it in."""
    fresh = connection.execute("SELECT count(*) FROM assertions WHERE operation > ?", [operation]).fetchall()[0][0]
    return bool(fresh > max(BULK, statements // 8))


def catch_up(connection: duckdb.DuckDBPyConnection, history: History) -> None:
    """Take in what the database has after the last operation of a history."""
    newest = connection.execute("SELECT max(id) FROM operations").fetchone()
    if newest is not None and newest[0] is not None and newest[0] > history.last:
        history.apply(Rows.since(connection, history.last))
