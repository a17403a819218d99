"""The log ahead of the database: operations that are durable before DuckDB has them.

A commit in DuckDB takes several times as long as the disk needs to keep a line. So a process that makes many edits
(`Memory.session`) appends each to this file, and whoever opens the database next puts them into it first. A record is
`length, crc32` (little-endian, 4 bytes each) and JSON: the rows of one operation. The file is there only while it holds
something, and belongs to the database as its own log does.

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
from memllm_cli.memory.rows import Rows

FILE = "facts.journal"
_HEAD = struct.Struct("<II")
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
    at = 0
    while at + _HEAD.size <= len(data):
        length, crc = _HEAD.unpack_from(data, at)
        if not 0 < length <= LONGEST:
            return Replayed(records, at, True)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) < length:
            break
        if zlib.crc32(body) != crc:
            return Replayed(records, at, True)
        records.append({table: [tuple(row) for row in rows] for table, rows in json.loads(body).items()})
        at += _HEAD.size + length
    return Replayed(records, at, False)


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
    """Appends operations; one process at a time, which the caller sees to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def append(self, rows: Rows) -> None:
        """Keep the rows of one operation; they are on the disk when this returns, or nothing is. Raises OSError."""
        body = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
        record = _HEAD.pack(len(body), zlib.crc32(body)) + body
        if self._file is None:
            new = not self.path.exists()
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
            if new:
                sync_folder(self.path.parent)
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, record)
            if written != len(record):
                raise OSError(28, os.strerror(28), str(self.path))
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, before)
                os.fsync(self._file)
            if error.filename is None:
                error.filename = str(self.path)
            raise

    def close(self) -> None:
        """Let go of the file. The next `append` opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
