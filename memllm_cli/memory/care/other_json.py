"""Facts in JSON that other programs write: rows, and what assistants keep of entities and relations.

    {"subject": "Norland", "relation": "capital", "object": "Tromby"}          a line each, or an array of them
    ["Norland", "capital", "Tromby"]                                           the same
    {"type": "entity", "name": "Dana_Olsen", "entityType": "Person", "observations": ["Lives in Tromby"]}
    {"type": "relation", "from": "Dana_Olsen", "to": "Ferrol", "relationType": "works_at"}
    {"entities": [...], "relations": [...]}                                    both in one

Rows are checked as those of a table are. The relations of an assistant's memory are its own words, and its names are
written with spaces. What is read here is untrusted.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from memllm_cli.errors import DamagedError
from memllm_cli.memory.care.table import COLUMNS, BadRow, checked, row
from memllm_cli.memory.edit.memory import ImportRow

if TYPE_CHECKING:
    from memllm_cli.memory.history.snapshot import Snapshot

_NAMED = {"predicate": "relation"}
_TUPLES = re.compile(r"\s*\[?\s*\(")
_TYPE, _NOTE = "instance of", "observation"


def read_json(text: str, snapshot: Snapshot) -> tuple[list[ImportRow], list[BadRow]]:
    """Rows, and those that cannot be taken. Raises DamagedError for what is no JSON, or holds no facts at all."""
    good: list[ImportRow] = []
    bad: list[BadRow] = []
    known = 0
    for number, item in _items(text):
        try:
            facts = list(_facts(item, snapshot))
            known += 1
            good += facts
        except LookupError:
            bad.append(BadRow(number, "it has no subject, relation and object"))
        except ValueError as error:
            known += 1
            bad.append(BadRow(number, str(error)))
    if not known:
        raise DamagedError(
            "This is JSON, but neither an export of memllm nor facts.",
            'Facts are lines like {"subject": "Norland", "relation": "capital", "object": "Tromby"}, or a table that '
            "begins: subject,relation,object",
        )
    return good, bad


def _items(text: str) -> Iterator[tuple[int, object]]:
    """Numbered values of a file: the lines, or the members of what is one value over all of them."""
    lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    try:
        whole = _value(text)
    except ValueError as fault:
        if text.rstrip()[-1:] not in ("}", "]", ")"):
            raise _no_json(f"Line {lines[-1][0]} breaks off: the file is incomplete.") from None
        for i, (n, line) in enumerate(lines):
            try:
                item = _value(line)
            except ValueError:
                # A first line that is nothing by itself begins a value of several: the fault is where that one has it.
                raise _no_json(f"Line {n if i else getattr(fault, 'lineno', n)} is no JSON.") from None
            yield n, item
        return
    if isinstance(whole, dict) and any(isinstance(whole.get(key), list) for key in ("entities", "relations")):
        whole = [*(whole.get("entities") or ()), *(whole.get("relations") or ())]
    yield from enumerate(whole if isinstance(whole, list | tuple) and not _is_triple(whole) else [whole], 1)


def _no_json(fault: str) -> DamagedError:
    return DamagedError(fault, "Nothing was imported. Write the file again: one value a line, or one array.")


def _value(text: str) -> object:
    try:
        if _TUPLES.match(text):  # as Python prints them
            return ast.literal_eval(text.strip())
        return json.loads(text)
    except (RecursionError, MemoryError):
        raise ValueError("nested too deep") from None
    except SyntaxError as fault:
        raise ValueError(fault.msg) from None


def _is_triple(item: object) -> TypeGuard[Sequence[str]]:
    return isinstance(item, list | tuple) and len(item) == 3 and all(isinstance(part, str) for part in item)


def _facts(item: object, snapshot: Snapshot) -> Iterator[ImportRow]:
    """The facts of one value. Raises LookupError for a value of no known form, ValueError for one with a fault."""
    if _is_triple(item):
        yield row(dict(zip(COLUMNS, item, strict=False)), snapshot)
        return
    if not isinstance(item, dict):
        raise LookupError
    cells = {_NAMED.get(key := str(k).lower(), key): v for k, v in item.items()}
    if all(c in cells for c in COLUMNS[:3]):
        yield row({k: _cell(v) for k, v in cells.items()}, snapshot)
    elif {"from", "to", "relationtype"} <= cells.keys():
        yield _own(cells["from"], _spaced(cells["relationtype"]), _spaced(cells["to"]))
    elif "name" in cells and ("observations" in cells or "entitytype" in cells):
        yield from _entity(cells)
    else:
        raise LookupError


def _entity(cells: Mapping[str, Any]) -> Iterator[ImportRow]:
    notes = cells.get("observations") or []
    if not isinstance(notes, list):
        raise ValueError("its observations are no list")
    if kind := cells.get("entitytype"):
        yield _own(cells["name"], _TYPE, _spaced(kind))
    for note in notes:
        yield _own(cells["name"], _NOTE, note)


def _own(subject: object, relation: str, object_: object) -> ImportRow:
    if not isinstance(object_, str):
        raise ValueError("what it says is no text")
    return ImportRow(checked(_spaced(subject), relation, object_), own=True)


def _spaced(name: object) -> str:
    """A name with spaces: `Dana_Olsen`, `works_at` and `worksAt` are written without."""
    if not isinstance(name, str):
        raise ValueError("a name in it is no text")
    if " " in name.strip():
        return name
    plain = name.replace("_", " ")
    return plain if name[:1].isupper() else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
