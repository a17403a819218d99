"""The memory of one knowledge base: reads from a snapshot, writes as operations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.database import TIMEOUT, Database
from memllm_cli.memory.fold import Fact, Key, Operation
from memllm_cli.memory.relations import Relation, read_table
from memllm_cli.memory.snapshot import Snapshot, load
from memllm_cli.memory.writer import Writer, insert
from memllm_cli.types import Document, Triple

if TYPE_CHECKING:
    import duckdb

Texts = tuple[str, str, str]
Filler = Callable[[Writer], None]
_TYPED = frozenset({"set", "add", "remove", "accept"})
"""Operations whose statements point to no document: nothing needs to be opened to know it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an operation did: facts that are no longer there, facts that are new; both as shown."""

    operation: int
    before: tuple[Texts, ...]
    after: tuple[Texts, ...]
    held: int = 0
    """Statements of a document or a table that a person had removed or replaced before; they stay away."""


@dataclass(frozen=True, slots=True)
class Written:
    """A fact found in a document: the sentences (by index) that state it, and how sure the writer is."""

    triple: Triple
    sentences: tuple[int, ...]
    probability: float | None = None
    proposed: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a document states a fact."""

    document: int
    title: str
    uri: str
    line: int
    page: int | None
    heading: str
    sentence: str

    @property
    def place(self) -> str:
        """The place for people: `lease.md, line 12` or `freedonia.pdf, page 1`."""
        return f"{os.path.basename(self.uri)}, " + (f"page {self.page}" if self.page else f"line {self.line}")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One operation with whether it counts and how many statements it made."""

    operation: Operation
    counts: bool
    statements: int
    detail: str


class Memory:
    """One knowledge base. Opens its file only for as long as an operation takes."""

    def __init__(self, folder: Path, timeout: float = TIMEOUT) -> None:
        self.database = Database(folder, timeout)
        self._snapshot: Snapshot | None = None

    @property
    def name(self) -> str:
        """Name of the knowledge base."""
        return self.database.folder.name

    def require(self) -> None:
        """Raise NotFound when the knowledge base does not exist yet."""
        if not self.database.exists():
            raise NotFound(
                f"There is no knowledge base '{self.name}' yet.",
                'Make one with: memllm ingest FOLDER, or memllm fact set "subject >> relation >> object"',
            )

    def create(self, relations: Path) -> bool:
        """Make the knowledge base with the relations of a table unless it exists; True when it is new."""
        if self.database.exists() and self.snapshot.relations.by_id:
            return False
        table = read_table(relations)
        with self.database.open() as connection:
            if connection.execute("SELECT count(*) FROM operations").fetchone() == (0,):
                connection.execute("BEGIN")
                _insert_operation(connection, Operation(1, "create", _now(), "memllm", f"{len(table)} relations"))
                _insert_relations(connection, table, 1)
                connection.execute("COMMIT")
        self._snapshot = None
        return True

    @property
    def snapshot(self) -> Snapshot:
        """Memory now; read again only when some process has written since."""
        if self._snapshot is None or self.database.generation() != self.database.seen:
            self.require()
            with self.database.open() as connection:
                self._snapshot = load(connection)
        return self._snapshot

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The database, ours alone until the block ends. What another process wrote before is not missed."""
        with self.database.open() as connection:
            if self.database.generation() != self.database.seen:
                self.outdate()  # closing takes the generation down as seen
            yield connection

    def outdate(self) -> None:
        """Have the snapshot read again at its next use."""
        self._snapshot = None

    # -- a person's operations ------------------------------------------------------------------------------

    def set(
        self,
        triple: Triple,
        mode: str = "auto",
        valid_from: str | None = None,
        valid_to: str | None = None,
        note: str = "",
        dry_run: bool = False,
    ) -> Change:
        """State a fact as a person and retract what conflicts.

        `mode`: `auto` follows the relation's cardinalities; `replace` also replaces other values on the side
        written last; `add` retracts nothing. With `dry_run` nothing is kept.
        """

        def fill(writer: Writer) -> None:
            relation, flipped = writer.snapshot.relations.get(triple.relation)
            subject, object = (triple.object, triple.subject) if flipped else (triple.subject, triple.object)
            clears_objects = mode != "add" and (relation.one_object or (mode == "replace" and not flipped))
            clears_subjects = mode != "add" and (relation.one_subject or (mode == "replace" and flipped))
            writer.state(
                "add" if mode == "add" else "set", subject, relation, object, person=True,
                clears_objects=clears_objects, clears_subjects=clears_subjects,
                valid_from=valid_from, valid_to=valid_to,
            )  # fmt: skip

        return self._operate(mode if mode == "add" else "set", fill, note=note, dry_run=dry_run)

    def remove(self, keys: Sequence[Key], note: str = "", dry_run: bool = False) -> Change:
        """Retract facts for good: documents read later do not bring them back."""

        def fill(writer: Writer) -> None:
            for key in keys:
                writer.restate("remove", key)

        return self._operate("remove", fill, note=note, dry_run=dry_run)

    def accept(self, keys: Sequence[Key], note: str = "") -> Change:
        """Turn proposals into facts, as a person's statement."""

        def fill(writer: Writer) -> None:
            for key in keys:
                writer.restate("add", key)

        return self._operate("accept", fill, note=note)

    def add_relation(self, relation: Relation) -> Relation:
        """Add a relation of the user's own. Raises UsageError when one of its phrases is taken."""
        with self.database.open() as connection:
            snapshot = load(connection)
            for phrase, _ in relation.phrases():
                if (found := snapshot.relations.find(phrase)) is not None:
                    raise UsageError(f"'{phrase}' already names the relation '{found[0].name}'.", "Choose another.")
            operation = snapshot.last_operation + 1
            added = Relation(max(snapshot.relations.by_id, default=0) + 1, *_fields(relation))
            connection.execute("BEGIN")
            _insert_operation(connection, Operation(operation, "relation", _now(), "person", relation.name))
            _insert_relations(connection, [added], operation)
            connection.execute("COMMIT")
        self._snapshot = None
        return added

    def undo(self, target: int | None = None, dry_run: bool = False) -> tuple[Operation, Change]:
        """Switch an operation off: the given one, or the newest that is neither undone nor an undo itself.

        Undoing an undo switches its target on again. Raises NotFound when there is nothing to undo.
        """
        snapshot = self.snapshot
        if target is None:
            kinds = ("undo", "create", "relation")
            target = max((i for i in snapshot.counting if snapshot.operations[i].kind not in kinds), default=None)
            if target is None:
                raise NotFound("There is nothing to undo.", "See: memllm log")
        operation = snapshot.operations.get(target)
        if operation is None:
            raise NotFound(f"There is no operation {target}.", "See: memllm log")
        if operation.kind in ("create", "relation"):
            raise UsageError(f"Operation {target} ({operation.kind}) cannot be undone.", "See: memllm log")
        if target not in snapshot.counting:
            raise UsageError(f"Operation {target} is already undone.", "To redo it, undo the undo: memllm log")
        return operation, self._operate("undo", lambda writer: None, target=target, dry_run=dry_run)

    # -- documents ------------------------------------------------------------------------------------------

    def holds(self, document: Document) -> bool:
        """Whether exactly these bytes were read from this place already and still count."""
        snapshot = self.snapshot
        newest = max(
            (o for o in snapshot.operations.values() if o.source == document.uri and o.id in snapshot.counting),
            key=lambda o: o.id,
            default=None,
        )
        if newest is None or newest.kind != "ingest" or newest.document is None:
            return False
        return snapshot.documents[newest.document].sha256 == document.sha256

    def ingest(
        self, document: Document, facts: Iterable[Written], model: str, format: str, run: str = "", note: str = ""
    ) -> Change:
        """Record a document with the facts found in it, as one operation. Replaces what its last version stated."""

        def fill(writer: Writer) -> None:
            writer.document(document)
            for found in facts:
                relation, flipped = writer.snapshot.relations.get(found.triple.relation)
                subject, object = found.triple.subject, found.triple.object
                if flipped:
                    subject, object = object, subject
                made = writer.state(
                    "add", subject, relation, object, probability=found.probability, proposed=found.proposed
                )
                for index in found.sentences:
                    writer.evidence(made, document, document.sentences[index])

        return self._operate(
            "ingest", fill, actor="memllm", note=note or document.title, source=document.uri, model=model,
            format=format, run=run,
        )  # fmt: skip

    def forget(self, source: str, note: str = "") -> Change:
        """Drop what a document supports; facts with other support stay."""
        return self._operate("forget", lambda writer: None, source=source, note=note or source)

    def import_facts(self, rows: Iterable[ImportRow], note: str, person: bool) -> Change:
        """State facts from a table, with evidence where a row names a document's sentence.

        With `person` they are stated in a person's name and retract what conflicts, row by row.
        """

        def fill(writer: Writer) -> None:
            for row in rows:
                relation, flipped = writer.snapshot.relations.get(row.triple.relation)
                subject, object = row.triple.subject, row.triple.object
                if flipped:
                    subject, object = object, subject
                made = writer.state(
                    "set" if person else "add", subject, relation, object, person=person,
                    clears_objects=person and relation.one_object, clears_subjects=person and relation.one_subject,
                    probability=row.probability, proposed=row.proposed and not person,
                    valid_from=row.valid_from, valid_to=row.valid_to, qualifiers=row.qualifiers,
                )  # fmt: skip
                if row.sentence:
                    writer.find_evidence(made, row.document, row.sentence)

        return self._operate("import", fill, actor="person" if person else "import", note=note)

    # -- looking ----------------------------------------------------------------------------------------------

    def evidence(self, facts: Sequence[Fact]) -> dict[Key, list[Evidence]]:
        """Where documents state these facts, newest document first."""
        operations = self.snapshot.operations
        by_assertion = {a.id: f.key for f in facts for a in f.supports if operations[a.operation].kind not in _TYPED}
        out: dict[Key, list[Evidence]] = {f.key: [] for f in facts}
        if by_assertion:
            with self.open() as connection:
                rows = connection.execute(
                    "SELECT e.assertion, e.document, d.title, d.uri, e.line, e.page, e.heading, "
                    "substring(d.text, e.span_start + 1, e.span_end - e.span_start) "
                    "FROM evidence e JOIN documents d ON d.id = e.document "
                    "WHERE e.assertion IN (SELECT unnest(?::BIGINT[])) ORDER BY e.document DESC, e.span_start",
                    [list(by_assertion)],
                ).fetchall()
            for assertion, *rest in rows:
                out[by_assertion[assertion]].append(Evidence(*rest))
        return out

    def log(self) -> list[LogEntry]:
        """All operations, newest first."""
        snapshot = self.snapshot
        with self.open() as connection:
            counts = dict(
                connection.execute("SELECT operation, count(*) FROM assertions GROUP BY operation").fetchall()
            )
            first = connection.execute(
                "SELECT a.operation, min_by(subject_text || ' >> ' || r.name || ' >> ' || object_text, a.id) "
                "FROM assertions a JOIN relations r ON r.id = a.relation GROUP BY a.operation"
            ).fetchall()
        details = dict(first)
        return [
            LogEntry(o, o.id in snapshot.counting, counts.get(o.id, 0), o.note or details.get(o.id, ""))
            for o in sorted(snapshot.operations.values(), key=lambda o: -o.id)
        ]

    # -- the one way to write ---------------------------------------------------------------------------------

    def _operate(
        self,
        kind: str,
        fill: Filler,
        actor: str = "person",
        note: str = "",
        target: int | None = None,
        source: str | None = None,
        model: str | None = None,
        format: str | None = None,
        run: str = "",
        dry_run: bool = False,
    ) -> Change:
        with self.database.open() as connection:
            if self._snapshot is None or self.database.generation() != self.database.seen:
                self._snapshot = load(connection)
            before = self._snapshot
            writer = Writer(connection, before, before.last_operation + 1, source)
            connection.execute("BEGIN")
            fill(writer)
            operation = Operation(
                writer.operation,
                kind,
                _now(),
                actor,
                note,
                target,
                writer.document_id,
                source,
                model,
                run or None,
                format,
            )
            _insert_operation(connection, operation)
            writer.flush()
            after = load(connection)
            held = _held(connection, operation.id, after) if kind in ("ingest", "import") else 0
            change = Change(operation.id, _gone(before, after), _gone(after, before), held)
            connection.execute("ROLLBACK" if dry_run else "COMMIT")
            self._snapshot = before if dry_run else after
        return change


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One line of an imported table."""

    triple: Triple
    document: str = ""
    sentence: str = ""
    probability: float | None = None
    proposed: bool = False
    valid_from: str | None = None
    valid_to: str | None = None
    qualifiers: str = "{}"


def _gone(first: Snapshot, second: Snapshot) -> tuple[Texts, ...]:
    """Facts that reads see in the first snapshot and not in the second."""
    there = {f.key for f in second.facts()}
    return tuple(first.texts(f) for f in first.facts() if f.key not in there)


def _held(connection: duckdb.DuckDBPyConnection, operation: int, after: Snapshot) -> int:
    """Facts an operation states that stay away because a person removed or replaced them before."""
    stated = connection.execute(
        "SELECT DISTINCT subject, relation, object FROM assertions WHERE operation = ? AND NOT person", [operation]
    ).fetchall()
    whole = after.fold.canonical
    return len({(whole(s), r, whole(o)) for s, r, o in stated} & after.fold.removed)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _fields(relation: Relation) -> tuple[str, str, tuple[str, ...], str, bool, bool, str, str, str]:
    r = relation
    sides = (r.one_subject, r.one_object)
    return (r.name, r.inverse, r.aliases, r.description, *sides, r.object_type, r.domain, r.external)


def _insert_operation(connection: duckdb.DuckDBPyConnection, o: Operation) -> None:
    insert(
        connection,
        "operations",
        [(o.id, o.kind, o.at, o.actor, o.note, o.target, o.document, o.source, o.model, o.format, o.run)],
    )


def _insert_relations(connection: duckdb.DuckDBPyConnection, relations: Sequence[Relation], operation: int) -> None:
    for r in relations:
        name, inverse, aliases, *rest = _fields(r)
        connection.execute(
            "INSERT INTO relations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [r.id, name, inverse, list(aliases), *rest, operation],
        )
