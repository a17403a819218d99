"""Opening the DuckDB file: one process at a time, confined, with errors that say what to do.

The file is attached to an in-memory database, which confines a failed checkpoint to it, and is detached after
each use, so that other processes get their turn. No extension is loaded, no other file can be reached.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.errors import BusyError, DamagedError, MemllmError, StorageError
from memllm_cli.files import sync_folder
from memllm_cli.memory.disk import journal
from memllm_cli.memory.disk.files import DAMAGED, DATABASE, FOREIGN, JOURNAL, LOG, PART
from memllm_cli.memory.disk.lock import TIMEOUT, Lock
from memllm_cli.memory.disk.tables import MIGRATIONS, TABLES, VERSION, Rows
from memllm_cli.memory.values.literals import LITERALS, normalise
from memllm_cli.paths import storage_error
from memllm_cli.terminal import interrupts_held

if TYPE_CHECKING:
    import duckdb

VALUES_ANEW = 6
"""The migration that compares values anew, which SQL cannot say."""
BLOCK = 16384  # bytes; DuckDB's smallest
_FULL = ("no space", "not enough space", "could not write", "cannot write", "too large", "disk full", "quota")
_NO_PERMISSION = ("permission", "read-only", "read only")


class Database:
    """The file of one knowledge base. Holds nothing open between uses."""

    def __init__(self, folder: Path, timeout: float = TIMEOUT) -> None:
        self.folder = folder
        self.path = folder / DATABASE
        self.lock = Lock(folder, timeout)
        self.notice: Callable[[str], None] | None = None
        """Called with a line about damage that was set aside."""
        self.seen: tuple[int, ...] = ()
        """The generation when the files were last left here, taken while they were still ours."""
        self.pending: tuple[Rows, StorageError] | None = None
        """What the journal holds and a full disk kept out of the database, and that error."""
        self.journal = folder / JOURNAL
        self._files = tuple(os.fspath(p) for p in (self.path, folder / LOG, self.journal))

    def exists(self) -> bool:
        """Whether the knowledge base has been created. Raises StorageError when that cannot be seen."""
        try:
            return self.path.is_file()
        except OSError as error:
            raise storage_error(self.folder, error) from error

    def generation(self) -> tuple[int, ...]:
        """Changes whenever another process has written; costs a few microseconds."""
        out: list[int] = []
        for path in self._files[:2]:
            try:
                stat = os.stat(path)
                out += [stat.st_ino, stat.st_size, stat.st_mtime_ns]
            except FileNotFoundError:
                out += [0, 0, 0]
        try:  # the journal does not change its size: it says itself where it ends
            file = os.open(self._files[2], os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                head = os.read(file, journal.START)
                out += [os.fstat(file).st_ino, int.from_bytes(head[8:16], "little")]
            finally:
                os.close(file)
        except FileNotFoundError:
            out += [0, 0]
        return tuple(out)

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the file attached as `kb` and in use, migrated; ours alone until the block ends.

        Ctrl-C waits for the end of the block, so that a commit happens or does not. Raises BusyError (another
        process kept it for longer than `timeout`), DamagedError, StorageError.
        """
        with interrupts_held():  # an exception while an extension module starts is lost, or ends the process
            import duckdb  # noqa: F401

        with self.lock.turn(), self.connected() as connection:
            yield connection

    @contextmanager
    def connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Like `open`, within a turn that is already ours."""
        import duckdb

        with interrupts_held():
            connection = duckdb.connect(":memory:", config={"threads": 2})
            try:
                try:
                    connection.execute("SET enable_progress_bar = false")
                    connection.execute("SET autoinstall_known_extensions = false")
                    connection.execute("SET autoload_known_extensions = false")
                    connection.execute(f"ATTACH '{_quoted(self.path)}' AS kb{self._blocks()}")
                    connection.execute("USE kb")
                    connection.execute("SET enable_external_access = false")
                    connection.execute("SET lock_configuration = true")
                    self._migrate(connection)
                    self._absorb(connection)
                    yield connection
                finally:
                    with suppress(duckdb.Error):
                        connection.execute("USE memory")
                        connection.execute("DETACH kb")
                    connection.close()
                    with suppress(OSError):
                        self.path.chmod(0o600)
                    self.seen = self.generation()
            except duckdb.InterruptException as error:  # a second Ctrl-C during a statement
                raise KeyboardInterrupt from error
            except duckdb.Error as error:
                raise self._translated(error) from error

    def _blocks(self) -> str:
        """How a new file is laid out: in small blocks, or a few facts would take megabytes."""
        return "" if self.path.exists() else f" (BLOCK_SIZE {BLOCK})"

    def _absorb(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put what the journal holds into the database, and let go of the journal.

        On a full disk the journal stays, and `pending` has what it says, so that reading still works. A journal of
        another knowledge base, which somebody copied or deleted files around, is set aside.
        """
        import duckdb

        self.pending = None
        replayed = journal.read(self.journal)
        if not replayed.records and not replayed.damaged:
            self.journal.unlink(missing_ok=True)  # cut short in its first record
            return
        if not _continues(connection, replayed):
            aside = journal.set_aside(self.journal, FOREIGN)
            self._tell(f"the journal beside the database belongs to another one and was set aside: {aside}")
            return
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM operations").fetchall()[0][0]
        rows = Rows.together(r for r in replayed.records if r.operations[0].id > newest)
        try:
            if rows.operations:
                connection.execute("BEGIN")
                rows.insert(connection)
                connection.execute("COMMIT")
            if replayed.damaged:
                aside = journal.set_aside(self.journal, DAMAGED, replayed.end)
                self._tell(f"the journal was damaged; what could not be read was set aside: {aside}")
            self.journal.unlink(missing_ok=True)  # all of it may have been set aside
            sync_folder(self.folder)
        except duckdb.Error as error:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            known = self._translated(error)
            if not isinstance(known, StorageError):
                raise
            self.pending = rows, known

    def _tell(self, text: str) -> None:
        if self.notice is not None:
            self.notice(text)

    def rewrite(self, tables: dict[str, str]) -> None:
        """Replace the file by a new one that holds what these queries say of each table (all must be named), no more.

        Nothing is changed when this fails. The queries read the old file as `kb`.
        """
        import duckdb

        assert set(tables) == {"meta", "vectors", "passage_vectors", *TABLES}, "a table would be lost"
        fresh = self.path.with_name(DATABASE + PART)
        try:
            with self.lock.turn(), interrupts_held():
                with self.connected():  # migrated, the journal taken in, its own log as well
                    self.writable()
                fresh.unlink(missing_ok=True)
                connection = duckdb.connect(":memory:", config={"threads": 2})
                try:
                    connection.execute(f"ATTACH '{_quoted(self.path)}' AS kb")
                    connection.execute(f"ATTACH '{_quoted(fresh)}' AS fresh (BLOCK_SIZE {BLOCK})")
                    connection.execute("SET enable_external_access = false")
                    connection.execute("BEGIN")
                    connection.execute("USE fresh")
                    for _, statements in MIGRATIONS:
                        connection.execute(statements)
                    for table, query in tables.items():
                        connection.execute(f"INSERT INTO fresh.{table} {query}")
                    connection.execute("COMMIT")
                    connection.execute("CHECKPOINT fresh")
                    connection.execute("USE memory")
                    connection.execute("DETACH fresh")
                    connection.execute("DETACH kb")
                finally:
                    connection.close()
                with fresh.open("rb+") as file:
                    os.fsync(file.fileno())
                fresh.chmod(0o600)
                fresh.replace(self.path)
                self.path.with_name(LOG).unlink(missing_ok=True)
                sync_folder(self.folder)
                self.seen = ()
        except duckdb.Error as error:
            raise self._translated(error) from error
        finally:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)

    def writable(self) -> None:
        """Raise the StorageError that keeps the journal out of the database, if there is one."""
        if self.pending is not None:
            raise self.pending[1]

    def journaled(self, kept: journal.Journal) -> None:
        """Take down that the journal grew, by us."""
        self.seen = (*self.seen[:6], kept.inode, kept.size)

    def _migrate(self, connection: duckdb.DuckDBPyConnection) -> None:
        tables = {
            row[0]
            for row in connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = 'kb'"
            ).fetchall()
        }
        if not tables:
            version = 0
        elif {"meta", "operations", "assertions"} <= tables:
            row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
            version = int(row[0]) if row else 0
        else:
            raise DamagedError(
                f"{self.path} is a DuckDB file, but not a knowledge base of memllm.", "Choose another with --kb NAME."
            )
        if version > VERSION:
            raise DamagedError(
                f"{self.path} was written by a newer memllm (schema {version}, this one knows {VERSION}).",
                "Update memllm.",
            )
        for number, statements in MIGRATIONS:
            if number > version:
                connection.execute("BEGIN")
                connection.execute(statements)
                if number == VALUES_ANEW:
                    values_compared_anew(connection)
                connection.execute("DELETE FROM meta WHERE key = 'schema'")
                connection.execute("INSERT INTO meta VALUES ('schema', ?)", [str(number)])
                if number == 1:
                    connection.execute("INSERT INTO meta VALUES ('id', ?)", [str(uuid.uuid4())])
                connection.execute("COMMIT")

    def _translated(self, error: duckdb.Error) -> MemllmError:
        """What a DuckDB error means for a person. Known kinds only; others stay what they are."""
        import duckdb

        text = str(error).splitlines()[0]
        lowered = str(error).replace(str(self.path), "").lower()
        # Errors about statements and values quote them: what they say is not about the disk.
        quotes = isinstance(error, (duckdb.ProgrammingError, duckdb.DataError, duckdb.IntegrityError))
        if not quotes and any(sign in lowered for sign in _FULL):
            return StorageError(f"No space for {self.path}: {text[:160]}", "Free some space and try again.")
        if isinstance(error, duckdb.IOException):
            if "lock" in lowered:
                return BusyError(f"Another program holds {self.path}.", "Close it and try again.")
            if any(sign in lowered for sign in _NO_PERMISSION):
                return StorageError(f"No permission for {self.path}.", "Check who owns the file.")
            return self._damaged(text)
        if isinstance(error, (duckdb.SerializationException, duckdb.FatalException, duckdb.InternalException)):
            return self._damaged(text)
        if type(error) is duckdb.Error and "corrupt" in lowered:  # a block whose checksum is not its own
            return self._damaged(text)
        if isinstance(error, duckdb.OutOfMemoryException):
            return StorageError(f"Not enough memory or disk for {self.path}: {text}", "Free some and try again.")
        raise error

    def _damaged(self, text: str) -> DamagedError:
        return DamagedError(
            f"{self.path} is damaged or not a knowledge base: {text[:160]}",
            "Nothing was changed. Restore a copy, or choose another with --kb NAME.",
        )


