"""DocRED and Re-DocRED (Yao et al. 2019, Tan et al. 2022): paragraphs with names, relations and evidence.

A file is a JSON list of `title`, `sents` (tokens), `vertexSet` (things with their mentions: `name`, `sent_id`,
`pos`, `type`) and `labels` (`h`, `r`, `t`, `evidence`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from memllm_cli.corpora.annotated import Annotated, Label, Mention, Name, joined
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.types import KINDS

RELATIONS = frozenset(
    "P6 P17 P19 P20 P22 P25 P26 P27 P30 P31 P35 P36 P37 P39 P40 P50 P54 P57 P58 P69 P86 P102 P108 P112 P118 P123 "
    "P127 P131 P136 P137 P140 P150 P155 P156 P159 P161 P162 P166 P170 P171 P172 P175 P176 P178 P179 P190 P194 P205 "
    "P206 P241 P264 P272 P276 P279 P355 P361 P364 P400 P403 P449 P463 P488 P495 P527 P551 P569 P570 P571 P576 P577 "
    "P580 P582 P585 P607 P674 P676 P706 P710 P737 P740 P749 P800 P807 P840 P937 P1001 P1056 P1198 P1336 P1344 P1365 "
    "P1366 P1376 P1412 P1441 P3373".split()
)
"""The 96 relations that are annotated."""


def read(path: Path, exhaustive: bool = True) -> list[Annotated]:
    """Documents of a file. `exhaustive` is False for labels known to be incomplete.

    Raises NotFound, and DamagedError when the file is not of this form.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [document(row, RELATIONS if exhaustive else frozenset()) for row in rows]
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Give the path of a file in DocRED's format.") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DamagedError(
            f"{path} is not in DocRED's format: {type(error).__name__} {str(error)[:100]}",
            "Expected: a JSON list of documents with title, sents, vertexSet and labels.",
        ) from error


def document(row: Mapping[str, Any], exhaustive: Iterable[str] = RELATIONS) -> Annotated:
    """One document. Raises KeyError, IndexError, TypeError or ValueError when it is not of this form."""
    text, places = joined(row["sents"])
    names = []
    for thing in row["vertexSet"]:
        kind = str(thing[0]["type"])
        if kind not in KINDS:
            raise ValueError(f"unknown type {kind[:20]}")
        mentions = []
        for m in thing:
            first, last = m["pos"][0], m["pos"][1] - 1
            mentions.append(Mention(places[m["sent_id"]][first][0], places[m["sent_id"]][last][1], m["sent_id"]))
        names.append(Name(kind, tuple(dict.fromkeys(mentions))))
    labels = []
    for label in row.get("labels", ()):
        if not (0 <= label["h"] < len(names) and 0 <= label["t"] < len(names)):
            raise IndexError("a label names a thing that is not there")
        evidence = tuple(i for i in label.get("evidence", ()) if 0 <= i < len(places))
        labels.append(Label(label["h"], str(label["r"]), label["t"], evidence))
    sentences = tuple((row_[0][0], row_[-1][1]) if row_ else (0, 0) for row_ in places)
    return Annotated(
        str(row["title"]), text, sentences, tuple(names), tuple(dict.fromkeys(labels)), frozenset(exhaustive)
    )
