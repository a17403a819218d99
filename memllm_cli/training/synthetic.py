"""Short documents made of our own phrasings: every relation of the table, contracts and projects among them.

`phrasings/` holds statements and questions for each relation, what kinds of names they take, and invented names of
each kind. A document tells some things about one or two of them, between sentences that tell nothing. Everything that
holds in it is known, because nothing else was written.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from memllm_cli.corpora.annotated import Annotated, Label, Mention, Name
from memllm_cli.memory.relations import Relation

_TYPES = {
    "PER": "PER CHARACTER",
    "ORG": "ORG TEAM PARTY UNIVERSITY DEPARTMENT LEAGUE",
    "LOC": "COUNTRY CITY REGION PLACE WATER MOUNTAIN ADDRESS",
    "TIME": "DATE YEAR DURATION",
    "NUM": "MONEY NUMBER PERCENT",
}
TYPE = {kind: name for name, kinds in _TYPES.items() for kind in kinds.split()}
"""Type of name (as `types.KINDS`) of each kind of filler; the others are MISC."""
KEPT_OUT = 2
"""Of each relation's statements the last so many are never trained on."""


@dataclass(frozen=True, slots=True)
class Phrasings:
    """`statements` and `slots` (kinds of both sides) by relation, `fillers` by kind, `values` by (relation, side)."""

    statements: Mapping[str, Sequence[str]]
    slots: Mapping[str, tuple[Sequence[str], Sequence[str]]]
    fillers: Mapping[str, Sequence[str]]
    values: Mapping[tuple[str, str], Sequence[str]]
    neutral: Sequence[str]


def load(kept_out: bool = False) -> Phrasings:
    """What the package holds; with `kept_out` only the statements that are not trained on, else only the others."""
    rows = _rows("one.csv") + _rows("two.csv")
    statements: dict[str, list[str]] = {}
    for row in rows:
        if row["form"] == "statement":
            statements.setdefault(row["relation"], []).append(row["text"])
    cut = slice(-KEPT_OUT, None) if kept_out else slice(None, -KEPT_OUT)
    fillers: dict[str, list[str]] = {}
    for row in _rows("fillers.csv"):
        fillers.setdefault(row["kind"], []).append(row["text"])
    values: dict[tuple[str, str], list[str]] = {}
    for row in _rows("values.csv"):
        values.setdefault((row["relation"], row["side"]), []).append(row["text"])
    return Phrasings(
        {name: found[cut] for name, found in statements.items()},
        {
            row["relation"]: (row["subject"].split("|"), row["object"].split("|"))
            for row in _rows("one_slots.csv") + _rows("two_slots.csv")
        },
        fillers,
        values,
        [row["text"] for row in _rows("neutral.csv")],
    )


def _rows(name: str) -> list[dict[str, str]]:
    path = resources.files("memllm_cli.training") / "phrasings" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


