"""Turns at the file, and what DuckDB's errors mean."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from memllm_cli.errors import BusyError, DamagedError, StorageError
from memllm_cli.memory.disk import lock
from memllm_cli.memory.disk.database import Database
from memllm_cli.memory.edit.memory import Memory


def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "error",
    [
        duckdb.TransactionException('Failed to commit: Could not write file "/x/facts.duckdb.wal": File too large'),
        duckdb.TransactionException("Failed to commit: No space left on device"),
        duckdb.FatalException("database has been invalidated: could not write file: No space left on device"),
        duckdb.IOException("Could not write all bytes to file"),
        duckdb.OutOfMemoryException("failed to offload data: disk full"),
    ],
)
def test_a_full_disk_is_a_storage_error(tmp_path: Path, error: duckdb.Error) -> None:
    translated = Database(tmp_path / "too large")._translated(error)
    assert isinstance(translated, StorageError)
    assert "space" in translated.message + translated.hint


def test_other_errors_are_not(tmp_path: Path) -> None:
    base = Database(tmp_path / "too large")
    for error in (
        duckdb.ConversionException("Could not convert string 'no space left' to INT64"),
        duckdb.TransactionException("conflict on update"),
    ):
        with pytest.raises(type(error)):
            base._translated(error)
    corrupt = duckdb.Error("Corrupt database file: computed checksum 1 does not match stored checksum 2 in block")
    assert isinstance(base._translated(corrupt), DamagedError)
    assert isinstance(base._translated(duckdb.IOException(f"bad magic in {base.path}")), DamagedError)
    assert isinstance(base._translated(duckdb.IOException("Could not set lock on file")), BusyError)


def test_the_owner_is_named_while_it_holds_the_file_and_not_after(tmp_path: Path) -> None:
    base = Database(tmp_path / "kb")
    with base.open():
        assert str(os.getpid()) in base.lock.holder()
    assert not (base.folder / "lock.owner").exists()
    assert base.lock.holder() == "another process"


@pytest.mark.parametrize("pid", [None, 0, -1, 10**30, "x"])
def test_nobody_is_named_who_does_not_run(tmp_path: Path, pid: object) -> None:
    base = Database(tmp_path)
    pid = dead() if pid is None else pid
    (tmp_path / "lock.owner").write_text(json.dumps({"pid": pid, "command": "memllm chat"}))
    assert base.lock.holder() == "another process"


def test_a_wait_is_told_once_and_then_ends(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.05)
    told: list[str] = []
    base = memory.database
    base.lock.waiting = told.append
    with base.open():
        pass
    assert told == []
    base.lock.timeout = 0.2
    with FileLock(base.folder / "lock"):
        (base.folder / "lock.owner").write_text(json.dumps({"pid": os.getpid(), "command": "memllm chat"}))
        with pytest.raises(BusyError, match=f"in use by process {os.getpid()}"), base.open():
            pass
    assert told == [f"process {os.getpid()} (memllm chat)"]


def test_a_full_disk_does_not_keep_from_reading(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *arguments: object, **options: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with memory.database.open() as connection:
        assert connection.execute("SELECT count(*) FROM operations").fetchone() == (1,)


def test_ctrl_c_does_not_tear_a_commit(memory: Memory) -> None:
    def write() -> None:
        with memory.database.open() as connection:
            connection.execute("BEGIN")
            signal.raise_signal(signal.SIGINT)
            connection.execute("UPDATE operations SET note = 'kept'")
            connection.execute("COMMIT")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            write()
    finally:
        signal.signal(signal.SIGINT, before)
    with memory.database.open() as connection:
        assert connection.execute("SELECT note FROM operations").fetchone() == ("kept",)
