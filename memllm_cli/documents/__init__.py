"""Readers of documents: markdown, reStructuredText, HTML, PDF and plain text, cut into sentences.

`find` walks folders, `read` makes a `Document` of one file, `read_text` of text that came another way. Importing
the package is cheap: the readers and their libraries are imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memllm_cli.documents.base import Found as Found
    from memllm_cli.documents.base import Limits as Limits
    from memllm_cli.documents.base import Skipped as Skipped
    from memllm_cli.documents.reader import file_of as file_of
    from memllm_cli.documents.reader import inside as inside
    from memllm_cli.documents.reader import read as read
    from memllm_cli.documents.reader import read_text as read_text
    from memllm_cli.documents.sentences import split as split
    from memllm_cli.documents.walk import find as find

_HOMES = {
    "Found": "base",
    "Limits": "base",
    "Skipped": "base",
    "file_of": "reader",
    "find": "walk",
    "inside": "reader",
    "read": "reader",
    "read_text": "reader",
    "split": "sentences",
}

__all__ = ["Found", "Limits", "Skipped", "file_of", "find", "inside", "read", "read_text", "split"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
