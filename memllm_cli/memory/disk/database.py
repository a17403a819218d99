"""Opening the DuckDB file: one process at a time, confined, with errors that say what to do.

The file is attached to an in-memory database, which confines a failed checkpoint to it, and is detached after
each use, so that other processes get their turn. No extension is loaded, no other file can be reached.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.errors import BusyError, DamagedError, MemllmError, StorageError
from memllm_cli.files import sync_folder
from memllm_cli.memory.disk import journal
from memllm_cli.memory.disk.rows import Rows, insert_all, together
from memllm_cli.memory.disk.schema import MIGRATIONS, VERSION
from memllm_cli.paths import private_folder, storage_error
from memllm_cli.terminal import interrupts_held

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import duckdb
    from filelock import BaseFileLock

FILE = "facts.duckdb"
BLOCK = 16384  # bytes; DuckDB's smallest
TIMEOUT = 15.0  # seconds to wait for another process
PATIENCE = 1.0  # seconds after which a wait is told
_FULL = ("no space", "not enough space", "could not write", "cannot write", "too large", "disk full", "quota")
_NO_PERMISSION = ("permission", "read-only", "read only")


class Database:
    """The file of one knowledge base. Holds nothing open between uses."""

    def __init__(self, folder: Path, timeout: float = TIMEOUT) -> None:
        self.folder = folder
        self.path = folder / FILE
        self.timeout = timeout
        self.waiting: Callable[[str], None] | None = None
        """Called with who holds the file, once a wait, when it takes longer than `PATIENCE`."""
        self.notice: Callable[[str], None] | None = None
        """Called with a line about damage that was set aside."""
        self.seen: tuple[int, ...] = ()
        """The generation when the files were last left here, taken while they were still ours."""
        self.pending: tuple[Rows, StorageError] | None = None
        """What the journal holds and a full disk kept out of the database, and that error."""
        self.journal = folder / journal.FILE
        self._files = tuple(os.fspath(p) for p in (self.path, self.path.with_name(FILE + ".wal"), self.journal))
        self._lock: BaseFileLock | None = None
        self._lock_file = os.fspath(folder / "lock")
        self._locking: int | None = None

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
                out += [os.fstat(file).st_ino, int.from_bytes(head[8:], "little")]
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

        with self.turn(), self.connected() as connection:
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

        On a full disk the journal stays, and `pending` has what it says, so that reading still works.
        """
        import duckdb

        self.pending = None
        replayed = journal.read(self.journal)
        if not replayed.records and not replayed.damaged:
            self.journal.unlink(missing_ok=True)  # cut short in its first record
            return
        row = connection.execute("SELECT coalesce(max(id), 0) FROM operations").fetchone()
        newest = row[0] if row else 0
        rows = together(r for r in replayed.records if r["operations"][0][0] > newest)
        try:
            if rows:
                connection.execute("BEGIN")
                insert_all(connection, rows)
                connection.execute("COMMIT")
            if replayed.damaged:
                aside = journal.set_aside(self.journal, replayed.end)
                if self.notice is not None:
                    self.notice(f"the journal was damaged; what could not be read was set aside: {aside}")
            self.journal.unlink()
            sync_folder(self.folder)
        except duckdb.Error as error:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            known = self._translated(error)
            if not isinstance(known, StorageError):
                raise
            self.pending = rows, known

    def rewrite(self, tables: dict[str, str]) -> None:
        """Replace the file by a new one that holds what these queries say of each table, and nothing else.

        Nothing is changed when this fails. The queries read the old file as `kb`.
        """
        import duckdb

        fresh = self.path.with_name(FILE + ".new")
        try:
            with self.turn(), interrupts_held():
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
                self.path.with_name(FILE + ".wal").unlink(missing_ok=True)
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

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The lock, ours until the block ends. Raises BusyError, StorageError."""
        private_folder(self.folder)
        owner = self.folder / "lock.owner"
        try:
            lock = self._locked()
            try:
                with suppress(OSError):  # only for those who wait: on a full disk reading must still work
                    owner.write_text(json.dumps({"pid": os.getpid(), "command": _command()}), encoding="utf-8")
                yield
            finally:
                with suppress(OSError):
                    owner.unlink()
                lock.release()
        except OSError as error:
            raise storage_error(self.folder, error) from error

    @contextmanager
    def quick_turn(self) -> Iterator[None]:
        """Like `turn`, for microseconds: takes the same lock itself where nobody has it, and leaves no name."""
        if fcntl is None:
            with self.turn():
                yield
            return
        try:
            handle = self._handle()
        except OSError as error:
            raise storage_error(self.folder, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody has it: wait as everybody does
            with self.turn():
                yield
            return
        try:
            yield
        except OSError as error:
            raise storage_error(self.folder, error) from error
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)

    def _handle(self) -> int:
        """The lock file, open; another one when somebody replaced it."""
        path = self._lock_file
        if self._locking is not None:
            with suppress(OSError):
                if os.stat(path).st_ino == os.fstat(self._locking).st_ino:
                    return self._locking
            self.let_go()
        self._locking = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._locking

    def let_go(self) -> None:
        """Close what `quick_turn` keeps open."""
        if self._locking is not None:
            os.close(self._locking)
            self._locking = None

    def journaled(self, kept: journal.Journal) -> None:
        """Take down that the journal grew, by us."""
        self.seen = (*self.seen[:6], kept.inode, kept.size)

    def _locked(self) -> BaseFileLock:
        """The lock, ours. Raises BusyError."""
        from filelock import FileLock, Timeout

        if self._lock is None:
            self._lock = FileLock(self.folder / "lock", mode=0o600, is_singleton=False)
        lock = self._lock
        patience = min(PATIENCE, self.timeout)
        try:
            try:
                lock.acquire(timeout=patience)
            except Timeout:
                if self.timeout > patience:
                    if self.waiting is not None:
                        self.waiting(self._holder())
                    lock.acquire(timeout=self.timeout - patience)
                else:
                    raise
        except Timeout as error:
            raise BusyError(
                f"The knowledge base '{self.folder.name}' is in use by {self._holder()}.",
                "Wait for it to finish, or try again.",
            ) from error
        return lock

    def _holder(self) -> str:
        try:
            owner = json.loads((self.folder / "lock.owner").read_text(encoding="utf-8"))
            pid = int(owner["pid"])
            if _alive(pid):
                return f"process {pid} ({str(owner['command'])[:80]})"
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            pass
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


def _alive(pid: int) -> bool:
    """Whether a process with this number runs."""
    if pid <= 0:
        return False
    if sys.platform == "win32":  # os.kill would send it a Ctrl-C
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True
