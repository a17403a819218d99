"""The memory of one knowledge base: what a person, a document or a table does to it, and where evidence is."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.disk.tables import JOINED, TRUTH, Operation, RelationRow, Rows
from memllm_cli.memory.edit.change import BULKY, Change, now
from memllm_cli.memory.edit.core import TYPED, Core
from memllm_cli.memory.edit.evidence import Evidence, evidence_at, evidence_of
from memllm_cli.memory.edit.statements import Writer
from memllm_cli.memory.history.facts import Fact, Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.relations import Relation, read_table
from memllm_cli.types import Block, Document, Triple

Filler = Callable[[Writer], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A fact found in a document: the sentences (by index) or the block that state it, and how sure the writer is.

    `own` says that its relation stands in the document's words, and is made where no relation is called so;
    `one_object` what such a one is taken for. What the document says without stating it (`truth`) is kept for what it
    is; `qualifiers` are more that it says of it: who says so, when it happened, what stood for the subject.
    """

    triple: Triple
    sentences: tuple[int, ...] = ()
    probability: float | None = None
    proposed: bool = False
    block: int | None = None
    own: bool = False
    one_object: bool = True
    truth: str = "stated"
    valid_from: str | None = None
    valid_to: str | None = None
    qualifiers: tuple[tuple[str, str], ...] = ()

    @property
    def is_proposal(self) -> bool:
        """Whether it waits to be accepted."""
        return self.proposed and self.truth == "stated"

    @property
    def said(self) -> str:
        """Qualifiers and truth as a JSON object."""
        more = dict(self.qualifiers) | ({TRUTH: self.truth} if self.truth != "stated" else {})
        return json.dumps(more, ensure_ascii=False) if more else "{}"


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
    own: bool = False
    """Whether its relation is made in these words where none is called so, for any number of values."""

    @property
    def plain(self) -> bool:
        """Whether it says nothing but the fact."""
        said = self.document or self.sentence or self.valid_from or self.valid_to or self.proposed or self.own
        return not said and self.probability is None and self.qualifiers == "{}"


