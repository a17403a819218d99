"""How a read is written by a trained model, in running text and in answers: the pieces of `read-1`.

    ... was born in({MEM_READ( Mira Olsen >> place of birth >> )--> Tromby }) Tromby, the daughter of ...

Marks and names are parted by single spaces, as in `written`. The model decides about the first piece and makes the
query; what it is told and the close are put there. See docs/format.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from memllm_cli.protocol.grammar import ARROW, CLOSE, FIELD, ITEM, OPEN, READ
from memllm_cli.protocol.written import name
from memllm_cli.types import Query

FORMAT = "read-1"
OPENING = OPEN
"""The piece whose probability says that a read is wanted."""
REST = f"{READ}("
"""What follows the opening, without being asked for."""
ASKED = f" ){ARROW}"
"""Ends the queries."""
MARK = f" {FIELD}"
ANSWERED = f" {CLOSE}"


def query(query: Query) -> tuple[str, ...]:
    """The pieces of one query."""
    before = () if query.subject is None else (name(query.subject),)
    after = () if query.object is None else (name(query.object),)
    return *before, MARK, name(query.relation), MARK, *after


def queries(all_: Sequence[Query]) -> list[str]:
    """The pieces of the queries of a read, with their end."""
    out: list[str] = []
    for i, one in enumerate(all_):
        out += [*([ITEM] if i else []), *query(one)]
    return [*out, ASKED]


def results(values: Iterable[str]) -> list[str]:
    """The pieces of what memory returned, with the close."""
    out: list[str] = []
    for i, value in enumerate(values):
        out += [*([ITEM] if i else []), name(value)]
    return [*out, ANSWERED]
