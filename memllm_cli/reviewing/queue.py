"""What waits for a person's word, in a list with one of them selected; every action is one operation of the store.

Knows nothing of terminals: `reviewing.screen` shows it and calls it. What goes wrong becomes a line (`said`), so that
the list stays.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from memllm_cli.errors import MemllmError, NotFound, UsageError
from memllm_cli.memory.edit.change import Change
from memllm_cli.memory.edit.evidence import Evidence, around
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.facts import Fact, Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.reviewing.correcting import correct, unknown_relation
from memllm_cli.terminal import count
from memllm_cli.types import Triple

AHEAD = 50
"""Rows whose sentences are fetched at once: opening the database for each by itself would be felt."""
PATIENCE = 3.0
"""Seconds before sentences that could not be fetched are tried again."""

Texts = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a fact stands: its evidence, and the sentences before and after the first of it."""

    places: tuple[Evidence, ...]
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """An action of this review that counts: its operation, what was done, and to which facts."""

    operation: int
    verb: str
    keys: tuple[Key, ...]


class Queue:
    """Proposals, or with `proposed` false facts, in the order they were read."""

    def __init__(self, memory: Memory, proposed: bool = True) -> None:
        self.memory = memory
        self.proposed = proposed
        self.rows: list[Fact] = []
        """What is listed: all of it, or what has the words of the filter."""
        self.at = 0
        """Which of them is selected."""
        self.marked: set[Key] = set()
        self.said = ""
        """What the last action did, or why it could not."""
        self.words = ""
        self.done: list[Done] = []
        self.total = 0
        self.snapshot: Snapshot = memory.snapshot
        self._found: dict[tuple[Key, int], Found] = {}
        self._missed = 0.0
        self._asked = ""
        self._all: list[Fact] = []
        self._folded: list[str] = []
        self.refresh()

    # -- the list ---------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """List what there is now, also what another process wrote; the place in the list stays."""
        snapshot = self.memory.snapshot
        facts = sorted(snapshot.facts(self.proposed), key=lambda f: f.supports[0].id)
        self.snapshot, self._all, self._folded = snapshot, facts, []
        self.total = len(facts)
        self.marked &= {f.key for f in facts} if self.marked else set()
        self._narrow()

    def filter(self, words: str) -> None:
        """List only what has all of these words in its texts or the name of its document; all of it without any."""
        selected = self.selected
        self.words = words
        self._narrow()
        self.at = next((i for i, f in enumerate(self.rows) if f is selected), 0)

    def _narrow(self) -> None:
        wanted = self.words.casefold().split()
        if not wanted:
            self.rows = self._all
        else:
            if not self._folded:
                self._folded = ["\n".join((*self.texts(f), self.document(f))).casefold() for f in self._all]
            pairs = zip(self._all, self._folded, strict=True)
            self.rows = [f for f, text in pairs if all(w in text for w in wanted)]
        self.go(self.at)

    def texts(self, fact: Fact) -> Texts:
        """Subject, relation and object as they are shown."""
        return self.snapshot.texts(fact)

    def document(self, fact: Fact) -> str:
        """The file name of the document that states a fact; empty when none does."""
        source = next((a.source for a in reversed(fact.supports) if a.source), "")
        return source.replace("\\", "/").rsplit("/", 1)[-1] if source else ""

    @property
    def selected(self) -> Fact | None:
        """The fact that is selected; None in an empty list."""
        return self.rows[self.at] if self.rows else None

    def go(self, at: int) -> None:
        """Select a row by its number, or the nearest there is."""
        self.at = max(0, min(at, len(self.rows) - 1))

    def move(self, by: int) -> None:
        """Select a row so many further down, or up."""
        self.go(self.at + by)

    def select(self, key: Key | None) -> None:
        """Select a fact, where it is listed."""
        self.go(next((i for i, f in enumerate(self.rows) if f.key == key), self.at))

    def mark(self) -> None:
        """Mark the selected one, or take its mark away, and go on to the next."""
        if (fact := self.selected) is not None:
            self.marked ^= {fact.key}
            self.move(1)

    # -- where it stands --------------------------------------------------------------------------------------------

    def found(self, fact: Fact) -> Found | None:
        """Where a fact stands; None when that cannot be looked up now, which `said` tells."""
        known = self._found.get((fact.key, fact.newest.id))
        if known is None and time.monotonic() - self._missed > PATIENCE:
            try:
                self._fetch(fact)
            except MemllmError as error:
                self._missed, self.said = time.monotonic(), _line(error)
            known = self._found.get((fact.key, fact.newest.id))
        return known

    def _fetch(self, fact: Fact) -> None:
        """Take in the evidence of a fact and of those listed around it."""
        at = self.at if self.selected is fact else next((i for i, f in enumerate(self.rows) if f is fact), self.at)
        near = {f.key: f for f in (fact, *self.rows[max(0, at - AHEAD // 4) : at + AHEAD])}
        wanted = [f for f in near.values() if (f.key, f.newest.id) not in self._found]
        places = self.memory.evidence(wanted)
        first = [(f, places[f.key][0]) for f in wanted if places[f.key]]
        with self.memory.open() as connection:
            beside = around(connection, [(e.document, e.start, e.end) for _, e in first])
        sides = {f.key: texts for (f, _), texts in zip(first, beside, strict=True)}
        for f in wanted:
            self._found[f.key, f.newest.id] = Found(tuple(places[f.key]), *sides.get(f.key, ("", "")))

    # -- actions ----------------------------------------------------------------------------------------------------

    def accept(self) -> bool:
        """Make the selected one a fact, as a person's statement; whether it worked."""
        return self._act("accepted", [f.key for f in [self.selected] if f], self.memory.accept)

    def reject(self) -> bool:
        """Retract the selected one for good: documents read again do not bring it back."""
        return self._act("rejected", [f.key for f in [self.selected] if f], self.memory.remove)

    def accept_marked(self) -> bool:
        """Make all that are marked facts, as one operation."""
        return self._act_on_marked("accepted", self.memory.accept)

    def reject_marked(self) -> bool:
        """Retract all that are marked, as one operation."""
        return self._act_on_marked("rejected", self.memory.remove)

    def _act_on_marked(self, verb: str, operate: Callable[[Sequence[Key]], Change]) -> bool:
        if not self.marked:
            self.said = "Nothing is marked; the space bar marks."
            return False
        return self._act(verb, [f.key for f in self._all if f.key in self.marked], operate)

    def correct(self, subject: str, relation: str, object: str) -> bool:
        """State this in the place of the selected one; a relation that nothing is called is asked about once."""
        fact = self.selected
        said: Texts = (subject.strip(), relation.strip(), object.strip())
        if fact is None or not all(said):
            self.said = "A field is empty." if fact is not None else "There is nothing to correct."
            return False
        if said == self.texts(fact):
            return self.accept()
        question = unknown_relation(self.snapshot, said[1])
        if question and self._asked != said[1]:
            self._asked, self.said = said[1], f"{question} Enter again makes it a relation of yours."
            return False
        found = self.found(fact)
        places = found.places if found is not None else ()
        return self._act("corrected", [fact.key], lambda keys: correct(self.memory, fact, Triple(*said), places, True))

    def undo(self) -> bool:
        """Take back the last action of this review that is not taken back yet."""
        if not self.done:
            self.said = "Nothing was done here yet; memllm undo takes back what was done before."
            return False
        last = self.done[-1]
        try:
            self.memory.undo(last.operation)
        except (UsageError, NotFound) as error:  # another process did, or purged it
            self.done.pop()
            return self._failed(error)
        except MemllmError as error:
            return self._failed(error)
        self.done.pop()
        self.refresh()
        self.select(last.keys[0])
        self.said = f"taken back: {count(len(last.keys), 'fact')} {last.verb}"
        return True

    def _act(self, verb: str, keys: list[Key], operate: Callable[[Sequence[Key]], Change]) -> bool:
        if not keys:
            self.said = "There is nothing selected."
            return False
        selected = self.selected
        try:
            change = operate(keys)
        except MemllmError as error:
            return self._failed(error)
        self.done.append(Done(change.operation, verb, tuple(keys)))
        self.marked -= set(keys)
        self._asked = ""
        self.refresh()
        if selected is not None and selected.key in keys and any(f.key == selected.key for f in self.rows):
            self.select(selected.key)  # a fact that was accepted stays a fact: go on
            self.move(1)
        what = " >> ".join(self.snapshot.texts(selected)) if len(keys) == 1 and selected else count(len(keys), "fact")
        self.said = f"{verb}: {what}"
        return True

    def _failed(self, error: MemllmError) -> bool:
        """Say why, and list what there is by now, if that can be seen."""
        with suppress(MemllmError):
            self.refresh()
        self.said = _line(error)
        return False

    def summary(self) -> str:
        """What this review did, for people; empty when nothing."""
        by_verb = Counter({"accepted": 0, "rejected": 0, "corrected": 0})
        for done in self.done:
            by_verb[done.verb] += len(done.keys)
        return ", ".join(f"{number} {verb}" for verb, number in by_verb.items() if number)


def _line(error: MemllmError) -> str:
    return f"{error.message} {error.hint}".strip()
