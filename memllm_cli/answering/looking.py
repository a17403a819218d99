"""Everything in memory that may answer a question: facts about the names in it, and passages of documents.

Facts are written as the rows of a table are (`Freedonia | capital: Sylvania City`), so that one reader reads both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from memllm_cli.answering.naming import named_documents
from memllm_cli.answering.sides import Sides, giving
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.postings import Postings, rank, terms
from memllm_cli.memory.search.texts import Found, Texts
from memllm_cli.memory.values.names import normal
from memllm_cli.memory.values.relations import Relation
from memllm_cli.reading.link import Linker
from memllm_cli.reading.question import Asked, asked, leans
from memllm_cli.reading.standing import standing, stated_in

PASSAGES = 6
"""Passages of documents that are read for a question."""
LINES, WORDS = 24, 120
"""Facts that are read for a question, and their words."""
MANY = 400
"""Facts of one name that are looked at."""
HELD = 2000
"""Facts of no document that are searched by their words, the newest."""


SURE = 0.5
"""Probability of a fact from which on it answers without a look at texts."""


@dataclass(frozen=True, slots=True)
class Line:
    """A fact in a text: the line `[start, end)`, where its subject and its object stand."""

    fact: Fact
    texts: tuple[str, str, str]
    start: int
    end: int
    subject: tuple[int, int]
    object: tuple[int, int]
    gives: tuple[str, ...] = ("object", "subject")
    """The sides that may answer."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may answer: facts as lines, or a passage that was found."""

    lead: str
    text: str
    lines: tuple[Line, ...] = ()
    found: Found | None = None

    @property
    def sentences(self) -> list[int]:
        """Where the sentences of a passage begin; none of facts, whose lines part them."""
        return [start for start, _ in self.found.passage.sentences] if self.found is not None else []


@dataclass(slots=True)
class Looked:
    """What was found for a question: the names in it, the candidates, facts first."""

    names: list[str]
    candidates: list[Candidate]
    sure: tuple[Fact, str] | None = None
    """The fact that is asked for in so many words, and the side that answers."""
    narrowed: bool = False
    """Whether passages are those of documents that the question names alone."""

    @property
    def texts(self) -> bool:
        """Whether there are passages of documents."""
        return any(c.found is not None for c in self.candidates)


class Looker:
    """Looks in one memory."""

    def __init__(self, finder: Finder, texts: Texts | None = None) -> None:
        self.finder = finder
        self.texts = texts or Texts(finder.memory, finder.encoder)
        self.linker = Linker(finder)
        self._held: tuple[tuple[str, int, int], list[Fact], Postings] | None = None

    def look(
        self,
        question: str,
        before: Sequence[str] = (),
        within: Collection[int] | None = None,
        most: int = PASSAGES,
        wide: bool = False,
    ) -> Looked:
        """Facts and passages that may answer; `before` are earlier questions, newest first, `within` documents.

        Of documents that the question names passages are taken from these alone, or else, when `wide`, from all.
        """
        snapshot = self.finder.memory.snapshot
        mentioned = self.linker.mentioned(question, before)
        entities = list(dict.fromkeys(e for m in mentioned for e in m.entities))
        names = list(dict.fromkeys(m.surface for m in mentioned))
        documents = named_documents(snapshot, question)
        if within is not None:
            documents = {d: title for d, title in documents.items() if d in within}
        titles = [i for title in documents.values() for i in self.linker.names(snapshot).get(normal(title))]
        entities = list(dict.fromkeys([*entities, *titles]))
        words = terms(question)
        masked = self.linker.masked(question, [m for m in mentioned if m.surface in question])
        sides, facts = self._facts(snapshot, question, entities, asked(masked), within)
        likely = [f for f, _ in facts if f.probability is None or f.probability >= SURE]
        if (sure := next(((f, side) for f in likely if (side := sides.asks(f))), None)) is not None:
            return Looked(names, [], sure)  # nothing else has to be read
        wanted = question
        if not set(words) & {t for n in names for t in terms(n)}:
            wanted = " ".join([question, *names, *(before[:1] if leans(question) else ())])
        narrowed = bool(documents) and not wide
        found = self.texts.search(wanted, most, documents if narrowed else within)
        passages = [Candidate(f.passage.lead, f.passage.text, found=f) for f in found]
        return Looked(names, [*_written(snapshot, facts), *passages], narrowed=narrowed)

    def waiting(self, question: str, before: Sequence[str] = (), within: Collection[int] | None = None) -> int:
        """How many proposals about the names of a question are of a relation that it has a word of."""
        snapshot = self.finder.memory.snapshot
        mentioned = self.linker.mentioned(question, before)
        entities = list(dict.fromkeys(e for m in mentioned for e in m.entities))
        proposed = {
            f.key: f
            for e in entities
            if len(snapshot.history.about(e, MANY + 1)) <= MANY
            for f in snapshot.about(e, proposed=True)
            if stated_in(f, snapshot, within)
        }
        wants = asked(self.linker.masked(question, [m for m in mentioned if m.surface in question]))
        sides = Sides.of(snapshot, question, entities, wants, proposed.values())
        return sum(bool(sides.words & sides.called(f.key[1])) for f, _ in giving(sides, list(proposed.values())))

    def _facts(
        self, snapshot: Snapshot, question: str, entities: Sequence[int], wants: Asked, within: Collection[int] | None
    ) -> tuple[Sides, list[tuple[Fact, tuple[str, ...]]]]:
        """Facts that may answer, with the sides that do, best first: those about some names and what these lead to, and
        those of no document that share words."""
        words = terms(question)
        near: dict[object, tuple[Fact, float]] = {}

        def take(facts: Iterable[Fact], weight: float) -> None:
            for fact in standing(facts, snapshot, self.finder.day, within):
                near.setdefault(fact.key, (fact, weight))

        for entity in entities:
            take(_about(snapshot, entity), 1.0)
        sides = Sides.of(snapshot, question, entities, wants, [f for f, _ in near.values()])
        further = {k for fact, _ in near.values() for k in (fact.key[0], fact.key[2]) if k not in entities}
        for entity in sorted(further)[:LINES]:
            take((f for f in _about(snapshot, entity) if f.key[0] == entity), 0.5)
        take(self._by_words(snapshot, words), 0.75)
        given = giving(sides, [f for f, _ in near.values()])
        if len(given) <= 1:
            return sides, given
        facts = [f for f, _ in given]
        postings = Postings.build([_said(snapshot, f) for f in facts])
        scores, most = rank([postings], words)
        fit = scores[0] / np.float32(most or 1)
        order = sorted(
            range(len(facts)),
            key=lambda i: (-float(fit[i]) - 0.3 * near[facts[i].key][1], not facts[i].person, facts[i].key),
        )
        return sides, [given[i] for i in order[:LINES]]

    def _by_words(self, snapshot: Snapshot, words: Sequence[str]) -> list[Fact]:
        """Facts that people stated or tables brought, which no passage of a document shows: the newest."""
        key = (snapshot.id, snapshot.history.last, snapshot.last_operation)
        if self._held is None or self._held[0] != key:
            held = list(_newest(snapshot))
            self._held = (key, held, Postings.build([_said(snapshot, f) for f in held]))
        _, facts, postings = self._held
        if not facts:
            return []
        score = rank([postings], words)[0][0]
        best = np.argsort(-score, kind="stable")[:LINES]
        return [facts[i] for i in best if score[i] > 0]


