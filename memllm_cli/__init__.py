"""memllm: a local language model with an explicit memory.

As a library: `Memory` opens a knowledge base, reads documents, answers, and is corrected; the other names are what it
returns and what it raises. Each is loaded when it is first asked for, so that importing the package costs nothing.
"""

import typing as _typing

__version__ = "0.1.0"

__all__ = [
    "Answer", "BusyError", "Change", "DamagedError", "DocumentError", "EncoderMismatch", "Evidence", "Fact", "Ingested",
    "MemllmError", "Memory", "ModelMissing", "NotFound", "PartlyDone", "Query", "Read", "Row", "Statement",
    "StorageError", "Triple", "UsageError", "Why", "__version__",
]  # fmt: skip

_MODULES = ("errors", "types", "memory.edit.evidence", "api.values", "api.memory")
"""Where the names are looked for, in this order."""

if _typing.TYPE_CHECKING:
    from memllm_cli.api.memory import Memory
    from memllm_cli.api.values import Answer, Change, Fact, Ingested, Read, Row, Statement, Why
    from memllm_cli.errors import (
        BusyError,
        DamagedError,
        DocumentError,
        EncoderMismatch,
        MemllmError,
        ModelMissing,
        NotFound,
        PartlyDone,
        StorageError,
        UsageError,
    )
    from memllm_cli.memory.edit.evidence import Evidence
    from memllm_cli.types import Query, Triple
else:

    def __getattr__(name: str) -> object:
        if name in __all__:
            from importlib import import_module

            for module in _MODULES:
                found = import_module(f"memllm_cli.{module}")
                if hasattr(found, name):
                    return globals().setdefault(name, getattr(found, name))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
