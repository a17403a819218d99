"""Short documents made of our own phrasings: every relation of the table, contracts and projects among them.

`phrasings/` holds statements and questions for each relation, what kinds of names they take, and invented names of
each kind. A document tells some things about one or two of them, between sentences that tell nothing. Everything that
holds in it is known, because nothing else was written.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from memllm_cli.corpora.annotated import Annotated, Label, Mention, Name
from memllm_cli.memory.values.relations import Relation

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
"""Of each relation's statements the last so many are never trained on, of its questions the last from each side."""
EVERY = 10
"""Of each kind's fillers one in so many is never trained on."""
PRONOUNS = 0.4
"""Share of statements about what the sentence before was about that say "it" or "its" instead of its name."""
_PRONOUNS = ((("It", "Its"),), (("He", "His"), ("She", "Her")))
_OPENS = re.compile(r"\{s\} (?=[a-z])")
_OF = re.compile(r"The ([a-z][\w -]*?) of \{s\} ")
_ANSWERS = ("{a}.", "{a}", "It is {a}.", "The answer is {a}.", "A: {a}", '"{a}"', 'It is or they are "{a}".')
LONG = 0.4
"""Share of documents that tell many things."""
HELD_OUT = frozenset(("M7", "M8", "M20", "M42", "M48", "M52", "M55", "M72", "M89", "M94"))
"""Relations (by external id) that are never trained on, to know what a relation is worth that somebody adds."""
_SLOT = re.compile(r"\{([A-Z]+)\}")
_NOUNS = frozenset("Lease Sublease Agreement Contract Memorandum Policy Manual Handbook Minutes Report".split())
"""A name that ends with one of these may have an article."""


@dataclass(frozen=True, slots=True)
class Phrasings:
    """`statements` and `slots` (kinds of both sides) by relation, `fillers` by kind, `values` by (relation, side).

    `neutral` sentences name nothing, `asides` name things (`{KIND}`) without telling a relation of the table,
    `questions` ask for either side of a relation (`{s}` or `{o}` is what is known).
    """

    statements: Mapping[str, Sequence[str]]
    slots: Mapping[str, tuple[Sequence[str], Sequence[str]]]
    fillers: Mapping[str, Sequence[str]]
    values: Mapping[tuple[str, str], Sequence[str]]
    neutral: Sequence[str]
    asides: Sequence[str]
    questions: Mapping[str, Sequence[str]]


def load(kept_out: bool = False) -> Phrasings:
    """What the package holds; with `kept_out` the statements and names that are not trained on, else the others."""
    rows = _rows("one.csv") + _rows("two.csv")
    statements: dict[str, list[str]] = {}
    questions: dict[str, list[str]] = {}
    for row in rows:
        (statements if row["form"] == "statement" else questions).setdefault(row["relation"], []).append(row["text"])
    cut = slice(-KEPT_OUT, None) if kept_out else slice(None, -KEPT_OUT)
    kept = {name: {of[-1] for side in ("{s}", "{o}") if (of := [q for q in found if side in q])} for name, found in
            questions.items()}  # fmt: skip
    fillers: dict[str, list[str]] = {}
    for row in _rows("fillers.csv"):
        fillers.setdefault(row["kind"], []).append(row["text"])
    fillers = {
        kind: [f for i, f in enumerate(found) if (i % EVERY == EVERY - 1) == kept_out]
        for kind, found in fillers.items()
    }
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
        [row["text"] for row in _rows("asides.csv")],
        {name: [q for q in found if (q in kept[name]) == kept_out] for name, found in questions.items()},
    )


def _rows(name: str) -> list[dict[str, str]]:
    path = resources.files("memllm_cli.training") / "phrasings" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