def _about(snapshot: Snapshot, entity: int) -> list[Fact]:
    """Facts about a name, a person's first, then those it is the subject of; of a name with very many, some."""
    rows = [a for m in snapshot.members(entity) for a in snapshot.history.about(m, MANY + 1)]
    if len(rows) <= MANY or snapshot.merged_or_split:
        facts = snapshot.about(entity)
    else:
        found = (snapshot.fact(key) for key in dict.fromkeys(snapshot.key(a) for a in rows))
        facts = [f for f in found if f is not None]
    return sorted(facts, key=lambda f: (not f.person, f.key[0] != entity))[:MANY]


def _newest(snapshot: Snapshot) -> Iterator[Fact]:
    """Facts that no document states, the newest first."""
    history, seen = snapshot.history, set()
    found = 0
    for id_ in range(history.last_statement, max(0, history.last_statement - 10 * HELD), -1):
        statement = history.statement(id_)
        if statement is None or statement.source or not snapshot.counts(statement.operation):
            continue
        key = snapshot.key(statement)
        if key in seen:
            continue
        seen.add(key)
        fact = snapshot.fact(key)
        if fact is not None and not fact.proposed and not any(a.source for a in fact.supports):
            found += 1
            yield fact
            if found == HELD:
                return


def _said(snapshot: Snapshot, fact: Fact) -> list[str]:
    """The words a fact is found by: its names, and all that its relation is called."""
    subject, _, object_ = snapshot.texts(fact)
    relation: Relation = snapshot.relations.by_id[fact.key[1]]
    return terms(" ".join((subject, object_, relation.name, relation.inverse, *relation.aliases)))


def _written(snapshot: Snapshot, facts: Sequence[tuple[Fact, tuple[str, ...]]]) -> list[Candidate]:
    """Facts as lines, those of one name and relation beside each other, in texts of some length.

    A line begins with the side that is known: what `Sylvania City` is the capital of is read in its own row.
    """
    order: dict[tuple[int, int, bool], list[tuple[Fact, tuple[str, ...]]]] = {}
    for fact, gives in facts:
        if not (fact.person and fact.key[0] == fact.key[2]):
            flipped = gives == ("subject",)
            order.setdefault((fact.key[2 if flipped else 0], fact.key[1], flipped), []).append((fact, gives))
    out: list[Candidate] = []
    text = ""
    lines: list[Line] = []
    for (_, _, flipped), group in order.items():
        for fact, gives in group:
            subject, relation, object_ = texts = snapshot.texts(fact)
            known, asked = (object_, subject) if flipped else (subject, object_)
            name = snapshot.relations.by_id[fact.key[1]].inverse if flipped else relation
            line = f"{known} | {name}: {asked}"
            if lines and len((text + line).split()) > WORDS:
                out.append(Candidate("", text.rstrip("\n"), tuple(lines)))
                text, lines = "", []
            start, end = len(text), len(text) + len(line)
            sides = (start, start + len(known)), (end - len(asked), end)
            lines.append(Line(fact, texts, start, end, sides[flipped], sides[not flipped], gives))
            text += line + "\n"
    if lines:
        out.append(Candidate("", text.rstrip("\n"), tuple(lines)))
    return out
