"""The memory of one knowledge base: reads from a snapshot, writes as operations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory import load
from memllm_cli.memory.change import Change, between, now
from memllm_cli.memory.database import TIMEOUT, Database
from memllm_cli.memory.fold import Fact, Key, Operation
from memllm_cli.memory.history import BULK, History
from memllm_cli.memory.journal import Journal
from memllm_cli.memory.relations import Relation, fields, read_table
from memllm_cli.memory.rows import Row, Rows, insert_all
from memllm_cli.memory.sidecar import Sidecar
from memllm_cli.memory.snapshot import Snapshot
from memllm_cli.memory.writer import Writer
from memllm_cli.terminal import interrupts_held
from memllm_cli.types import Document, Triple

if TYPE_CHECKING:
    import duckdb

    from memllm_cli.memory.packed import Packed

Filler = Callable[[Writer], None]
_TYPED = frozenset({"set", "add", "remove", "accept"})
"""Operations whose statements point to no document: nothing needs to be opened to know it."""
_JOURNAL = 8 << 20  # bytes after which a session hands its journal to the database


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


class Memory:
    """One knowledge base. Opens its file only for as long as an operation takes."""

    def __init__(self, folder: Path, timeout: float = TIMEOUT) -> None:
        self.database = Database(folder, timeout)
        self._history: History | None = None
        self._snapshot: Snapshot | None = None
        self._journal: Journal | None = None
        self._moment: int | None = None

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
                made = Operation(1, "create", now(), "memllm", f"{len(table)} relations")
                insert_all(connection, {"operations": [made], "relations": [relation_row(r, 1) for r in table]})
                connection.execute("COMMIT")
        self.outdate()
        return True

    # -- the moment -------------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """Memory now; what another process has written since is taken in first."""
        if self._snapshot is None or self.database.generation() != self.database.seen:
            self.require()
            if self._history is None and (packed := self._kept()) is not None:
                self._history = History(packed.head["id"], packed.head["encoder"], packed)
                self.database.seen = tuple(packed.head["generation"])
            else:
                with self.database.open() as connection:
                    self._catch_up(connection)
                self._keep()
            assert self._history is not None
            self._snapshot = Snapshot(self._history)
        return self._snapshot if self._moment is None else self._snapshot.at(self._moment)

    def at(self, operation: int) -> Memory:
        """The same knowledge base as it was after an operation; it cannot be written to."""
        past = Memory(self.database.folder, self.database.timeout)
        past.database.waiting, past.database.notice = self.database.waiting, self.database.notice
        past._moment = operation
        return past

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The database, ours alone until the block ends. What another process wrote before is not missed."""
        with self.database.open() as connection:
            if self.database.generation() != self.database.seen:
                self._catch_up(connection)  # closing takes the generation down as seen
            yield connection

    def outdate(self) -> None:
        """Have everything read again at its next use."""
        self._history = self._snapshot = None

    def _catch_up(self, connection: duckdb.DuckDBPyConnection) -> Snapshot:
        """The snapshot of what an open database holds."""
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        history = self._history
        if history is None or history.id != meta["id"]:
            packed = self._cache(meta["id"]) if history is None else None
            history = self._history = load.load(connection, packed)
        else:
            history.encoder = meta.get("encoder")
            load.catch_up(connection, history)
        if self.database.pending is not None and self.database.pending[0]["operations"][-1][0] > history.last:
            history.apply(self.database.pending[0])
        if (
            self._snapshot is None
            or self._snapshot.history is not history
            or (self._snapshot.last_operation != history.last)
        ):
            self._snapshot = Snapshot(history)
        return self._snapshot

    # -- the packed history beside the database ---------------------------------------------------------------------

    @property
    def sidecar(self) -> Sidecar:
        """The packed history, a cache."""
        return Sidecar(self.database.folder, "history.bin", {"kind": "history"})

    def _kept(self) -> Packed | None:
        """The packed history, if nothing was written since it was made: then no database needs to be opened."""
        head = self.sidecar.head()
        if head is None or tuple(head.get("generation") or ()) != self.database.generation():
            return None
        return self._packed(head)

    def _cache(self, id: str) -> Packed | None:
        """The packed history of this knowledge base, if its last operation is one of the database's."""
        head = self.sidecar.head()
        return None if head is None or head.get("id") != id else self._packed(head, check=True)

    def _packed(self, head: dict[str, object], check: bool = False) -> Packed | None:
        whole = self.sidecar.read()
        if whole != head:
            return None
        from memllm_cli.memory.packed import Packed

        try:
            packed = Packed.read(self.sidecar.payload)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        packed.head["id"], packed.head["encoder"] = head["id"], head["encoder"]
        packed.head["generation"] = head["generation"]
        return packed

    def _keep(self) -> None:
        """Keep the history packed beside the database, when enough has come to make that worth it."""
        history = self._history
        if history is None or self.database.pending is not None:
            return
        if history.packed is None:
            if history.unpacked <= BULK:
                return
        elif history.unpacked <= max(BULK, len(history.packed.statements) // 8) and self.sidecar.head() is not None:
            return
        self.pack()

    def pack(self) -> None:
        """Pack the history and keep it beside the database."""
        from memllm_cli.memory.pack import pack, repack
        from memllm_cli.memory.packed import Packed

        history = self._history
        assert history is not None
        with self.open() as connection:
            packed = pack(connection) if history.packed is None else repack(history)
        history.take(packed)
        packed_now = self.database.seen
        self.sidecar.save(
            packed.write, lambda path: None if Packed.read(path).head["last"] == history.last else _fail(),
            id=history.id, encoder=history.encoder, last=history.last, at=packed.head["at"],
            count=len(packed.statements), generation=list(packed_now),
        )  # fmt: skip
        self._snapshot = Snapshot(history)

    # -- a person's operations --------------------------------------------------------------------------------------

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

        return self.operate(mode if mode == "add" else "set", fill, note=note, dry_run=dry_run)

    def remove(self, keys: Sequence[Key], note: str = "", dry_run: bool = False) -> Change:
        """Retract facts for good: documents read later do not bring them back."""

        def fill(writer: Writer) -> None:
            for key in keys:
                writer.restate("remove", key)

        return self.operate("remove", fill, note=note, dry_run=dry_run)

    def accept(self, keys: Sequence[Key], note: str = "") -> Change:
        """Turn proposals into facts, as a person's statement."""

        def fill(writer: Writer) -> None:
            for key in keys:
                writer.restate("add", key)

        return self.operate("accept", fill, note=note)

    def relation(self, relation: Relation, note: str = "") -> Relation:
        """Add a relation, or with the id of one that exists change it; both can be undone.

        Raises UsageError when one of its phrases names another relation.
        """
        kept: list[Relation] = []

        def fill(writer: Writer) -> None:
            known = writer.snapshot.relations
            for phrase, _ in relation.phrases():
                found = known.find(phrase)
                if found is not None and found[0].id != relation.id:
                    raise UsageError(f"'{phrase}' already names the relation '{found[0].name}'.", "Choose another.")
            ids = (r.id for r, _ in writer.snapshot.history.relations)
            kept.append(relation if relation.id else Relation(max(ids, default=0) + 1, *fields(relation)))
            writer.add("relations", relation_row(kept[0], writer.operation))

        self.operate("relation", fill, note=note or relation.name)
        return kept[0]

    def undo(self, target: int | None = None, dry_run: bool = False, run: str = "") -> tuple[Operation, Change]:
        """Switch an operation off: the given one, or the newest that is neither undone nor an undo itself.

        Undoing an undo switches its target on again. Raises NotFound when there is nothing to undo.
        """
        snapshot = self.snapshot
        if target is None:
            kinds = ("undo", "create", "relation")
            ids = range(snapshot.last_operation, 0, -1)
            counted = (o for i in ids if snapshot.counts(i) and (o := snapshot.operation(i)) is not None)
            operation = next((o for o in counted if o.kind not in kinds), None)
            if operation is None:
                raise NotFound("There is nothing to undo.", "See: memllm log")
        else:
            operation = snapshot.operation(target)
        if operation is None:
            raise NotFound(f"There is no operation {target}.", "See: memllm log")
        if operation.kind == "create":
            raise UsageError(f"Operation {target} ({operation.kind}) cannot be undone.", "See: memllm log")
        if not snapshot.counts(operation.id):
            raise UsageError(f"Operation {target} is already undone.", "To redo it, undo the undo: memllm log")
        if operation.kind == "relation":
            _still_used(snapshot, operation.id)
        return operation, self.operate("undo", lambda _: None, target=operation.id, dry_run=dry_run, run=run)

    # -- documents ---------------------------------------------------------------------------------------------------

    def holds(self, document: Document) -> bool:
        """Whether exactly these bytes were read from this place already and still count."""
        snapshot = self.snapshot
        events = snapshot.history.sources.get(document.uri, ())
        newest = next((o for i in reversed(events) if snapshot.counts(i) and (o := snapshot.operation(i))), None)
        if newest is None or newest.kind != "ingest" or newest.document is None:
            return False
        row = snapshot.history.documents.get(newest.document)
        return row is not None and row.sha256 == document.sha256

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

        return self.operate(
            "ingest", fill, actor="memllm", note=note or document.title, source=document.uri, model=model,
            format=format, run=run,
        )  # fmt: skip

    def forget(self, source: str, note: str = "", run: str = "", dry_run: bool = False) -> Change:
        """Drop what a document supports; facts with other support stay."""
        return self.operate("forget", lambda _: None, source=source, note=note or source, run=run, dry_run=dry_run)

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

        return self.operate("import", fill, actor="person" if person else "import", note=note)

    # -- looking -----------------------------------------------------------------------------------------------------

    def evidence(self, facts: Sequence[Fact]) -> dict[Key, list[Evidence]]:
        """Where documents state these facts, newest document first."""
        snapshot = self.snapshot
        by_assertion = {a.id: f.key for f in facts for a in f.supports if snapshot.made_by(a).kind not in _TYPED}
        out: dict[Key, list[Evidence]] = {f.key: [] for f in facts}
        if by_assertion and snapshot.history.documents:
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

    # -- the one way to write ------------------------------------------------------------------------------------------

    @contextmanager
    def session(self) -> Iterator[Memory]:
        """Many edits in a row: each is durable in the journal when it returns, and the database takes them in at the
        end. Other processes get their turn between two edits, and see them.
        """
        if self._journal is not None:
            yield self
            return
        self._journal = Journal(self.database.journal)
        try:
            yield self
        finally:
            self._journal.close()
            self._journal = None
            with self.open():
                pass

    def operate(
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
        """Do one operation: durable when this returns, and what it changed. With `dry_run` nothing is kept."""

        if self._moment is not None:
            raise UsageError("The past cannot be changed.", "Leave out --as-of.")

        def written(snapshot: Snapshot, connection: duckdb.DuckDBPyConnection | None) -> Rows:
            writer = Writer(snapshot, source, connection)
            fill(writer)
            made = Operation(
                writer.operation, kind, now(), actor, note, target, writer.document_id, source, model, format,
                run or None,
            )  # fmt: skip
            return {"operations": [made], **writer.rows}

        if self._journal is not None and not dry_run and kind in _TYPED | {"undo"}:
            with self.database.turn(quick=True), interrupts_held():
                before = self._ready()
                rows = written(before, None)
                self._journal.append(rows)
                self.database.seen = self.database.generation()
                return self._applied(before, rows)
        with self.database.open() as connection:
            if self._history is None or self.database.generation() != self.database.seen:
                self._catch_up(connection)
            self.database.writable()
            assert self._history is not None
            before = Snapshot(self._history)
            rows = written(before, connection)
            if dry_run:
                self._history.apply(_light(rows))
                change = self._change(before, rows)
                self._history.revert(self._history.rows[-1])
                self._snapshot = Snapshot(self._history)
                return change
            connection.execute("BEGIN")
            insert_all(connection, rows)
            connection.execute("COMMIT")
            return self._applied(before, rows)

    def _ready(self) -> Snapshot:
        """The snapshot an edit of a session starts from, within our turn."""
        assert self._journal is not None
        full = self.database.seen[-2:-1] > (_JOURNAL,)
        if self._snapshot is None or full or self.database.generation() != self.database.seen:
            self._journal.close()
            with self.database.connected() as connection:
                self._catch_up(connection)
            self.database.writable()
            self._keep_in_memory()
        assert self._snapshot is not None
        return self._snapshot

    def _keep_in_memory(self) -> None:
        history = self._history
        assert history is not None
        if history.packed is not None and history.unpacked > max(BULK, len(history.packed.statements) // 8):
            from memllm_cli.memory.pack import repack

            history.take(repack(history))
            self._snapshot = Snapshot(history)

    def _applied(self, before: Snapshot, rows: Rows) -> Change:
        assert self._history is not None
        self._history.apply(_light(rows))
        return self._change(before, rows)

    def _change(self, before: Snapshot, rows: Rows) -> Change:
        assert self._history is not None
        after = self._snapshot = Snapshot(self._history)
        return between(before, after, rows)


def _light(rows: Rows) -> Rows:
    """Rows without the texts of documents and without what only the database keeps."""
    return {
        table: [(*r[:5], r[-1]) for r in some] if table == "documents" else some
        for table, some in rows.items()
        if table not in ("sentences", "evidence")
    }


def relation_row(r: Relation, operation: int) -> Row:
    """A relation as a row of its table."""
    name, inverse, aliases, *rest = fields(r)
    return (r.id, name, inverse, list(aliases), *rest, operation)


def _still_used(snapshot: Snapshot, operation: int) -> None:
    """Raise UsageError when the relation that an operation added has facts."""
    history = snapshot.history
    for relation, made in history.relations:
        if made == operation and not any(r.id == relation.id and o != made for r, o in history.relations):
            used = next((f for f in snapshot.facts(None) if f.key[1] == relation.id), None)
            if used is not None:
                raise UsageError(
                    f"'{relation.name}' cannot be taken back: facts use it.",
                    f'Remove them first: memllm fact rm ">> {relation.name} >>"',
                )


def _fail() -> None:
    raise ValueError("what was written is not what was meant")
