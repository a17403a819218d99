"""Which side of a fact may answer a question: what is known must be named in it, what is asked for must not."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search.postings import terms
from memllm_cli.memory.values.literals import fits
from memllm_cli.memory.values.names import normal
from memllm_cli.memory.values.relations import Relation
from memllm_cli.reading.question import Asked

_KIND = re.compile(r" (?:(?:in|at|of|for|by|to|from|with|on) )?(?:which|what) (\w+) ")
"""The word after "which" that says what kind of thing is asked for."""


@dataclass(slots=True)
class Sides:
    """A question to facts: its words, the names in it (`named`), and what kind of answer it wants."""

    snapshot: Snapshot
    text: str
    words: frozenset[str]
    named: frozenset[int]
    asked: Asked
    reached: dict[int, set[int]] = field(default_factory=dict)
    """What facts about these names lead to, and by which relations that the question has a word of: from there a second
    hop goes on, by a relation that it has another word of."""
    _text: str = ""
    _found: dict[int, tuple[str, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        words = re.sub(r"[.,;:!?()\"“”]+", " ", normal(self.text))
        self._text = f" {' '.join(words.split())} "

    @classmethod
    def of(cls, snapshot: Snapshot, question: str, named: Iterable[int], asked: Asked, facts: Iterable[Fact]) -> Sides:
        """`facts` are those about the names; `asked` is read from the question without them."""
        one = cls(snapshot, question, frozenset(terms(question)), frozenset(named), asked)
        for subject, relation, object_ in (f.key for f in facts if one.words & one.called(f.key[1])):
            for known, other in ((subject, object_), (object_, subject)):
                if known in one.named:
                    one.reached.setdefault(other, set()).add(relation)
        return one

    def gives(self, fact: Fact) -> tuple[str, ...]:
        """`object`, `subject`, both, or nothing."""
        subject, relation, object_ = fact.key
        of = self.snapshot.relations.by_id[relation]
        sides = (("object", "subject", subject, object_), ("subject", "object", object_, subject))
        return tuple(side for side, known, k, o in sides if self._may(fact, of, known, k, o))

    def _may(self, fact: Fact, relation: Relation, side: str, known: int, other: int) -> bool:
        if not self.asked.fits(relation, side) or self._turned(fact):
            return False
        if self.asked.yes_no:  # to say yes, or what is so instead
            return known in self.named and (other in self.named or bool(self.words & self.called(relation.id)))
        if other in self.named:
            return False
        if known in self.named or self._all_said(fact):
            return True
        own = self.words & self.called(relation.id)
        return any(own - self.called(first) for first in self.reached.get(known, ()))

    def asks(self, fact: Fact) -> str:
        """The side of a fact that the question asks for in so many words; empty for none.

        It has the name that is known, a phrase of the relation, and nothing else but what kind of thing is asked for
        ("Which country"). For a yes or no both names stand in it.
        """
        phrase = set(terms(self.spelled(fact.key[1])))
        if not phrase:
            return ""
        if self.asked.yes_no:
            names = {t for side in (0, 2) for t in terms(self._called(fact.key[side]))}
            both = {fact.key[0], fact.key[2]} <= self.named and self.words - phrase <= names
            return "object" if both and self.gives(fact) else ""
        kind = _KIND.match(self._text)
        rest = self.words - phrase - set(terms(kind[1]) if kind else ())
        for side in self.gives(fact):
            known = fact.key[0 if side == "object" else 2]
            if known in self.named and rest <= set(terms(self._called(known))) and self._suits(fact, side):
                return side
        return ""

    def _suits(self, fact: Fact, side: str) -> bool:
        """Whether a value can be read as what is asked for: "When" by a date, "How many" by a number."""
        kinds = (self.asked.kinds or frozenset[str]()) - {"entity", "text"}
        value = self.snapshot.texts(fact)[2 if side == "object" else 0]
        return not kinds or any(fits(value, kind) for kind in kinds)

    def _called(self, entity: int) -> str:
        return " ".join([self.snapshot.name(entity), *self.snapshot.aliases(entity)])

    def spelled(self, relation: int) -> str:
        """The longest of the names of a relation that stands in the question word for word; nothing where none does."""
        return self._spelled(relation)[0]

    def _spelled(self, relation: int) -> tuple[str, bool]:
        if relation not in self._found:
            named = self.snapshot.relations.by_id[relation].phrases()
            here = [(normal(p), flipped) for p, flipped in named if f" {normal(p)} " in self._text]
            self._found[relation] = max(here, key=lambda p: len(p[0]), default=("", False))
        return self._found[relation]

    def _turned(self, fact: Fact) -> bool:
        """Whether the question has the fact the wrong way round: "the capital of Tromby", "Tromby's capital"."""
        phrase, flipped = self._spelled(fact.key[1])
        subject, _, object_ = (normal(t) for t in self.snapshot.texts(fact))
        before, here, after = self._text.partition(f" {phrase} ") if phrase else ("", "", "")
        if not here:
            return False
        if flipped or after.startswith(("of ", "for ")):
            return object_ in after and subject not in after
        return before.endswith((f" {object_}'s", f" {object_}’s"))

    def _all_said(self, fact: Fact) -> bool:
        """Whether every word of the question stands in the fact: "the rent of the lease" of "Harbour Lease"."""
        subject, _, object_ = self.snapshot.texts(fact)
        return self.words <= {*terms(f"{subject} {object_}"), *self.called(fact.key[1])}

    def called(self, relation: int) -> set[str]:
        """The words that a relation is called by."""
        return words_of(self.snapshot.relations.by_id[relation])


def words_of(relation: Relation) -> set[str]:
    """The words of all names of a relation; units in brackets do not count."""
    called = (relation.name, relation.inverse, *relation.aliases)
    return set(terms(re.sub(r"\(.*?\)", " ", " ".join(called))))


def giving(sides: Sides, facts: Collection[Fact]) -> list[tuple[Fact, tuple[str, ...]]]:
    """Of facts those that may answer, with the sides that do. Where the question spells out the relation of one, facts
    of relations that it has no other word of answer something else."""
    spelled = {f.key[1]: sides.spelled(f.key[1]) for f in facts}
    rest = sides.words - set(terms(" ".join(spelled.values())))
    found = [(f, given) for f in facts if (given := sides.gives(f))]
    if any(spelled.values()):
        found = [(f, g) for f, g in found if spelled[f.key[1]] or rest & sides.called(f.key[1])]
    return found
