"""Everything the program raises on purpose.

    MemllmError                 exit code 1
    ├── UsageError              2   what was typed cannot be understood
    ├── NotFound                1   the named thing is not there
    ├── PartlyDone              3   some inputs were done, some were not
    ├── BusyError               4   another process is writing to the knowledge base
    ├── ModelMissing            5   no model file, or one that is not what the catalog says
    ├── DamagedError            1   a file is not what it claims to be, or broken
    ├── EncoderMismatch         1   the knowledge base was encoded by another encoder
    ├── DocumentError           1   a document could not be read (reported and skipped by ingest)
    └── StorageError            1   the disk refused: no space, no permission

    Interrupted                 130 Ctrl-C, with a line on what it left (beside the tree: no MemllmError)

Each carries a message (what happened) and a hint (what to do next); the program prints both, in one or two
lines, and never a traceback. Knows nothing of how they are printed.
"""

from __future__ import annotations


class MemllmError(Exception):
    """What went wrong, in one line; `hint` says what to do next."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MemllmError):
    """What was typed cannot be understood."""

    exit_code = 2


class NotFound(MemllmError):
    """The named thing is not there."""


class PartlyDone(MemllmError):
    """Some inputs were done, some were not; `data` is the command's result, for machines."""

    exit_code = 3

    def __init__(self, message: str, hint: str = "", data: object = None) -> None:
        super().__init__(message, hint)
        self.data = data


class BusyError(MemllmError):
    """Another process is writing to the knowledge base."""

    exit_code = 4


class ModelMissing(MemllmError):
    """No model file, or one that is not what the catalog says."""

    exit_code = 5


class DamagedError(MemllmError):
    """A file is not what it claims to be, or broken."""


class EncoderMismatch(MemllmError):
    """The knowledge base was encoded by another encoder."""


class DocumentError(MemllmError):
    """A document could not be read."""


class StorageError(MemllmError):
    """The disk refused: no space, no permission."""


class Interrupted(BaseException):
    """Ctrl-C, with a line on what it left. No KeyboardInterrupt: that one's text gets lost on the way out of typer."""
