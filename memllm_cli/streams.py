"""The standard streams of the process, made so that no command can fail at printing what it has done.

A letter that the console cannot show is replaced, a stream that whoever started the program closed is empty, and a
reader that has gone or a disk without room ends the output, not the work. Knows nothing of what is printed.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import Any

from memllm_cli.errors import UsageError


class _Patient(io.FileIO):
    """A file whose writes do not fail: after the first that does, the rest goes nowhere and `lost` says why."""

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return int(super().write(data) or 0)
        except OSError as error:
            self.lost = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(data).nbytes


def prepare() -> None:
    """Make the standard streams ones that can be relied on; for a process of our own, before anything is printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # closed: opening takes its number again, so that no file of ours gets it
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _patient(stream))


def _patient(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if type(raw) is not io.FileIO:  # a console of Windows has its own kind
        stream.reconfigure(errors="replace")
        return stream
    stream.flush()
    patient = _Patient(raw.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        patient if stream.write_through else io.BufferedWriter(patient),
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def unwritten() -> OSError | None:
    """Why what was printed did not arrive; None when it did, or when its reader wanted no more."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    lost = getattr(getattr(buffer, "raw", buffer), "lost", None)
    return None if isinstance(lost, BrokenPipeError) else lost


def takes_any_letter() -> bool:
    """Whether standard output can show every letter there is."""
    try:
        return codecs.lookup(getattr(sys.stdout, "encoding", None) or "utf-8").name.startswith("utf")
    except LookupError:
        return False


def piped() -> str:
    """All of standard input, which is UTF-8 whatever the console speaks. Raises UsageError when it is not."""
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        return sys.stdin.read()
    try:
        return bytes(buffer.read()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"Line {line} of standard input is not UTF-8. Nothing was done.", "Save it as UTF-8."
        ) from None
