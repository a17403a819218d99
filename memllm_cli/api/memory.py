"""The program as a Python library: one class, which returns frozen values.

Does what the commands do, on the same knowledge bases and with the same settings; prints nothing. What the commands
would note on the side goes to the logger `memllm`. One thread at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from memllm_cli.api.values import Answer, Change, Fact, Ingested, Read, Row, Statement, Why
from memllm_cli.app import App
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.terminal import Output, clean
from memllm_cli.types import Triple

if TYPE_CHECKING:
    from memllm_cli.answering.answer import Answerer
    from memllm_cli.memory.edit.change import Change as Made
    from memllm_cli.memory.edit.memory import Memory as Store
    from memllm_cli.memory.history.facts import Fact as Kept
    from memllm_cli.memory.history.snapshot import Snapshot
    from memllm_cli.reading.events import Event
    from memllm_cli.reading.events import Source as Found

Names = str | Path | Sequence[str | Path]
"""One path or name, or several."""


class Memory:
    """One knowledge base: reads documents, answers questions, and is corrected.

    `home` and `kb` are where it is; without them the settings decide, as they do for the commands. What writes makes
    it when it is not there yet; what reads raises NotFound. As a context manager it gives the models back that were
    loaded; asking again would load them again.
    """

    def __init__(self, home: str | Path | None = None, kb: str | None = None) -> None:
        self._begin(App(home_option=None if home is None else Path(home), kb_option=kb))

    @classmethod
    def of(cls, app: App) -> Self:
        """The memory of other settings, or with other models: see `App`."""
        made = cls.__new__(cls)
        made._begin(app)
        return made

    def _begin(self, app: App) -> None:
        app.output = _Notes(quiet=True, input=False)
        self._app = app
        self._kept: Store | None = None
        self._answerer: Answerer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back the models that were loaded."""
        if self._answerer is not None:
            self._answerer.close()
            self._answerer = None

    # -- documents ----------------------------------------------------------------------------------------------------

    def ingest(self, paths: Names, structure: bool = False, again: bool = False) -> Ingested:
        """Read files and folders into memory, each document as one operation; unchanged ones are left out.

        With `structure` only tables, lists and key-value lines are read, without a model; with `again` unchanged
        documents, too. A file that cannot be read is in the result, and the others are read all the same.
        """
        given = [Path(p) for p in _several(paths)]
        if not given:
            raise UsageError("There is nothing to read.", "Name files or folders.")
        return self._ingest(given, structure, again, None, "")

    def ingest_text(self, text: str, name: str, structure: bool = False) -> Ingested:
        """Read a text into memory as a document of this name; a suffix such as `.md` says its kind."""
        return self._ingest([], structure, False, text, name)

    def _ingest(self, paths: list[Path], structure: bool, again: bool, text: str | None, name: str) -> Ingested:
        from memllm_cli.memory.search.texts import Texts
        from memllm_cli.writing.ingest import Planned, note_failures, plan
        from memllm_cli.writing.ingest import Read as Done
        from memllm_cli.writing.ingest import ingest as write
        from memllm_cli.writing.verdicts import audited

        app = self._app
        there = app.unopened().database.exists()
        *_, planned = plan(paths, self._store() if there else None, again, text, name)
        assert isinstance(planned, Planned)
        done: list[Done] = []
        if planned.documents:
            store = self._store(create=True)
            own = app.setting("model").value not in ("", app.catalog().default)
            kind = "prompted" if own else "extract"
            writer = None if structure else audited(store, app.document_writer(store.snapshot.relations, kind))
            try:
                done = [event for event in write(planned, store, writer) if isinstance(event, Done)]
            finally:
                if writer is not None:
                    writer.close()
            Texts(store, app.finder(store).encoder).complete()
            there = True
        if planned.failed and there:
            note_failures(self._store(), planned.failed)
        return Ingested(
            tuple(d.path for d in done), sum(d.facts for d in done), sum(d.proposals for d in done),
            tuple(d.operation for d in done), planned.unchanged, dict(planned.failed), dict(planned.skipped),
        )  # fmt: skip

    # -- asking -------------------------------------------------------------------------------------------------------

    def ask(self, question: str, in_: Names | None = None) -> Answer:
        """Answer a question; with `in_` from these documents or folders alone, by name, path or title."""
        from memllm_cli.answering.options import Options
        from memllm_cli.memory.search.texts import confined_to

        asked = clean(question, lines=True).strip()
        if not asked:
            raise UsageError("The question is empty.", "Such as: What is the notice period of the lease?")
        store = self._store()
        within = confined_to(store.snapshot, [] if in_ is None else _several(in_))
        options = Options(within=within, person=self._app.person())
        if self._answerer is None:
            self._app.check_models()
            self._answerer = self._app.answerer(store)
        self._answerer.options = options
        return _answer(store.snapshot, question, list(self._answerer.ask(asked)))

    def facts(self, pattern: str = "", proposed: bool = False, every: bool = False) -> tuple[Fact, ...]:
        """Facts that hold today and fit `subject >> relation >> object`; an empty field, or no pattern, fits all.

        A name need only contain what is written. With `proposed` the proposals instead, with `every` also what has
        ended, what has not begun and what documents say without stating it.
        """
        from memllm_cli.memory.views.query import facts_of

        store = self._store()
        today = date.today().toordinal()
        found = facts_of(store.snapshot, pattern, proposed, part=True, every=every and not proposed)
        return _facts(store, [f for f in found if every or proposed or f.holds(today)])

    def why(self, pattern: str) -> tuple[Why, ...]:
        """What supports each fact and proposal of this pattern. Raises NotFound when there is none."""
        from memllm_cli.memory.views.query import facts_of

        store = self._store()
        snapshot = store.snapshot
        kept = facts_of(snapshot, pattern, every=True)
        if not kept:
            raise NotFound(f"No fact is '{pattern}'.", "See what there is: Memory.facts()")
        out = []
        for fact, shown in zip(kept, _facts(store, kept), strict=True):
            made = ((a, snapshot.made_by(a)) for a in sorted(fact.supports, key=lambda a: -a.id))
            statements = (
                Statement(o.id, o.at, o.kind, "person" if a.person else o.actor, o.note, a.probability, a.source or "")
                for a, o in made
            )
            out.append(Why(shown, tuple(statements)))
        return tuple(out)

    def query(self, *patterns: str) -> tuple[Row, ...]:
        """Every way in which all patterns hold together; `?x` is the same thing everywhere. Names are meant exactly."""
        from memllm_cli.memory.views.query import join, pattern
        from memllm_cli.protocol.grammar import parse_pattern

        if not patterns:
            raise UsageError("There is no pattern.", "Such as: ?x >> director >> ?y")
        store = self._store()
        wanted = [pattern(store.snapshot, parse_pattern(p)) for p in patterns]
        ways = list(join(store.snapshot, wanted))
        kept = list({f.key: f for _, facts in ways for f in facts}.values())
        shown = dict(zip((f.key for f in kept), _facts(store, kept), strict=True))
        rows: dict[tuple[object, ...], Row] = {}
        for _, facts in ways:
            given = tuple(shown[f.key] for f in facts)
            values: dict[str, str] = {}
            for text, fact in zip(patterns, given, strict=True):
                values |= _bound(store.snapshot, parse_pattern(text), fact)
            rows.setdefault(tuple(values.items()) if values else given, Row(values, given))
        return tuple(rows.values())

    # -- correcting ---------------------------------------------------------------------------------------------------

    def set(
        self, fact: str | Triple, valid_from: str | None = None, valid_to: str | None = None, note: str = ""
    ) -> Change:
        """State a fact, `subject >> relation >> object`; what it contradicts is retracted."""
        return self._state(fact, "auto", valid_from, valid_to, note)

    def add(
        self, fact: str | Triple, valid_from: str | None = None, valid_to: str | None = None, note: str = ""
    ) -> Change:
        """State a fact and retract nothing."""
        return self._state(fact, "add", valid_from, valid_to, note)

    def _state(self, fact: str | Triple, mode: str, valid_from: str | None, valid_to: str | None, note: str) -> Change:
        from memllm_cli.memory.edit.statements import is_sayable
        from memllm_cli.memory.values.validity import iso
        from memllm_cli.protocol.grammar import parse_statement

        triple = parse_statement(str(fact) if isinstance(fact, str) else _written(fact))
        if name := next((n for n in (triple.subject, triple.object) if not is_sayable(n)), ""):
            raise UsageError(f"'{name}' is a variable, not a name.", "Write what it is instead.")
        begin, end = (None if d is None else iso(d) for d in (valid_from, valid_to))
        if begin and end and begin[: len(end)] > end[: len(begin)]:
            raise UsageError(f"valid_from {begin} is after valid_to {end}.", "Exchange them.")
        store = self._store(create=True)
        relations = store.snapshot.relations
        new = relations.find(triple.relation) is None
        if new and (near := relations.near(triple.relation)):
            raise NotFound(
                f"No relation is called '{triple.relation}'; did you mean '{near[0]}'?",
                f'If it is another one: memllm relation add "{triple.relation}"',
            )
        return _change(store.set(triple, mode, begin, end, note, own=new))

    def remove(self, pattern: str, several: bool = False, note: str = "") -> Change:
        """Remove the fact of this pattern for good: documents read later do not bring it back, `undo` does.

        Raises NotFound for none, and UsageError for more than one unless `several` says that they are meant.
        """
        from memllm_cli.memory.views.query import facts_of

        store = self._store()
        found = facts_of(store.snapshot, pattern, proposed=None)
        if not found:
            raise NotFound(f"No fact matches '{pattern}'.", "See what there is: Memory.facts()")
        if len(found) > 1 and not several:
            raise UsageError(f"{len(found)} facts match '{pattern}'.", "If all are meant: remove(..., several=True)")
        return _change(store.remove([f.key for f in found], note))

    def undo(self, operation: int | None = None) -> Change:
        """Take an operation back, the newest without a number. Undoing an undo brings it back again."""
        return _change(self._store().undo(operation)[1])

    def _store(self, create: bool = False) -> Store:
        """The knowledge base. Raises NotFound when it is not there and is not to be made."""
        if self._kept is None:
            self._kept = self._app.memory(create)
        return self._kept


