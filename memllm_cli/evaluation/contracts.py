"""What is stored of contracts, against lawyers' answers (CUAD, Hendrycks et al. 2021)."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from memllm_cli import documents
from memllm_cli.corpora.matching import share, words
from memllm_cli.corpora.statements import CONTRACT, REPORTED
from memllm_cli.memory.values.literals import normalise
from memllm_cli.writing import structure
from memllm_cli.writing.drafts import DocumentWriter

FIELDS = tuple(CONTRACT.values())
ALIKE = 0.6
"""Share of words from which on two names are one."""
_COUNTED = re.compile(r"(\d+)\s*\)?\s*-?\s*(?:\w+\s+)?(day|week|month|year)", re.IGNORECASE)


def reported(path: Path) -> list[dict[str, Any]]:
    """The contracts that are kept for reports: the last of the file."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file][-REPORTED:]


def answers(row: dict[str, Any]) -> dict[str, list[str]]:
    """What lawyers answered, by our names of the questions; of parties and laws one each."""
    out: dict[str, list[str]] = {}
    for question, name in CONTRACT.items():
        answer = str(row["answers"].get(question) or "").strip()
        if not answer:
            continue
        parts = [re.sub(r"\s*\([^)]*\)", "", p).strip(" .") for p in answer.split(";")]
        out[name] = [p for p in parts if p] if name in ("party", "governing law") else [answer]
    return out


def same(name: str, answer: str, found: str) -> bool:
    """Whether a stored value is what was answered: the same day, the same length of time, or most of the words."""
    if name.endswith("date"):
        parts = answer.split("/")
        if len(parts) == 3 and all(p.isdigit() for p in parts):
            month, day, year = map(int, parts)
            year += 0 if year > 99 else 1900 if year > 60 else 2000
            return normalise(found, "date") == f"{year:04d}-{month:02d}-{day:02d}"
    if name in ("renewal term", "notice period"):
        wanted = {(int(n), u.lower()) for n, u in _COUNTED.findall(answer)}
        if wanted:
            return bool(wanted & {(int(n), u.lower()) for n, u in _COUNTED.findall(found)})
    if name == "governing law":
        return bool(words(answer)) and set(words(answer)) <= set(words(found))
    return share(answer, found) >= ALIKE


def measure(
    writer: DocumentWriter, rows: Sequence[dict[str, Any]], progress: Callable[[int], None]
) -> dict[str, dict[str, float]]:
    """Precision and recall of stored facts for each question, and of all."""
    count = {name: [0, 0, 0, 0] for name in FIELDS}  # wanted, got, stored, right
    for number, row in enumerate(rows):
        document = documents.read_text("contract.txt", str(row["text"]))
        reading = writer.read(document)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                found = end.value
                break
        stored: dict[str, set[str]] = {name: set() for name in FIELDS}
        for f in found:
            if f.sure and f.truth == "stated" and f.triple.relation in stored:
                stored[f.triple.relation].add(f.triple.object)
        for s in structure.stated(document):
            if s.sure and s.triple.relation.casefold() in stored:
                stored[s.triple.relation.casefold()].add(s.triple.object)
        asked = answers(row)
        for name in FIELDS:
            wanted, got = asked.get(name, []), stored[name]
            count[name][0] += len(wanted)
            count[name][1] += sum(any(same(name, a, g) for g in got) for a in wanted)
            count[name][2] += len(got)
            count[name][3] += sum(any(same(name, a, g) for a in wanted) for g in got)
        progress(number + 1)
    total = [sum(c[i] for c in count.values()) for i in range(4)]
    return {
        name: {
            "wanted": c[0], "stored": c[2], "precision": round(100 * c[3] / max(1, c[2]), 1),
            "recall": round(100 * c[1] / max(1, c[0]), 1),
        }
        for name, c in {**count, "all": total}.items()
    }  # fmt: skip