class Documents:
    """Makes documents; the same seed makes the same ones."""

    def __init__(self, relations: Sequence[Relation], phrasings: Phrasings, seed: int = 0) -> None:
        self.phrasings, self.seed = phrasings, seed
        self.relations = [r for r in relations if r.name in phrasings.statements and r.name in phrasings.slots]
        self.every = frozenset(i for r in relations for i in r.external.split("|") if i)
        self._by_subject: dict[str, list[Relation]] = {}
        for r in self.relations:
            for kind in phrasings.slots[r.name][0]:
                self._by_subject.setdefault(kind, []).append(r)

    def make(self, count: int) -> Iterator[Annotated]:
        """So many documents; each relation comes first in its turn."""
        for i in range(count):
            rng = random.Random(f"{self.seed}/{i}")
            leading = self.relations[(i + self.seed) % len(self.relations)]
            yield self._document(rng, leading, f"made {self.seed}/{i}")

    def _document(self, rng: random.Random, leading: Relation, title: str) -> Annotated:
        kind = rng.choice(list(self.phrasings.slots[leading.name][0]))
        subject = self._filler(rng, leading.name, "subject", kind)
        told = [(leading, subject, kind, rng.choice(list(self.phrasings.slots[leading.name][1])))]
        others = [r for r in self._by_subject[kind] if r is not leading and kind != "TEXT"]
        for relation in rng.sample(others, min(len(others), rng.randint(0, 3))):
            told.append((relation, subject, kind, rng.choice(list(self.phrasings.slots[relation.name][1]))))
        if rng.random() < 0.5:  # somebody else, of whom other things are told
            relation = rng.choice(self.relations)
            other = rng.choice(list(self.phrasings.slots[relation.name][0]))
            name = self._filler(rng, relation.name, "subject", other)
            told.append((relation, name, other, rng.choice(list(self.phrasings.slots[relation.name][1]))))
        rng.shuffle(told)
        maker = _Maker(title, self.every)
        for relation, name, name_kind, object_kind in told:
            if rng.random() < 0.35:
                maker.plain(rng.choice(list(self.phrasings.neutral)))
            value = self._filler(rng, relation.name, "object", object_kind)
            if value.casefold() == name.casefold():
                continue
            statement = rng.choice(list(self.phrasings.statements[relation.name]))
            maker.state(statement, (name, _type(name_kind)), (value, _type(object_kind)), relation)
        return maker.done()

    def _filler(self, rng: random.Random, relation: str, side: str, kind: str) -> str:
        own = self.phrasings.values.get((relation, side))
        if kind == "TEXT" and own:
            return rng.choice(list(own))
        return rng.choice(list(self.phrasings.fillers[kind]))


class _Maker:
    """Puts a document together, sentence by sentence."""

    def __init__(self, title: str, every: frozenset[str]) -> None:
        self.title, self.every = title, every
        self.text = ""
        self.sentences: list[tuple[int, int]] = []
        self.names: dict[str, tuple[str, list[Mention]]] = {}
        self.order: list[str] = []
        self.labels: list[tuple[str, str, str, int]] = []

    def plain(self, sentence: str) -> None:
        """A sentence without names."""
        self._append(sentence)

    def state(self, pattern: str, subject: tuple[str, str], object: tuple[str, str], relation: Relation) -> None:
        """A sentence with both names, and what it says."""
        base = len(self.text) + (1 if self.text else 0)
        parts, at, where = [], 0, []
        for side, (name, kind) in sorted((("{s}", subject), ("{o}", object)), key=lambda item: pattern.index(item[0])):
            i = pattern.index(side)
            parts.append(pattern[at:i])
            shown = name if sum(map(len, parts)) or i else name[:1].upper() + name[1:]
            where.append((sum(map(len, parts)), shown, name, kind))
            parts.append(shown)
            at = i + len(side)
            if shown.endswith(".") and pattern[at : at + 1] == ".":  # "Acorn Inc." ends its sentence too
                at += 1
        parts.append(pattern[at:])
        number = self._append("".join(parts))
        for offset, shown, name, kind in where:
            key = name.casefold()
            if key not in self.names:
                self.names[key] = (kind, [])
                self.order.append(key)
            self.names[key][1].append(Mention(base + offset, base + offset + len(shown), number))
        ids = relation.external.split("|")
        self.labels.append((subject[0].casefold(), ids[0], object[0].casefold(), number))
        for inverse in ids[1:]:
            self.labels.append((object[0].casefold(), inverse, subject[0].casefold(), number))

    def _append(self, sentence: str) -> int:
        start = len(self.text) + (1 if self.text else 0)
        self.text = f"{self.text} {sentence}" if self.text else sentence
        self.sentences.append((start, len(self.text)))
        return len(self.sentences) - 1

    def done(self) -> Annotated:
        """The document."""
        index = {key: i for i, key in enumerate(self.order)}
        names = tuple(Name(self.names[key][0], tuple(self.names[key][1])) for key in self.order)
        labels = tuple(Label(index[s], r, index[o], (n,)) for s, r, o, n in dict.fromkeys(self.labels))
        return Annotated(self.title, self.text, tuple(self.sentences), names, labels, self.every, all_names=False)


def _type(kind: str) -> str:
    return TYPE.get(kind, "MISC")