class _Notes(Output):
    """What the commands would note for people goes to a logger."""

    def note(self, text: str) -> None:
        logger = logging.getLogger("memllm")
        if logger.isEnabledFor(logging.INFO):
            from rich.text import Text

            logger.info(Text.from_markup(text).plain)


def _several(names: Names) -> list[str]:
    every = [names] if isinstance(names, (str, Path)) else names
    return [str(n) for n in every]


def _written(triple: Triple) -> str:
    return f"{triple.subject} >> {triple.relation} >> {triple.object}"


def _change(made: Made) -> Change:
    return Change(made.operation, tuple(Triple(*t) for t in made.before), tuple(Triple(*t) for t in made.after))


def _bound(snapshot: Snapshot, fields: tuple[str, str, str], fact: Fact) -> dict[str, str]:
    """What the variables of a pattern stand for in a fact, from whichever side its relation is written."""
    relation = fields[1].strip()
    found = None if relation.startswith("?") else snapshot.relations.find(relation)
    sides = (fact.object, fact.subject) if found is not None and found[1] else (fact.subject, fact.object)
    texts = (sides[0], fact.relation, sides[1])
    return {f.strip()[1:]: t for f, t in zip(fields, texts, strict=True) if f.strip().startswith("?")}


def _facts(store: Store, kept: Sequence[Kept]) -> tuple[Fact, ...]:
    evidence = store.evidence(kept)
    return tuple(_fact(f, store.snapshot.texts(f), evidence[f.key]) for f in kept)


