"""Sentences and short passages with some of their relations marked: KnowledgeNet, FewRel, TekGen.

What is not marked in them is unknown, with one exception: KnowledgeNet says of each passage which properties were
looked for in full.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from memllm_cli.corpora.annotated import Annotated, Label, Mention, Name, from_data, joined, locate
from memllm_cli.errors import DamagedError, NotFound

# KnowledgeNet's properties as Wikidata's; of those left out the direction or the meaning is not one relation's.
PROPERTIES = {
    "PLACE_OF_RESIDENCE": "P551",
    "SPOUSE": "P26",
    "PLACE_OF_BIRTH": "P19",
    "HEADQUARTERS": "P159",
    "EDUCATED_AT": "P69",
    "DATE_OF_BIRTH": "P569",
    "FOUNDED_BY": "P112",
    "NATIONALITY": "P27",
    "CEO": "P169",
    "POLITICAL_AFFILIATION": "P102",
    "DATE_OF_DEATH": "P570",
    "SUBSIDIARY_OF": "P749",
    "DATE_FOUNDED": "P571",
}
_REVERSED = {"CHILD_OF": "P40"}


def knowledgenet(path: Path) -> list[Annotated]:
    """Passages of a KnowledgeNet file (Mesquita et al. 2019): JSON lines of documents. Raises as `docred.read`."""

    def of(row: Mapping[str, Any]) -> Iterator[Annotated]:
        for passage in row["passages"]:
            found = [
                (f["object"], _REVERSED[f["property"]], f["subject"])
                if f["property"] in _REVERSED
                else (f["subject"], PROPERTIES[f["property"]], f["object"])
                for f in passage["facts"]
                if f["property"] in PROPERTIES or f["property"] in _REVERSED
            ]
            full = (PROPERTIES.get(p) or _REVERSED.get(p) for p in passage["exhaustive_properties"])
            yield from _marked(str(row["doc"]), passage["text"], found, {p for p in full if p})

    return [text for row in _lines(path) for text in _guarded(path, of, row)]


def fewrel(path: Path) -> list[Annotated]:
    """Sentences of a FewRel file (Han et al. 2018): by relation, tokens with one pair. Raises as `docred.read`."""

    def of(item: tuple[str, Mapping[str, Any]]) -> Iterator[Annotated]:
        relation, row = item
        text, places = joined([row["tokens"]])
        names = []
        for side in ("h", "t"):
            spans = [(places[0][m[0]][0], places[0][m[-1]][1]) for m in row[side][2]]
            names.append(Name("", tuple(Mention(a, b, 0) for a, b in spans)))
        label = Label(0, relation, 1, (0,))
        yield Annotated(row["h"][0], text, ((0, len(text)),), tuple(names), (label,), frozenset(), False)

    rows = _json(path)
    return [t for relation in rows for row in rows[relation] for t in _guarded(path, of, (relation, row))]


def tekgen(path: Path) -> list[Annotated]:
    """Sentences of a Text2KGBench file (Mihindukulasooriya et al. 2023): JSON lines. Raises as `docred.read`."""

    def of(row: Mapping[str, Any]) -> Iterator[Annotated]:
        yield from _marked(str(row["id"]), row["sent"], [(row["sub_label"], row["rel"], row["obj_label"])], ())

    return [text for row in _lines(path) for text in _guarded(path, of, row)]


def own(path: Path) -> list[Annotated]:
    """JSON lines as `annotated.as_data` makes them. Raises as `docred.read`."""
    return [text for row in _lines(path) for text in _guarded(path, lambda r: [from_data(r)], row)]


def _marked(
    title: str, text: str, found: Iterable[tuple[str, str, str]], exhaustive: Iterable[str]
) -> Iterator[Annotated]:
    """A text with the triples both names of which stand in it; nothing when it has no name at all."""
    index: dict[str, int] = {}
    names: list[Name] = []
    labels: list[Label] = []
    for head, relation, tail in found:
        for surface in (head, tail):
            if surface not in index and (places := list(locate(text, surface))):
                index[surface] = len(names)
                names.append(Name("", tuple(Mention(a, b, 0) for a, b in places)))
        if head in index and tail in index and head != tail:
            labels.append(Label(index[head], relation, index[tail], (0,)))
    if len(names) > 1:
        unique = tuple(dict.fromkeys(labels))
        yield Annotated(title, text, ((0, len(text)),), tuple(names), unique, frozenset(exhaustive), False)


def _guarded(path: Path, of: Any, row: Any) -> list[Annotated]:
    try:
        return list(of(row))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DamagedError(
            f"{path} is not in the form expected: {type(error).__name__} {str(error)[:100]}",
            "See docs/training.md for the forms that are read.",
        ) from error


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Check the path.") from None
    except (OSError, ValueError) as error:
        raise DamagedError(f"{path} cannot be read as JSON: {error}", "Check the file.") from error


def _lines(path: Path) -> list[Any]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Check the path.") from None
    except (OSError, ValueError) as error:
        raise DamagedError(f"{path} cannot be read as JSON lines: {error}", "Check the file.") from error
