"""The marks a call is made of, what may stand between them, and what a person types.

A *field* is a name inside a call. It holds none of the characters the marks are told apart by, so a call can be
read back without escapes. What a person types (`subject >> relation >> object`) is looser: only `>>` divides it.
"""

from __future__ import annotations

import re

from memllm_cli.errors import UsageError
from memllm_cli.types import Query, Triple

OPEN = "({"
CLOSE = "})"
ARROW = "-->"
ITEM = ";"
FIELD = ">>"
WRITE = "MEM_WRITE"
READ = "MEM_READ"
TEXT = "MEM_TEXT"

_CONTROLS = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)))
RESERVED = frozenset(";>{}\n\r\t") | _CONTROLS
"""Characters that no field holds: those the marks need, and control characters."""

# Lone surrogates cannot be encoded, so no tokenizer takes them.
_RESERVED = re.compile("[" + re.escape("".join(sorted(RESERVED))) + "\ud800-\udfff]")
_CONTROL = re.compile("[" + re.escape("".join(sorted(_CONTROLS))) + "\ud800-\udfff]")
_SPACE = re.compile(r"\s+")

_STATEMENT = 'write it in quotes: "subject >> relation >> object"'
_QUESTION = 'leave one side empty: "subject >> relation >>" or ">> relation >> object"'


def collapse(text: str) -> str:
    """The text with every run of whitespace made one space."""
    return _SPACE.sub(" ", text)


def has_reserved(text: str) -> bool:
    """Whether a character stands in the text that no field may hold."""
    return _RESERVED.search(text) is not None


def is_field(text: str) -> bool:
    """Whether the text can stand as a name inside a call."""
    return bool(text) and text == text.strip() and text[-1] != "(" and not has_reserved(text)


def as_field(text: str) -> str:
    """The nearest text that can stand inside a call; empty when nothing is left. Idempotent.

    A semicolon becomes a comma, other reserved characters become spaces, runs of whitespace one space.
    """
    plain = collapse(_RESERVED.sub(" ", text.replace(ITEM, ","))).strip()
    while plain.endswith("("):
        plain = plain[:-1].rstrip()
    return plain


def parse_pattern(text: str) -> tuple[str, str, str]:
    """Subject, relation and object as typed; any of them may be empty.

    Raises UsageError unless there are exactly two `>>`, or when a control character is among the text.
    """
    if FIELD + ">" in text:
        raise UsageError("there are more than two > in a row: no name can begin with one, nor hold >>", _STATEMENT)
    parts = [collapse(part).strip() for part in text.split(FIELD)]
    if any(_CONTROL.search(part) for part in parts):
        raise UsageError("there is a control character in it", "type it again without it")
    if len(parts) > 3:
        raise UsageError(f"there are {len(parts)} fields and not three: no name can hold >>", _STATEMENT)
    if len(parts) != 3:
        raise UsageError(f"expected three fields with >> between them, got {len(parts)}", _STATEMENT)
    subject, relation, object_ = parts
    return subject, relation, object_


def parse_statement(text: str) -> Triple:
    """A statement as typed, all three fields given. Raises UsageError."""
    fields = parse_pattern(text)
    for name, value in zip(("subject", "relation", "object"), fields, strict=True):
        if not value:
            raise UsageError(f"the {name} is empty", _STATEMENT)
    return Triple(*fields)


def parse_question(text: str) -> Query:
    """A question as typed: a relation and one side, the other side left empty. Raises UsageError."""
    subject, relation, object_ = parse_pattern(text)
    if not relation:
        raise UsageError("the relation is empty", _QUESTION)
    if bool(subject) == bool(object_):
        which = "no side is" if subject else "both sides are"
        raise UsageError(f"{which} left empty", _QUESTION)
    return Query(subject or None, relation, object_ or None)
