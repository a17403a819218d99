"""Whose turn it is: one process at a time opens the file of a knowledge base, and the others wait."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.errors import BusyError
from memllm_cli.memory.disk.files import LOCK, OWNER
from memllm_cli.paths import private_folder, storage_error

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from filelock import BaseFileLock

TIMEOUT = 15.0  # seconds to wait for another process
PATIENCE = 1.0  # seconds after which a wait is told


class Lock:
    """The lock of one knowledge base. Nothing is locked between turns."""

    def __init__(self, folder: Path, timeout: float = TIMEOUT) -> None:
        self.folder = folder
        self.timeout = timeout
        self.waiting: Callable[[str], None] | None = None
        """Called with who holds the file, once a wait, when it takes longer than `PATIENCE`."""
        self._lock: BaseFileLock | None = None
        self._lock_file = os.fspath(folder / LOCK)
        self._locking: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The lock, ours until the block ends. Raises BusyError, StorageError."""
        private_folder(self.folder)
        owner = self.folder / OWNER
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

    def _locked(self) -> BaseFileLock:
        """The lock, ours. Raises BusyError."""
        from filelock import FileLock, Timeout

        if self._lock is None:
            self._lock = FileLock(self.folder / LOCK, mode=0o600, is_singleton=False)
        lock = self._lock
        patience = min(PATIENCE, self.timeout)
        try:
            try:
                lock.acquire(timeout=patience)
            except Timeout:
                if self.timeout > patience:
                    if self.waiting is not None:
                        self.waiting(self.holder())
                    lock.acquire(timeout=self.timeout - patience)
                else:
                    raise
        except Timeout as error:
            raise BusyError(
                f"The knowledge base '{self.folder.name}' is in use by {self.holder()}.",
                "Wait for it to finish, or try again.",
            ) from error
        return lock

    def holder(self) -> str:
        """Who has it, for people."""
        try:
            owner = json.loads((self.folder / OWNER).read_text(encoding="utf-8"))
            pid = int(owner["pid"])
            if _alive(pid):
                return f"process {pid} ({str(owner['command'])[:80]})"
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            pass
        return "another process"


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
