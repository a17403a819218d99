"""A whole knowledge base in one compressed file of text, and back."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

from memllm_cli.errors import DamagedError
from memllm_cli.memory.care.full_export import Everything, read_jsonl, write_jsonl
from memllm_cli.memory.edit.memory import Memory


def write(memory: Memory, path: Path) -> int:
    """Write everything; returns how many rows. Raises OSError."""
    with gzip.open(path, "wb", compresslevel=6) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as out:
        return write_jsonl(memory, out)


def read(path: Path) -> Everything:
    """What `write` or an export wrote, checked. Raises OSError, DamagedError."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with (
            gzip.open(path, "rb") if packed else path.open("rb") as data,
            io.TextIOWrapper(data, encoding="utf-8", newline="\n") as lines,
        ):
            return read_jsonl(lines)
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise DamagedError(f"{path} is cut short or damaged.", "Nothing was changed. Try another backup.") from error


def check(path: Path) -> None:
    """Raise OSError unless a file that was just written can be read back."""
    try:
        read(path)
    except DamagedError as error:
        raise OSError(5, error.message, str(path)) from error