def values_compared_anew(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring the compared forms of values that an older version stored up to date.

    A date that its document says how to read (03/04/2025) stays as that says.
    """
    literal = ", ".join(f"'{kind}'" for kind in LITERALS)
    found = connection.execute(f"SELECT id, name, kind, normal FROM entities WHERE kind IN ({literal})").fetchall()
    changed = {
        entity: normalise(name, kind)
        for entity, name, kind, form in found
        if form not in {normalise(name, kind, first) for first in (None, True, False)}
    }
    if changed:
        connection.execute(
            "UPDATE entities SET normal = new.form "
            "FROM (SELECT unnest(?::BIGINT[]) AS id, unnest(?::TEXT[]) AS form) new WHERE entities.id = new.id",
            [list(changed), list(changed.values())],
        )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _continues(connection: duckdb.DuckDBPyConnection, replayed: journal.Replayed) -> bool:
    """Whether a journal belongs to a database: it bears its id or, as journals of older versions bear none, goes on
    where the operations of the database end."""
    if replayed.kb:
        return connection.execute("SELECT value FROM meta WHERE key = 'id'").fetchall() == [(replayed.kb,)]
    if not replayed.records:
        return True  # unreadable: that is said of it
    made = [rows.operations[0] for rows in replayed.records]
    known = dict(connection.execute("SELECT id, time FROM operations WHERE id >= ?", [made[0].id - 1]).fetchall())
    before = known.get(made[0].id - 1)
    return before is not None and before <= made[0].at and all(known.get(o.id, o.at) == o.at for o in made)
