"""The log ahead of the database: operations that are durable before DuckDB has them.

A commit in DuckDB takes several times as long as the disk needs to keep a line. So a process that makes many edits
(`Memory.session`) writes each into this file, and whoever opens the database next puts them into it first. The file is
there only while it holds something, and belongs to the database as its own log does.

It begins with `memllmJ2`, where its records end (8 bytes, little-endian), which says to others that it has grown, and
the id of its knowledge base (a UUID, 16 bytes); those that begin with `memllmJ1` are of an older version and bear no
id. A record is a length, its checksum, the checksum of what follows (CRC-32; 4 bytes each, little-endian) and JSON: the
rows of one operation. Zeros follow: the room is taken beforehand, so that keeping a record does not change the file's
size.

A last record that is cut short was never acknowledged and is dropped. A record that is not what its checksum says is
damage: it and all after it are set aside, never deleted.
"""

from __future__ import annotations

import json
import os
import struct
import uuid
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.files import sync_folder
from memllm_cli.memory.disk import files
from memllm_cli.memory.disk.tables import Rows

START = 32
"""Bytes before the first record."""
_MAGIC, _OLD_MAGIC, _OLD_START = b"memllmJ2", b"memllmJ1", 16
_HEAD = struct.Struct("<III")
_ROOM = 1 << 20
LONGEST = 1 << 30  # bytes of a record


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a journal holds: whole records, where they end, whether something damaged follows, and whose it is."""

    records: list[Rows]
    end: int
    damaged: bool
    kb: str = ""
    """Id of the knowledge base; empty in journals of an older version."""


def read(path: Path) -> Replayed:
    """The records of a journal; none when there is no file. Raises OSError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Replayed([], 0, False)
    magic = data[: len(_MAGIC)]
    if magic == _OLD_MAGIC:
        return _records(data, _OLD_START, "")
    if magic != _MAGIC[: len(data)]:
        return Replayed([], 0, any(data))
    return _records(data, START, str(uuid.UUID(bytes=data[_OLD_START:START])) if len(data) >= START else "")


def _records(data: bytes, at: int, kb: str) -> Replayed:
    records: list[Rows] = []
    while at < len(data):
        head = data[at : at + _HEAD.size]
        if len(head) < _HEAD.size or not any(head):
            return Replayed(records, at, len(head) == _HEAD.size and any(data[at:]), kb)
        length, own, crc = _HEAD.unpack(head)
        if own != _crc(length) or not 0 < length <= LONGEST:
            return Replayed(records, at, True, kb)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) < length:
            break
        if zlib.crc32(body) != crc:
            return Replayed(records, at, any(body), kb)  # all zeros: the record never came to the disk
        try:
            records.append(Rows.from_lists(json.loads(body)))
        except (KeyError, TypeError, AttributeError):  # rows of a version that knows more than this one
            return Replayed(records, at, True, kb)
        at += _HEAD.size + length
    return Replayed(records, at, False, kb)


def _crc(length: int) -> int:
    return zlib.crc32(length.to_bytes(4, "little"))


def set_aside(path: Path, beginning: str, end: int = 0) -> Path:
    """Move a journal, or what follows `end` in it, to a file of its own beside it; returns its path. Raises OSError."""
    aside = files.aside(path, beginning)
    if not end:
        path.rename(aside)
        aside.chmod(0o600)
        sync_folder(path.parent)
        return aside
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

    def append(self, rows: Rows, kb: str) -> None:
        """Keep the rows of one operation of the knowledge base with the id `kb`; they are on the disk when this
        returns, or nothing is. Raises OSError."""
        body = json.dumps(rows.as_lists(), ensure_ascii=False, separators=(",", ":")).encode()
        record = _HEAD.pack(len(body), _crc(len(body)), zlib.crc32(body)) + body
        file = self._open(kb)
        end = self.size + len(record)
        try:
            if end > self._room:
                self._make_room(file, end)
            _write(file, record, self.size)
            _write(file, _start(end, kb), 0)
            _sync(file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(file, self.size)
                self._room = self.size
                _write(file, _start(self.size, kb), 0)
                os.fsync(file)
            if error.filename is None:
                error.filename = str(self.path)
            raise
        self.size = end

    def _open(self, kb: str) -> int:
        if self._file is not None and os.fstat(self._file).st_nlink == 0:
            self.close()  # somebody took it in
        if self._file is None:
            held = read(self.path)
            if held.damaged or held.kb not in ("", kb) or (held.records and not held.kb):
                raise OSError(5, "the journal is damaged, or not this knowledge base's", str(self.path))
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


def _start(end: int, kb: str) -> bytes:
    return _MAGIC + end.to_bytes(8, "little") + uuid.UUID(kb).bytes


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