def _fact(fact: Kept, texts: tuple[str, str, str], evidence: Iterable[Evidence]) -> Fact:
    from memllm_cli.memory.history.facts import stated_by

    status = ("proposed" if fact.truth == "stated" else "said") if fact.proposed else "fact"
    return Fact(*texts, status, fact.truth, stated_by(fact), fact.probability, fact.stretches, tuple(evidence))


def _answer(snapshot: Snapshot, question: str, events: list[Event]) -> Answer:
    from memllm_cli.reading.events import Done, ReadResult, TextResult
    from memllm_cli.reading.values import carrying

    def shown(sources: Iterable[Found]) -> tuple[Fact, ...]:
        return tuple(_fact(s.hit.fact, s.triple, s.evidence) for s in sources)

    done = events[-1]
    assert isinstance(done, Done)
    likely = done.probability if done.outcome in ("fact", "text") else None
    if likely is None:
        likely = max((p for s in done.sources if (p := s.hit.fact.probability) is not None), default=None)
    carried = [e for s in done.sources for e in carrying(s.evidence, s.hit.value)]
    return Answer(
        question, done.value, done.answer, done.outcome, likely,
        evidence=(*carried, *done.evidence),
        facts=shown(done.sources),
        reads=tuple(Read(e.query, shown(e.sources)) for e in events if isinstance(e, ReadResult)),
        nearest=tuple(p for e in events if isinstance(e, TextResult) for p in e.places[e.answering :]),
    )  # fmt: skip
