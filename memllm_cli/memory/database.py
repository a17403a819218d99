"""Opening the DuckDB file: one process at a time, confined, with errors that say what to do.

The file is attached to an in-memory database, which confines a failed checkpoint to it, and is detached after
each use, so that other processes get their turn. No extension is loaded, no other file can be reached.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.errors import BusyError, DamagedError, MemllmError, StorageError
from memllm_cli.memory.schema import MIGRATIONS, VERSION
from memllm_cli.paths import private_folder

if TYPE_CHECKING:
    import duckdb

FILE = "facts.duckdb"
TIMEOUT = 15.0  # seconds to wait for another process


class Database:
    """The file of one knowledge base. Holds nothing open between uses."""

    def __init__(self, folder: Path, timeout: float = TIMEOUT) -> None:
        self.folder = folder
        self.path = folder / FILE
        self.timeout = timeout
        self.seen: tuple[int, ...] = ()
        """The generation when the file was last closed here, taken while it was still ours."""

    def exists(self) -> bool:
        """Whether the knowledge base has been created."""
        return self.path.is_file()

    def generation(self) -> tuple[int, ...]:
        """Changes whenever another process has written; costs two stat calls."""
        out: list[int] = []
        for path in (self.path, self.path.with_name(FILE + ".wal")):
            try:
                stat = path.stat()
                out += [stat.st_ino, stat.st_size, stat.st_mtime_ns]
            except FileNotFoundError:
                out += [0, 0, 0]
        return tuple(out)

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the file attached as `kb` and in use, migrated; ours alone until the block ends.

        Raises BusyError (another process kept it for longer than `timeout`), DamagedError, StorageError.
        """
        import duckdb

        with self._turn():
            with suppress(PermissionError):
                self._private()
            connection = duckdb.connect(":memory:", config={"threads": 2})
            try:
                try:
                    connection.execute("SET enable_progress_bar = false")
                    connection.execute("SET autoinstall_known_extensions = false")
                    connection.execute("SET autoload_known_extensions = false")
                    connection.execute(f"ATTACH '{_quoted(self.path)}' AS kb")
                    connection.execute("USE kb")
                    connection.execute("SET enable_external_access = false")
                    connection.execute("SET lock_configuration = true")
                    self._migrate(connection)
                    yield connection
                finally:
                    with suppress(duckdb.Error):
                        connection.execute("USE memory")
                        connection.execute("DETACH kb")
                    connection.close()
                    with suppress(OSError):
                        self.path.chmod(0o600)
                    self.seen = self.generation()
            except duckdb.Error as error:
                raise self._translated(error) from error

    def _private(self) -> None:
        private_folder(self.folder)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            private_folder(self.folder)
            lock = FileLock(self.folder / "lock", timeout=self.timeout)
            with lock:
                owner = self.folder / "lock.owner"
                owner.write_text(json.dumps({"pid": os.getpid(), "command": _command()}), encoding="utf-8")
                yield
        except Timeout as error:
            raise BusyError(
                f"The knowledge base '{self.folder.name}' is in use by {self._holder()}.",
                "Wait for it to finish, or try again.",
            ) from error
        except PermissionError as error:
            raise StorageError(f"No permission for {error.filename}.", "Check who owns the folder.") from error
        except OSError as error:
            raise StorageError(
                f"{self.folder}: {error.strerror or error}.", "Free some space and try again."
            ) from error

    def _holder(self) -> str:
        try:
            owner = json.loads((self.folder / "lock.owner").read_text(encoding="utf-8"))
            return f"process {int(owner['pid'])} ({str(owner['command'])[:80]})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

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
                connection.execute("DELETE FROM meta WHERE key = 'schema'")
                connection.execute("INSERT INTO meta VALUES ('schema', ?)", [str(number)])
                if number == 1:
                    connection.execute("INSERT INTO meta VALUES ('id', ?)", [str(uuid.uuid4())])
                connection.execute("COMMIT")

    def _translated(self, error: duckdb.Error) -> MemllmError:
        """What a DuckDB error means for a person. Known kinds only; others stay what they are."""
        import duckdb

        text = str(error).splitlines()[0]
        if isinstance(error, duckdb.IOException):
            lowered = text.lower()
            if "lock" in lowered:
                return BusyError(f"Another program holds {self.path}.", "Close it and try again.")
            if "space" in lowered or "write" in lowered or "too large" in lowered:
                return StorageError(f"{self.path} cannot be written: {text}", "Free some space and try again.")
            if "permission" in lowered:
                return StorageError(f"No permission for {self.path}.", "Check who owns the file.")
            return self._damaged(text)
        if isinstance(error, (duckdb.SerializationException, duckdb.FatalException, duckdb.InternalException)):
            return self._damaged(text)
        if isinstance(error, duckdb.OutOfMemoryException):
            return StorageError(f"Not enough memory or disk for {self.path}: {text}", "Free some and try again.")
        raise error

    def _damaged(self, text: str) -> DamagedError:
        return DamagedError(
            f"{self.path} is damaged or not a knowledge base: {text[:160]}",
            "Nothing was changed. Restore a copy, or choose another with --kb NAME.",
        )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _command() -> str:
    return " ".join(["memllm", *sys.argv[1:3]])
