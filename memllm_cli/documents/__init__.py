"""Readers of documents: markdown, reStructuredText, HTML, PDF and plain text, cut into sentences.

`find` walks folders, `read` makes a `Document` of one file, `read_text` of text that came another way. Importing
the package is cheap: the readers and their libraries are imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Found as Found
    from .base import Limits as Limits
    from .base import Skipped as Skipped
    from .reader import read as read
    from .reader import read_text as read_text
    from .sentences import split as split
    from .walk import find as find

_HOMES = {
    "Found": "base",
    "Limits": "base",
    "Skipped": "base",
    "find": "walk",
    "read": "reader",
    "read_text": "reader",
    "split": "sentences",
}

__all__ = ["Found", "Limits", "Skipped", "find", "read", "read_text", "split"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