class Memory(Core):
    """One knowledge base, with everything that can be done to it."""

    def create(self, relations: Path) -> bool:
        """Make the knowledge base with the relations of a table unless it exists; True when it is new."""
        if self.database.exists() and self.snapshot.relations.by_id:
            return False
        table = read_table(relations)
        with self.database.open() as connection:
            if connection.execute("SELECT count(*) FROM operations").fetchone() == (0,):
                connection.execute("BEGIN")
                made = Operation(1, "create", now(), "memllm", f"{len(table)} relations")
                Rows(operations=[made], relations=[RelationRow.of(r, 1) for r in table]).insert(connection)
                connection.execute("COMMIT")
        self.outdate()
        return True

    # -- a person's operations --------------------------------------------------------------------------------------

    def set(
        self,
        triple: Triple,
        mode: str = "auto",
        valid_from: str | None = None,
        valid_to: str | None = None,
        note: str = "",
        dry_run: bool = False,
        own: bool = False,
    ) -> Change:
        """State a fact as a person and retract what conflicts.

        With `own` a relation is made in these words where none is called so.

        `mode`: `auto` follows the relation's cardinalities; `replace` also replaces other values on the side
        written last; `add` retracts nothing. With `dry_run` nothing is kept.
        """

        def fill(writer: Writer) -> None:
            relation, flipped = writer.relation(triple.relation) if own else writer.known(triple.relation)
            subject, object = (triple.object, triple.subject) if flipped else (triple.subject, triple.object)
            if relation.object_type == "date":
                from memllm_cli.memory.values.dates import off_calendar

                if off_calendar(object):
                    raise UsageError(f"'{object}' is not in the calendar.", "Write a day that is.")
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
            ids = (r.id for r in writer.snapshot.history.relations)
            kept.append(relation if relation.id else replace(relation, id=max(ids, default=0) + 1))
            writer.rows.relations.append(RelationRow.of(kept[0], writer.operation))

        self.operate("relation", fill, note=note or relation.name)
        return kept[0]

    def join(self, old: str, new: str, note: str = "") -> Change:
        """Make a relation one with another, which then has its names and facts. Raises NotFound, UsageError."""

        def fill(writer: Writer) -> None:
            (source, flipped), (target, turned) = (writer.snapshot.relations.get(name) for name in (old, new))
            if source.id == target.id:
                raise UsageError(f"'{old}' and '{new}' are one relation already.", "See: memllm relation list")
            if flipped or turned:
                raise UsageError("Relations can be joined in one direction only.", "Name them from their subjects.")
            if not source.is_own and target.is_own:
                raise UsageError(f"'{source.name}' is a known relation.", f'Join it the other way: "{new}" "{old}"')
            writer.rows.relations.append(
                RelationRow.of(source, writer.operation)._replace(external=f"{JOINED}{target.id}")
            )

        return self.operate("join", fill, note=note or f"{old} into {new}")

    def undo(self, target: int | None = None, dry_run: bool = False, run: str = "") -> tuple[Operation, Change]:
        """Switch an operation off: the given one, or the newest that is neither undone nor an undo itself.

        Undoing an undo switches its target on again. Raises NotFound when there is nothing to undo.
        """
        snapshot = self.snapshot
        if target is None:
            kinds = ("undo", "create", "purge", "failed")
            ids = range(snapshot.last_operation, 0, -1)
            counted = (o for i in ids if snapshot.counts(i) and (o := snapshot.operation(i)) is not None)
            operation = next((o for o in counted if o.kind not in kinds), None)
            if operation is None:
                raise NotFound("There is nothing to undo.", "See: memllm log")
        else:
            operation = snapshot.existing(target)
        if operation.kind in ("create", "purge"):
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
        self,
        document: Document,
        facts: Iterable[Written],
        model: str,
        format: str,
        run: str = "",
        note: str = "",
        aliases: Iterable[tuple[str, str]] = (),
    ) -> Change:
        """Record a document with the facts found in it, as one operation. Replaces what its last version stated.

        `aliases` are other names that it gives its things: (name, other name).
        """

        def fill(writer: Writer) -> None:
            writer.document(document)
            for entity, name in aliases:
                writer.alias(entity, name)
            for found in facts:
                if found.own:
                    relation, flipped = writer.relation(found.triple.relation, found.one_object)
                else:
                    relation, flipped = writer.known(found.triple.relation)
                subject, object = found.triple.subject, found.triple.object
                if flipped:
                    subject, object = object, subject
                made = writer.state(
                    "add", subject, relation, object, probability=found.probability,
                    proposed=found.proposed or found.truth != "stated", valid_from=found.valid_from,
                    valid_to=found.valid_to, qualifiers=found.said,
                )  # fmt: skip
                for index in found.sentences:
                    writer.evidence(made, document, document.sentences[index])
                if found.block is not None:
                    writer.evidence_of_block(made, document, found.block)

        return self.operate(
            "ingest", fill, actor="memllm", note=note or document.title, source=document.uri, model=model,
            format=format, run=run,
        )  # fmt: skip

    def forget(self, source: str, note: str = "", run: str = "", dry_run: bool = False) -> Change:
        """Drop what a document supports; facts with other support stay."""
        return self.operate("forget", lambda _: None, source=source, note=note or source, run=run, dry_run=dry_run)

    def import_facts(self, rows: Sequence[ImportRow], note: str, person: bool) -> Change:
        """State facts from a table, with evidence where a row names a document's sentence.

        With `person` they are stated in a person's name and retract what conflicts, row by row. Plain facts in their
        thousands go into the database as columns.
        """
        if len(rows) > BULKY and all(r.plain for r in rows):
            from memllm_cli.memory.edit.bulk import Columns, load_columns

            triples = [r.triple for r in rows]
            columns = Columns(*([getattr(t, side) for t in triples] for side in ("subject", "relation", "object")))
            return load_columns(self, columns, note, person)

        def fill(writer: Writer) -> None:
            before: set[Triple] = set()
            for row in rows:
                name = row.triple.relation
                relation, flipped = writer.relation(name, one_object=False) if row.own else writer.known(name)
                subject, object = row.triple.subject, row.triple.object
                if flipped:
                    subject, object = object, subject
                first = row.triple not in before  # a second row of a fact adds days to it
                before.add(row.triple)
                made = writer.state(
                    "set" if person and first else "add", subject, relation, object, person=person,
                    clears_objects=person and relation.one_object, clears_subjects=person and relation.one_subject,
                    probability=row.probability, proposed=row.proposed and not person,
                    valid_from=row.valid_from, valid_to=row.valid_to, qualifiers=row.qualifiers,
                )  # fmt: skip
                if row.sentence:
                    writer.find_evidence(made, row.document, row.sentence)

        return self.operate("import", fill, actor="person" if person else "import", note=note)

    # -- looking -----------------------------------------------------------------------------------------------------

    def document(self, id: int) -> Document:
        """A document as it was read, with its blocks; its sentences and notes are left out. Raises NotFound."""
        with self.open() as connection:
            row = connection.execute(
                "SELECT uri, title, media_type, sha256, text FROM documents WHERE id = ?", [id]
            ).fetchone()
            blocks = connection.execute(
                "SELECT kind, span_start, span_end, line, page, parent, level, label, note, table_row, table_column "
                "FROM blocks WHERE document = ? ORDER BY number",
                [id],
            ).fetchall()
        if row is None:
            raise NotFound(f"There is no document {id}.", "See: memllm source list")
        uri, title, media_type, sha256, text = row
        return Document(uri, title, media_type, sha256, text, (), blocks=tuple(Block(*b) for b in blocks))

    def texts_of(self, shortest: int, longest: int) -> list[tuple[str, str]]:
        """Documents that count and have so many characters, by path, with their texts."""
        ids = [d.id for d in self.snapshot.documents()]
        with self.open() as connection:
            return connection.execute(
                "SELECT uri, text FROM documents WHERE id IN (SELECT unnest(?::BIGINT[])) "
                "AND length(text) BETWEEN ? AND ? ORDER BY id",
                [ids, shortest, longest],
            ).fetchall()

    def evidence(self, facts: Sequence[Fact]) -> dict[Key, list[Evidence]]:
        """Where documents state these facts, newest document first."""
        snapshot = self.snapshot
        by_assertion = {a.id: f.key for f in facts for a in f.supports if snapshot.made_by(a).kind not in TYPED}
        out: dict[Key, list[Evidence]] = {f.key: [] for f in facts}
        if by_assertion and snapshot.history.documents:
            with self.open() as connection:
                for assertion, place in evidence_of(connection, list(by_assertion)):
                    out[by_assertion[assertion]].append(place)
        return out

    def copies(self, documents: Collection[int]) -> dict[int, int]:
        """Which of these documents are copies of others among them: copy to the one that was read first."""
        from memllm_cli.memory.values.copies import Sketch

        sketches: dict[int, Sketch] = {}
        out: dict[int, int] = {}
        if len(set(documents)) > 1:
            with self.open() as connection:
                rows = connection.execute(
                    "SELECT id, text FROM documents WHERE id IN (SELECT unnest(?::BIGINT[])) ORDER BY id",
                    [list(documents)],
                ).fetchall()
            for id_, text in rows:
                sketch = Sketch.of(text)
                first = next((i for i, other in sketches.items() if other.like(sketch)), None)
                if first is None:
                    sketches[id_] = sketch
                else:
                    out[id_] = first
        return out

    def sources(self, facts: Sequence[Fact]) -> dict[Key, list[Evidence]]:
        """Like `evidence`, with copies of a document that states the same marked for what they are."""
        found = self.evidence(facts)
        several = [e for e in found.values() if len({x.document for x in e}) > 1]
        copies = self.copies({x.document for e in several for x in e}) if several else {}
        if not copies:
            return found
        out: dict[Key, list[Evidence]] = {}
        for key, places in found.items():
            stands: dict[int, int] = {}  # the document that is shown, by the first of its copies
            for e in places:
                stands.setdefault(copies.get(e.document, e.document), e.document)
            out[key] = [replace(e, copy=stands[copies.get(e.document, e.document)] != e.document) for e in places]
        return out

    def evidence_at(self, spots: Sequence[tuple[int, int, int, int]]) -> list[Evidence]:
        """What stands at some places of documents: document, first and last character, number of the block."""
        if not spots:
            return []
        with self.open() as connection:
            return evidence_at(connection, spots)

    def stated_at(self, document: int, start: int, end: int) -> list[int]:
        """The statements that a stretch of a document supports, by id, those that do not count any more among them."""
        with self.open() as connection:
            rows = connection.execute(
                "SELECT DISTINCT assertion FROM evidence WHERE document = ? AND span_start < ? AND span_end > ?",
                [document, end, start],
            ).fetchall()
        return [r[0] for r in rows]


def _still_used(snapshot: Snapshot, operation: int) -> None:
    """Raise UsageError when the relation that an operation added has facts."""
    history = snapshot.history
    for relation in (r for r in history.relations if not r.is_use and r.joined is None):
        versions = [r for r in history.relations if r.id == relation.id]
        if relation.operation == operation and all(r.operation == operation for r in versions):
            used = next((f for f in snapshot.facts(every=True) if f.key[1] == relation.id), None)
            if used is not None:
                raise UsageError(
                    f"'{relation.name}' cannot be taken back: facts use it.",
                    f'Remove them first: memllm fact rm ">> {relation.name} >>"',
                )