class Documents:
    """Makes documents; the same seed makes the same ones. `relations` are those that are told and known."""

    def __init__(self, relations: Sequence[Relation], phrasings: Phrasings, seed: int = 0) -> None:
        self.phrasings, self.seed = phrasings, seed
        self.relations = [r for r in relations if r.name in phrasings.statements and r.name in phrasings.slots]
        self.every = frozenset(i for r in relations for i in r.external.split("|") if i)
        self._by_subject: dict[str, list[Relation]] = {}
        for r in self.relations:
            for kind in phrasings.slots[r.name][0]:
                self._by_subject.setdefault(kind, []).append(r)

    def make(self, count: int, leading: str = "") -> Iterator[Annotated]:
        """So many documents; each relation comes first in its turn, or always the one named `leading`."""
        chosen = [r for r in self.relations if not leading or r.name == leading]
        for i in range(count):
            yield self._document(random.Random(f"{self.seed}/{leading}{i}"), chosen[(i + self.seed) % len(chosen)])

    def answered(self, count: int) -> Iterator[Annotated]:
        """So many documents of one to four questions, each with its answer: the form in which an edit arrives."""
        for i in range(count):
            rng = random.Random(f"{self.seed}/answered/{i}")
            maker = _Maker("", self.every)
            for j in range(rng.randint(1, 4)):
                relation = self.relations[(i + 7 * j + self.seed) % len(self.relations)]
                subject_kind, object_kind = (rng.choice(list(side)) for side in self.phrasings.slots[relation.name])
                subject = self._filler(rng, relation.name, "subject", subject_kind)
                value = self._filler(rng, relation.name, "object", object_kind)
                question = rng.choice(list(self.phrasings.questions[relation.name]))
                if bare(subject).casefold() != bare(value).casefold():
                    pattern = f"{question} {rng.choice(_ANSWERS)}"
                    pattern = pattern.replace("{a}", "{o}" if "{s}" in question else "{s}")
                    maker.state(pattern, (subject, _type(subject_kind)), (value, _type(object_kind)), relation)
            if maker.labels:
                yield maker.done()

    def _document(self, rng: random.Random, leading: Relation) -> Annotated:
        """A few things about one name, or many; perhaps some about another, to which the first may be related."""
        kind = rng.choice(list(self.phrasings.slots[leading.name][0]))
        subject = self._filler(rng, leading.name, "subject", kind)
        most = 14 if rng.random() < LONG else 3
        told = self._told(rng, subject, kind, [leading, *self._others(rng, kind, leading, most)])
        if rng.random() < 0.5:
            related = [(o, k) for _, _, _, o, k in told if k in self._by_subject and o.casefold() != subject.casefold()]
            if related and rng.random() < 0.6:
                other, other_kind = rng.choice(related)
                first = rng.choice(self._by_subject[other_kind])
            else:
                first = rng.choice(self.relations)
                other_kind = rng.choice(list(self.phrasings.slots[first.name][0]))
                other = self._filler(rng, first.name, "subject", other_kind)
            told += self._told(rng, other, other_kind, [first, *self._others(rng, other_kind, first, most // 3)])
        rng.shuffle(told)
        maker = _Maker(bare(subject), self.every)
        for relation, name, name_kind, value, object_kind in told:
            if rng.random() < 0.3:
                maker.plain(rng.choice(list(self.phrasings.neutral)))
            if rng.random() < 0.25:
                maker.aside(self._aside(rng))
            if value.casefold() == name.casefold():
                continue
            statement = rng.choice(list(self.phrasings.statements[relation.name]))
            if maker.about == bare(name).casefold() and rng.random() < PRONOUNS:
                again = _pronoun(statement, rng.choice(_PRONOUNS[name_kind == "PER"]))
                if again:
                    maker.again(again, (value, _type(object_kind)), relation)
                    continue
            maker.state(statement, (name, _type(name_kind)), (value, _type(object_kind)), relation)
        return maker.done()

    def _others(self, rng: random.Random, kind: str, leading: Relation, most: int) -> list[Relation]:
        others = [r for r in self._by_subject[kind] if r is not leading and kind != "TEXT"]
        return rng.sample(others, min(len(others), rng.randint(0, most)))

    def _told(
        self, rng: random.Random, subject: str, kind: str, relations: Sequence[Relation]
    ) -> list[tuple[Relation, str, str, str, str]]:
        out = []
        for relation in relations:
            object_kind = rng.choice(list(self.phrasings.slots[relation.name][1]))
            out.append((relation, subject, kind, self._filler(rng, relation.name, "object", object_kind), object_kind))
        return out

    def _aside(self, rng: random.Random) -> list[tuple[str, str]]:
        """A sentence in parts, each with the type of name it is; empty for what is none."""
        parts = _SLOT.split(rng.choice(list(self.phrasings.asides)))
        return [(self._filler(rng, "", "", part), _type(part)) if i % 2 else (part, "") for i, part in enumerate(parts)]

    def _filler(self, rng: random.Random, relation: str, side: str, kind: str) -> str:
        own = self.phrasings.values.get((relation, side))
        if kind == "TEXT" and own:
            return rng.choice(list(own))
        found = rng.choice(list(self.phrasings.fillers[kind]))
        if found.split()[-1] in _NOUNS and bare(found) == found and rng.random() < 0.5:
            return f"the {found}"
        return found


def bare(name: str) -> str:
    """A name without its article, which is not part of it when it is written small."""
    return name.removeprefix("the ")


def _pronoun(statement: str, words: tuple[str, str]) -> str:
    """A statement with a pronoun for its subject; empty when it does not begin with it."""
    if match := _OPENS.match(statement):
        return f"{words[0]} {statement[match.end() :]}"
    if match := _OF.match(statement):
        return f"{words[1]} {match[1]} {statement[match.end() :]}"
    return ""


class _Maker:
    """Puts a document together, sentence by sentence."""

    def __init__(self, title: str, every: frozenset[str]) -> None:
        self.title, self.every = title, every
        self.text = ""
        self.sentences: list[tuple[int, int]] = []
        self.names: dict[str, tuple[str, list[Mention]]] = {}
        self.order: list[str] = []
        self.labels: list[tuple[str, str, str, tuple[int, ...]]] = []
        self.about = ""
        """The name that the last sentence was about, in small letters."""

    def plain(self, sentence: str) -> None:
        """A sentence without names."""
        self._append(sentence)
        self.about = ""

    def again(self, pattern: str, object: tuple[str, str], relation: Relation) -> None:
        """Something more about the same, which is not named again."""
        name, kind = object
        at = pattern.index("{o}")
        base = len(self.text) + 1 + at + len(name) - len(bare(name))
        before = self.names[self.about][1][-1].sentence
        dot = name.endswith(".") and pattern[at + 3 : at + 4] == "."
        number = self._append(pattern[:at] + name + pattern[at + 3 + dot :])
        self._mention(bare(name), kind, base, number)
        self._label(self.about, relation, bare(name).casefold(), (before, number))

    def state(self, pattern: str, subject: tuple[str, str], object: tuple[str, str], relation: Relation) -> None:
        """A sentence with both names, and what it says."""
        base = len(self.text) + (1 if self.text else 0)
        parts, at, where = [], 0, []
        for side, (name, kind) in sorted((("{s}", subject), ("{o}", object)), key=lambda item: pattern.index(item[0])):
            i = pattern.index(side)
            parts.append(pattern[at:i])
            shown = name if sum(map(len, parts)) or i else name[:1].upper() + name[1:]
            skip = len(name) - len(bare(name))
            where.append((sum(map(len, parts)) + skip, shown[skip:], kind))
            parts.append(shown)
            at = i + len(side)
            if shown.endswith(".") and pattern[at : at + 1] == ".":  # "Acorn Inc." ends its sentence too
                at += 1
        parts.append(pattern[at:])
        number = self._append("".join(parts))
        for offset, shown, kind in where:
            self._mention(shown, kind, base + offset, number)
        self.about = bare(subject[0]).casefold()
        self._label(self.about, relation, bare(object[0]).casefold(), (number,))

    def _label(self, head: str, relation: Relation, tail: str, evidence: tuple[int, ...]) -> None:
        first, *others = relation.external.split("|")
        self.labels.append((head, first, tail, evidence))
        self.labels += [(tail, inverse, head, evidence) for inverse in others]

    def aside(self, parts: Sequence[tuple[str, str]]) -> None:
        """A sentence with names of which nothing is told."""
        base = len(self.text) + (1 if self.text else 0)
        text, places = "", []
        for part, kind in parts:
            shown = part if text else part[:1].upper() + part[1:]
            skip = len(part) - len(bare(part)) if kind else 0
            if kind:
                places.append((len(text) + skip, shown[skip:], kind))
            text += shown
        number = self._append(text)
        self.about = ""
        for offset, shown, kind in places:
            self._mention(shown, kind, base + offset, number)

    def _mention(self, shown: str, kind: str, start: int, number: int) -> None:
        key = shown.casefold()
        if key not in self.names:
            self.names[key] = (kind, [])
            self.order.append(key)
        self.names[key][1].append(Mention(start, start + len(shown), number))

    def _append(self, sentence: str) -> int:
        start = len(self.text) + (1 if self.text else 0)
        self.text = f"{self.text} {sentence}" if self.text else sentence
        self.sentences.append((start, len(self.text)))
        return len(self.sentences) - 1

    def done(self) -> Annotated:
        """The document."""
        index = {key: i for i, key in enumerate(self.order)}
        names = tuple(Name(self.names[key][0], tuple(self.names[key][1])) for key in self.order)
        labels = tuple(Label(index[s], r, index[o], n) for s, r, o, n in dict.fromkeys(self.labels))
        return Annotated(self.title, self.text, tuple(self.sentences), names, labels, self.every, all_names=False)


def _type(kind: str) -> str:
    return TYPE.get(kind, "MISC")
