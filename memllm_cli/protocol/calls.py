"""Calls as values and as text: `parse(render(call)) == call`.

    ({MEM_WRITE-->s>>r>>o;s>>r>>o})       ({MEM_WRITE-->})
    ({MEM_READ(s>>r>>;>>r>>o)-->a;b})     ({MEM_READ(s>>r>>)-->})     ({MEM_READ(s>>r>>)-->   not yet answered

Knows nothing of memory or of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memllm_cli.protocol.grammar import ARROW, CLOSE, FIELD, ITEM, OPEN, READ, TEXT, WRITE, as_field, is_field
from memllm_cli.types import Query, Triple


class CallError(ValueError):
    """The text is not exactly one call."""


@dataclass(frozen=True, slots=True)
class WriteCall:
    """Triples to write; none is a call that says there is nothing to write."""

    triples: tuple[Triple, ...]


@dataclass(frozen=True, slots=True)
class ReadCall:
    """Questions to memory, at least one; `results` is None until they are answered."""

    queries: tuple[Query, ...]
    results: tuple[str, ...] | None = None


Call = WriteCall | ReadCall

# A name that ends in `--` makes `-->>` with the mark after it; an arrow is never followed by `>`, as no field
# begins with one.
_READ_HEAD = re.compile(rf" ?{READ} ?\(")
_WRITE_HEAD = re.compile(rf" ?{WRITE} ?{ARROW}(?!>)")
_READ_ARROW = re.compile(rf"\) ?{ARROW}(?!>)")


def _checked(text: str) -> str:
    if not is_field(text):
        raise ValueError(f"cannot stand inside a call: {text!r}")
    return text


def _query(query: Query) -> str:
    if (query.subject is None) == (query.object is None):
        raise ValueError("a query has exactly one of subject and object")
    subject = "" if query.subject is None else _checked(query.subject)
    object_ = "" if query.object is None else _checked(query.object)
    return FIELD.join((subject, _checked(query.relation), object_))


def render_open_read(queries: Sequence[Query]) -> str:
    """A read up to its arrow, where the results will follow. Raises ValueError as `render` does."""
    if not queries:
        raise ValueError("a read has at least one query")
    return f"{OPEN}{READ}({ITEM.join(map(_query, queries))}){ARROW}"


def render_text(words: str, sentences: Sequence[str]) -> str:
    """A search in the texts of documents with what it returned, as a model is told it; no model makes one itself."""
    said = ITEM.join(f for s in sentences if (f := as_field(s)))
    return f"{OPEN}{TEXT}({as_field(words)}){ARROW}{said}{CLOSE}"


def render(call: Call) -> str:
    """The canonical text of a call. Raises ValueError when a name cannot stand in a call."""
    if isinstance(call, WriteCall):
        items = (FIELD.join(map(_checked, (t.subject, t.relation, t.object))) for t in call.triples)
        return f"{OPEN}{WRITE}{ARROW}{ITEM.join(items)}{CLOSE}"
    head = render_open_read(call.queries)
    return head if call.results is None else head + ITEM.join(map(_checked, call.results)) + CLOSE


def _bare(text: str) -> str:
    """Without the one space that is tolerated on each side of a mark."""
    return text.removeprefix(" ").removesuffix(" ")


def _fields(item: str) -> tuple[str, str, str]:
    parts = [_bare(part) for part in item.split(FIELD)]
    if len(parts) != 3:
        raise CallError(f"three fields belong in {item!r}")
    for part in parts:
        if part and not is_field(part):
            raise CallError(f"cannot stand inside a call: {part!r}")
    return parts[0], parts[1], parts[2]


def _parse_triple(item: str) -> Triple:
    fields = _fields(item)
    if not all(fields):
        raise CallError(f"a field is empty in {item!r}")
    return Triple(*fields)


def _parse_query(item: str) -> Query:
    subject, relation, object_ = _fields(item)
    if not relation or bool(subject) == bool(object_):
        raise CallError(f"a relation and one side belong in {item!r}")
    return Query(subject or None, relation, object_ or None)


def _parse_result(item: str) -> str:
    result = _bare(item)
    if not is_field(result):
        raise CallError(f"cannot stand inside a call: {result!r}")
    return result


def parse(text: str) -> Call:
    """The call that `text` is, from its first character to its last. Raises CallError."""
    if not text.startswith(OPEN):
        raise CallError(f"a call begins with {OPEN}")
    closed = text.endswith(CLOSE) and len(text) >= len(OPEN) + len(CLOSE)
    inner = text[len(OPEN) : -len(CLOSE)] if closed else text[len(OPEN) :]
    if head := _WRITE_HEAD.match(inner):
        if not closed:
            raise CallError(f"a write ends with {CLOSE}")
        body = inner[head.end() :]
        return WriteCall(tuple(map(_parse_triple, body.split(ITEM))) if _bare(body) else ())
    head, arrow = _READ_HEAD.match(inner), _READ_ARROW.search(inner)
    if head is None or arrow is None or arrow.start() < head.end():
        raise CallError(f"neither {WRITE} nor {READ}")
    queries = tuple(map(_parse_query, inner[head.end() : arrow.start()].split(ITEM)))
    body = inner[arrow.end() :]
    if closed:
        return ReadCall(queries, tuple(map(_parse_result, body.split(ITEM))) if _bare(body) else ())
    if _bare(body):
        raise CallError(f"results end with {CLOSE}")
    return ReadCall(queries)
