"""Relations: canonical name, the phrase that reads it from the other side, aliases, cardinalities, object type."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.errors import DamagedError, NotFound, UsageError
from memllm_cli.memory.values.literals import KINDS
from memllm_cli.memory.values.names import normal

NEAR = 0.84
"""How alike a name is that may be a slip of the pen: `capitol` and `capital`; `architect` is like nothing known."""
DOCUMENTS = "documents"
"""Domain of relations that were made from the words of documents, or by a person's fact."""


@dataclass(frozen=True, slots=True)
class Relation:
    """`one_object`: a subject has one object at a time; `one_subject`: an object has one subject at a time."""

    id: int
    name: str
    inverse: str
    aliases: tuple[str, ...]
    description: str
    one_subject: bool
    one_object: bool
    object_type: str
    domain: str
    external: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it was made from the words of a document or of a person's fact."""
        return self.domain == DOCUMENTS

    def phrases(self) -> list[tuple[str, bool]]:
        """Every way to say it, with whether that way is from the object's side."""
        return [(self.name, False), *((a, False) for a in self.aliases), (self.inverse, True)]


def read_table(path: Path) -> list[Relation]:
    """The relations of a CSV file (columns: kb/README.md). Raises DamagedError naming the line that is wrong."""
    out: list[Relation] = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                for side in ("subject_cardinality", "object_cardinality"):
                    if row[side] not in ("one", "many"):
                        raise ValueError(f"{side} is '{row[side]}', not 'one' or 'many'")
                if row["object_type"] not in KINDS:
                    raise ValueError(f"object_type is '{row['object_type']}'")
                relation = Relation(
                    id=len(out) + 1,
                    name=row["name"].strip(),
                    inverse=row["inverse"].strip(),
                    aliases=tuple(a.strip() for a in row["aliases"].split("|") if a.strip()),
                    description=row["description"].strip(),
                    one_subject=row["subject_cardinality"] == "one",
                    one_object=row["object_cardinality"] == "one",
                    object_type=row["object_type"],
                    domain=row["domain"].strip(),
                    external=row["id"].strip(),
                )
            except (KeyError, ValueError, AttributeError) as error:
                raise DamagedError(f"{path}, relation {len(out) + 1}: {error}", "Correct the table.") from error
            out.append(relation)
    return out


class Relations:
    """The relations of one knowledge base, found by any of their phrases."""

    def __init__(self, relations: Iterable[Relation]) -> None:
        self.by_id = {r.id: r for r in relations}
        self._phrases: dict[str, tuple[Relation, bool]] = {}
        for relation in self.by_id.values():
            for phrase, flipped in relation.phrases():
                self._phrases.setdefault(normal(phrase), (relation, flipped))
        for relation in self.by_id.values():  # a name outranks somebody else's alias
            self._phrases[normal(relation.name)] = (relation, False)

    def __len__(self) -> int:
        return len(self.by_id)

    def phrases(self) -> list[tuple[str, Relation, bool]]:
        """All phrases with their relation and side, in table order."""
        return [(p, r, flipped) for r in self.by_id.values() for p, flipped in r.phrases()]

    def find(self, phrase: str) -> tuple[Relation, bool] | None:
        """The relation a phrase names, and whether from the object's side; None if nothing is named so."""
        return self._phrases.get(normal(phrase))

    def near(self, phrase: str) -> list[str]:
        """Names that a phrase which names nothing may have been meant for: those spelled nearly so, nearest first."""
        return difflib.get_close_matches(normal(phrase), self._phrases, n=3, cutoff=NEAR)

    def unknown(self, phrase: str, meant: Callable[[str], bool] = lambda near: False) -> str:
        """The name of a relation that nothing is called yet, "" for one that is known.

        Raises NotFound for what may be a slip of the pen, unless `meant` says, of the name near to it, that it is none.
        """
        if not phrase.strip() or self.find(phrase) is not None:
            self.get(phrase)
            return ""
        name, near = phrase.strip(), self.near(phrase)
        if near and not meant(near[0]):
            raise NotFound(
                f"No relation is called '{name}'; did you mean '{near[0]}'?",
                f'If it is another one: memllm relation add "{name}"',
            )
        return name

    def get(self, phrase: str) -> tuple[Relation, bool]:
        """Like `find`, for what a person typed. Raises UsageError for none, NotFound with the nearest names."""
        if not phrase.strip():
            raise UsageError("The relation is empty.", 'Write it between the two names: "France >> capital >> Paris"')
        if (found := self.find(phrase)) is not None:
            return found
        near = difflib.get_close_matches(normal(phrase), self._phrases, n=3, cutoff=0.55)
        hint = f"Nearest: {', '.join(near)}. " if near else ""
        raise NotFound(
            f"No relation is called '{phrase.strip()}'.",
            f'{hint}All: memllm relation list; your own: memllm relation add "{phrase.strip()}"',
        )
