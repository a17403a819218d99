"""The log ahead of the database: operations that are durable before DuckDB has them.

A commit in DuckDB takes several times as long as the disk needs to keep a line. So a process that makes many edits
(`Memory.session`) writes each into this file, and whoever opens the database next puts them into it first. The file is
there only while it holds something, and belongs to the database as its own log does.

It begins with `memllmJ1` and where its records end (8 bytes, little-endian), which says to others that it has grown. A
record is a length, its checksum, the checksum of what follows (CRC-32; 4 bytes each, little-endian) and JSON: the rows
of one operation. Zeros follow: the room is taken beforehand, so that keeping a record does not change the file's size.

A last record that is cut short was never acknowledged and is dropped. A record that is not what its checksum says is
damage: it and all after it are set aside, never deleted.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from memllm_cli.files import sync_folder
from memllm_cli.memory.disk.rows import Rows

FILE = "facts.journal"
START = 16
"""Bytes before the first record."""
_MAGIC = b"memllmJ1"
_HEAD = struct.Struct("<III")
_ROOM = 1 << 20
LONGEST = 1 << 30  # bytes of a record


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a journal holds: whole records, where they end, and whether something damaged follows."""

    records: list[Rows]
    end: int
    damaged: bool


def read(path: Path) -> Replayed:
    """The records of a journal; none when there is no file. Raises OSError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Replayed([], 0, False)
    records: list[Rows] = []
    at = START
    if data[: len(_MAGIC)] != _MAGIC[: len(data)]:
        return Replayed(records, 0, any(data))
    while at < len(data):
        head = data[at : at + _HEAD.size]
        if len(head) < _HEAD.size or not any(head):
            return Replayed(records, at, len(head) == _HEAD.size and any(data[at:]))
        length, own, crc = _HEAD.unpack(head)
        if own != _crc(length) or not 0 < length <= LONGEST:
            return Replayed(records, at, True)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) < length:
            break
        if zlib.crc32(body) != crc:
            return Replayed(records, at, any(body))  # all zeros: the record never came to the disk
        records.append({table: [tuple(row) for row in rows] for table, rows in json.loads(body).items()})
        at += _HEAD.size + length
    return Replayed(records, at, False)


def _crc(length: int) -> int:
    return zlib.crc32(length.to_bytes(4, "little"))


def set_aside(path: Path, end: int) -> Path:
    """Move what follows `end` to a file of its own beside the journal; returns its path. Raises OSError."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    with path.open("rb") as file:
        file.seek(end)
        rest = file.read()
    with aside.open("xb") as out:
        out.write(rest)
        out.flush()
        os.fsync(out.fileno())
    aside.chmod(0o600)
    sync_folder(path.parent)
    return aside


class Journal:
    """Keeps operations; one process at a time, which the caller sees to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        """Where the records end."""
        self.inode = 0
        """Which file it is, while it is open."""
        self._file: int | None = None
        self._room = 0

    def append(self, rows: Rows) -> None:
        """Keep the rows of one operation; they are on the disk when this returns, or nothing is. Raises OSError."""
        body = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
        record = _HEAD.pack(len(body), _crc(len(body)), zlib.crc32(body)) + body
        file = self._open()
        end = self.size + len(record)
        try:
            if end > self._room:
                self._make_room(file, end)
            _write(file, record, self.size)
            _write(file, _MAGIC + end.to_bytes(8, "little"), 0)
            _sync(file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(file, self.size)
                self._room = self.size
                _write(file, _MAGIC + self.size.to_bytes(8, "little"), 0)
                os.fsync(file)
            if error.filename is None:
                error.filename = str(self.path)
            raise
        self.size = end

    def _open(self) -> int:
        if self._file is not None and os.fstat(self._file).st_nlink == 0:
            self.close()  # somebody took it in
        if self._file is None:
            held = read(self.path)
            if held.damaged:
                raise OSError(5, "the journal is damaged", str(self.path))
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
            self._file = os.open(self.path, flags, 0o600)
            self.inode = os.fstat(self._file).st_ino
            self.size = max(held.end, START)
            os.ftruncate(self._file, min(os.fstat(self._file).st_size, self.size))
            self._room = os.fstat(self._file).st_size
            sync_folder(self.path.parent)
        return self._file

    def _make_room(self, file: int, end: int) -> None:
        """Take room for more records, where the system can; else the file grows with each."""
        room = -(-end // _ROOM) * _ROOM
        try:
            os.posix_fallocate(file, 0, room)
        except (AttributeError, OSError):
            room = end
        else:
            os.fsync(file)
        self._room = room

    def close(self) -> None:
        """Let go of the file. The next `append` opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file, self.size, self._room = None, 0, 0


def _write(file: int, data: bytes, at: int) -> None:
    if hasattr(os, "pwrite"):
        done = os.pwrite(file, data, at)
    else:  # Windows
        os.lseek(file, at, os.SEEK_SET)
        done = os.write(file, data)
    if done != len(data):
        raise OSError(28, os.strerror(28))


_sync = getattr(os, "fdatasync", os.fsync)
"""Bytes, and the size of the file if that changed, are on the disk when this returns."""
