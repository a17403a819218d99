"""How the rows of a table are packed into arrays: numbers as they are, truth values as bits, texts by number in a pool.

Derived from the table's description (`disk/tables.py`), so that a new column is packed without a word here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.memory.disk.table import Table

_FORMATS = {"i4": "i", "u1": "B", "f8": "d"}


class Layout:
    """Packed rows of one table; those of `coded`, texts of a few values, become bits like truth values.

    Numbers come first, then one byte of bits, then reals, then texts. What is not there is -1, or not a number.
    """

    def __init__(self, table: Table, coded: tuple[str, ...] = ()) -> None:
        self.table = table
        self._row = table.row
        fields = table.fields
        at = {f.field: i for i, f in enumerate(fields)}
        self.coded = [(f.field, f.allowed) for f in fields if f.field in coded]
        numbers = [f for f in fields if f.type == "BIGINT"]
        truths = [f.field for f in fields if f.type == "BOOLEAN"]
        reals = [f.field for f in fields if f.type == "DOUBLE"]
        texts = [f.field for f in fields if f.type == "TEXT" and f.field not in coded]
        self.shift: dict[str, int] = {}
        """Where the bits of each coded text and each truth value begin."""
        bits = 0
        for name, values in self.coded:
            self.shift[name] = bits
            bits += max(1, (len(values) - 1).bit_length())
        for name in truths:
            self.shift[name] = bits
            bits += 1
        assert bits <= 8, f"{table.name} has too many truth values for a byte"
        columns = [(f.field, "i4") for f in numbers] + ([("flags", "u1")] if bits else [])
        columns += [(name, "f8") for name in reals] + [(name, "i4") for name in texts]
        self.dtype = np.dtype(columns)
        self.unpack = struct.Struct("<" + "".join(_FORMATS[kind] for _, kind in columns)).unpack_from
        """Reads one row from its bytes; a third of the time numpy takes for it."""
        self.at = {name: i for i, (name, _) in enumerate(columns)}
        """Where each field stands in a packed row."""
        self.texts = tuple(texts)
        self._numbers = [(at[f.field], self.at[f.field]) for f in numbers if not f.nullable]
        self._gaps = [(at[f.field], self.at[f.field]) for f in numbers if f.nullable]
        self._reals = [(at[name], self.at[name]) for name in reals]
        self._pooled = [(at[name], self.at[name]) for name in texts]
        self._first_text = len(columns) - len(texts)
        self._bare = (-1,) * len(texts)
        self._defaults = {n: v for n, v in table.row._field_defaults.items() if n in texts and v is not None}
        self._templates = [self._template(flags) for flags in range(1 << bits)]

    def mark(self, name: str) -> int:
        """The bit of a truth value."""
        return 1 << self.shift[name]

    def _template(self, flags: int) -> list[Any]:
        """A row that holds what its bits say, and the defaults of its texts."""
        out: dict[str, Any] = dict.fromkeys(self._row._fields) | self._defaults
        for name, values in self.coded:
            code = flags >> self.shift[name] & ((1 << max(1, (len(values) - 1).bit_length())) - 1)
            out[name] = values[code] if code < len(values) else values[-1]
        for f in self.table.fields:
            if f.type == "BOOLEAN":
                out[f.field] = bool(flags & self.mark(f.field))
        return list(out.values())

    def decode(self, row: tuple[Any, ...], text: Callable[[int], str]) -> Any:
        """A row of the table from its packed form; `text` gives the strings of the pool."""
        flags = self.at.get("flags")
        out = self._templates[0 if flags is None else row[flags]].copy()
        for i, j in self._numbers:
            out[i] = row[j]
        for i, j in self._gaps:
            out[i] = None if row[j] < 0 else row[j]
        for i, j in self._reals:
            out[i] = None if row[j] != row[j] else row[j]
        if row[self._first_text :] != self._bare:
            for i, j in self._pooled:
                if row[j] >= 0:
                    out[i] = text(row[j])
        return self._row._make(out)

    def encode(self, rows: Iterable[Any], add: Callable[[str | None], int]) -> NDArray[Any]:
        """Rows in an array; `add` gives the numbers of strings, -1 for None."""
        rows = list(rows)
        out = np.empty(len(rows), dtype=self.dtype)
        if not rows:
            return out
        columns = dict(zip(self._row._fields, zip(*rows, strict=True), strict=True))
        for f in self.table.fields:
            column = columns[f.field]
            if f.field in self.texts:
                default = self._defaults.get(f.field)
                out[f.field] = [-1 if text == default else add(text) for text in column]
            elif f.type == "BIGINT":
                out[f.field] = [-1 if n is None else n for n in column] if f.nullable else column
            elif f.type == "DOUBLE":
                out[f.field] = [np.nan if x is None else x for x in column]
        if self.shift:
            flags = np.zeros(len(rows), dtype=np.uint8)
            for name, values in self.coded:
                flags |= np.array([values.index(v) << self.shift[name] for v in columns[name]], dtype=np.uint8)
            for f in self.table.fields:
                if f.type == "BOOLEAN":
                    flags |= np.array(columns[f.field], dtype=np.uint8) << self.shift[f.field]
            out["flags"] = flags
        return out

    def selected(self, columns: Mapping[str, Any], number: Callable[[Any], Any]) -> NDArray[Any]:
        """Columns of `select` in an array; `number` makes those of texts into numbers of the pool."""
        out = np.empty(len(columns["id"]), dtype=self.dtype)
        for name in self.at:
            out[name] = number(columns[name]) if name in self.texts else columns[name]
        return out

    def select(self, **instead: str) -> str:
        """What to select from the table, called `a`, to get the packed columns, texts as they are or NULL.

        `instead` are other expressions, of texts that depend on more than the table.
        """
        out = []
        for f in self.table.fields:
            if f.type == "BIGINT":
                out.append(f"coalesce(a.{f.name}, -1) AS {f.field}")
            elif f.type == "DOUBLE":
                out.append(f"coalesce(a.{f.name}, 'nan'::DOUBLE) AS {f.field}")
            elif f.field in self.texts:
                out.append(f"{instead.get(f.field) or self._text(f.field)} AS {f.field}")
        bits = [
            f"CASE WHEN a.{name} = '{value}' THEN {code << self.shift[name]} ELSE 0 END"
            for name, values in self.coded
            for code, value in enumerate(values)
            if code
        ]
        bits += [f"CASE WHEN a.{f.name} THEN {self.mark(f.field)} ELSE 0 END"
                 for f in self.table.fields if f.type == "BOOLEAN"]  # fmt: skip
        return ", ".join([*out, *([f"({' + '.join(bits)})::UTINYINT AS flags"] if bits else [])])

    def _text(self, name: str) -> str:
        default = self._defaults.get(name)
        return f"a.{name}" if default is None else f"nullif(a.{name}, '{default}')"
