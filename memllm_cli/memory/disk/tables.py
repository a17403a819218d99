"""The tables of a knowledge base, each described once: a named tuple is a row, its annotations are the columns.

Inserts, selects, references, checks and the types of the packed history come from `TABLES`; only the migrations say the
columns again, in SQL, as each version of the program made them (a test compares the two). A new column is a migration
and a field here, and the code that uses it.

Facts are never updated in place: `operations` and `assertions` only grow, and memory now is what follows from those
that count (`history/facts.py`). Each migration runs in one transaction together with the record that it ran. Times are
ISO 8601 text in UTC, which sorts by time and needs no time-zone data. Knows nothing of files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from memllm_cli.memory.disk.table import Table
from memllm_cli.memory.values.literals import KINDS
from memllm_cli.memory.values.relations import Relation
from memllm_cli.memory.values.validity import ALWAYS, Span, span
from memllm_cli.types import BLOCK_KINDS

if TYPE_CHECKING:
    import duckdb

ACTIONS = ("add", "set", "remove")
USE = "use"
"""In the place of an external id: the row of an operation that states something under a relation out of documents.

Such a relation is there while an operation counts that needs it, and goes with the last."""
JOINED = "joined "
"""Begins, in the place of an external id, the row that makes a relation one with another, whose id follows."""
TRUTH, ENDED = "truth", "ended"
"""The qualifier that says how a document means a statement that it does not state: see `Assertion.truth`."""
LARGEST_ID = (1 << 31) - 1
"""Of operations, statements, entities and documents: they are packed into four bytes."""
LARGEST_RELATION = (1 << 20) - 1


class Operation(NamedTuple):
    """One entry of the history. `target` is what an undo switches off, `source` the uri an ingest read: a later ingest
    of the same uri replaces this one's evidence.

    `model` (a hash) and `format` say what wrote its facts; operations of one command share a `run`.
    """

    id: int
    kind: str
    at: str
    actor: str
    note: str = ""
    target: int | None = None
    document: int | None = None
    source: str | None = None
    model: str | None = None
    format: str | None = None
    run: str | None = None


class RelationRow(NamedTuple):
    """One version of a relation. A later row with the same id takes its place."""

    id: int
    name: str
    inverse: str
    aliases: list[str]
    description: str
    one_subject: bool
    one_object: bool
    object_type: str
    domain: str
    external: str
    operation: int

    @classmethod
    def of(cls, r: Relation, operation: int) -> Self:
        """The row of a relation that an operation made."""
        return cls(r.id, r.name, r.inverse, list(r.aliases), r.description, r.one_subject, r.one_object, r.object_type,
                   r.domain, r.external, operation)  # fmt: skip

    @property
    def relation(self) -> Relation:
        """The relation."""
        return Relation(self.id, self.name, self.inverse, tuple(self.aliases), *self[4:-1])

    @property
    def is_use(self) -> bool:
        """Whether it says nothing of the relation but that its operation needs it: see `USE`."""
        return self.external == USE

    @property
    def joined(self) -> int | None:
        """The relation that it says this one is the same as; None for other rows."""
        return int(self.external[len(JOINED) :]) if self.external.startswith(JOINED) else None


class Entity(NamedTuple):
    """A name or a literal value. `normal` is what it is compared by, `scope` the document a name such as 'the Tenant'
    belongs to."""

    id: int
    name: str
    normal: str
    kind: str
    scope: int | None = None
    operation: int = 0


class Alias(NamedTuple):
    """Another name of an entity."""

    entity: int
    name: str
    operation: int


class Merge(NamedTuple):
    """Two entities are one: `source` stands for `target`."""

    source: int
    target: int
    operation: int


class Move(NamedTuple):
    """A split gives a statement another entity on one side (`subject` or `object`)."""

    assertion: int
    side: str
    entity: int
    operation: int


class DocumentRow(NamedTuple):
    """A document that was read. `text` is empty in memory: only the database keeps it.

    `reader` is the version of the readers that made its blocks; None where there was none yet.
    """

    id: int
    uri: str
    title: str
    media_type: str
    sha256: str
    text: str
    operation: int
    reader: int | None = None


class SentenceRow(NamedTuple):
    """A stretch of a document, in characters; line and page count from 1."""

    document: int
    span_start: int
    span_end: int
    line: int
    page: int | None
    heading: str


class BlockRow(NamedTuple):
    """A block of a document (`types.Block`), by its number in it."""

    document: int
    number: int
    parent: int | None
    kind: str
    span_start: int
    span_end: int
    line: int
    page: int | None
    level: int
    label: str
    note: str
    table_row: int | None
    table_column: int | None


class Assertion(NamedTuple):
    """One statement made by one operation. Texts are None where they are the names of the entities.

    `person` may overwrite; `clears_objects` and `clears_subjects` say what a `set` retracts; `qualifiers` is a JSON
    object. `source` is no column: it is its operation's, but for a person's statements, which no document replaces.
    """

    id: int
    operation: int
    action: str
    subject: int
    relation: int
    object: int
    subject_text: str | None
    object_text: str | None
    person: bool
    clears_objects: bool = False
    clears_subjects: bool = False
    probability: float | None = None
    proposed: bool = False
    valid_from: str | None = None
    valid_to: str | None = None
    qualifiers: str = "{}"
    source: str | None = None

    @property
    def truth(self) -> str:
        """`stated`, or `denied`, `planned`, `asked`, `reported`: what is not stated is kept, and is no fact."""
        return "stated" if self.qualifiers == "{}" else str(json.loads(self.qualifiers).get(TRUTH, "stated"))

    @property
    def ended(self) -> bool:
        """Whether it is said to be over, and not since when: its last day is then the one before it was read."""
        return self.qualifiers != "{}" and ENDED in json.loads(self.qualifiers)

    @property
    def span(self) -> Span:
        """When it says the fact holds."""
        return span(self.valid_from, self.valid_to) if self.valid_from or self.valid_to else ALWAYS


class EvidenceRow(NamedTuple):
    """Where a document makes a statement: a stretch of its text, and the block that says it where structure does."""

    assertion: int
    document: int
    span_start: int
    span_end: int
    line: int
    page: int | None
    heading: str
    block: int | None = None


OPERATIONS = Table(
    "operations", Operation, "operations", named={"at": "time"},
    references={"target": "operations", "document": "documents"},
)  # fmt: skip
RELATIONS = Table(
    "relations", RelationRow, "relations", order="operation, id", references={"operation": "operations"},
    allowed={"object_type": KINDS}, most=LARGEST_RELATION,
)  # fmt: skip
ENTITIES = Table(
    "entities", Entity, "names", references={"operation": "operations", "scope": "documents"}, allowed={"kind": KINDS}
)
ALIASES = Table(
    "aliases", Alias, "aliases", order="rowid", references={"entity": "entities", "operation": "operations"}
)
MERGES = Table(
    "merges", Merge, "merges", order="rowid",
    references={"source": "entities", "target": "entities", "operation": "operations"},
)  # fmt: skip
MOVES = Table(
    "moves", Move, "moves", order="rowid", allowed={"side": ("subject", "object")},
    references={"assertion": "assertions", "entity": "entities", "operation": "operations"},
)  # fmt: skip
DOCUMENTS = Table("documents", DocumentRow, "documents", large=("text",), references={"operation": "operations"})
SENTENCES = Table("sentences", SentenceRow, "sentences", references={"document": "documents"}, in_memory=False)
BLOCKS = Table(
    "blocks", BlockRow, "blocks", order="document, number", references={"document": "documents"}, in_memory=False,
    allowed={"kind": BLOCK_KINDS},
)  # fmt: skip
ASSERTIONS = Table(
    "assertions", Assertion, "statements", joined=("source",), allowed={"action": ACTIONS},
    references={"operation": "operations", "subject": "entities", "relation": "relations", "object": "entities"},
)  # fmt: skip
EVIDENCE = Table(
    "evidence", EvidenceRow, "evidence", references={"assertion": "assertions", "document": "documents"},
    in_memory=False,
)  # fmt: skip
TABLES = {
    t.name: t
    for t in (
        OPERATIONS, RELATIONS, ENTITIES, ALIASES, MERGES, MOVES, DOCUMENTS, SENTENCES, BLOCKS, ASSERTIONS, EVIDENCE,
    )
}  # fmt: skip
"""The tables of the history, in the order in which their rows may be stored. Three more hold none: `meta` (key, value)
and two caches, `vectors` (entity, vector) and `passage_vectors` (document, number, vector)."""


@dataclass(slots=True)
class Rows:
    """Rows on their way into the database, the journal and the memory of the process: one form for all."""

    operations: list[Operation] = field(default_factory=list)
    relations: list[RelationRow] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    documents: list[DocumentRow] = field(default_factory=list)
    sentences: list[SentenceRow] = field(default_factory=list)
    blocks: list[BlockRow] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)
    evidence: list[EvidenceRow] = field(default_factory=list)

    def tables(self) -> Iterator[tuple[Table, list[Any]]]:
        """Each table that has rows here, with them."""
        for table in TABLES.values():
            if rows := getattr(self, table.name):
                yield table, rows

    def insert(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Append all rows to the database."""
        for table, rows in self.tables():
            table.insert(connection, rows)

    def light(self) -> Rows:
        """Without what only the database keeps."""
        out = Rows()
        for table, rows in self.tables():
            if table.in_memory:
                empty = dict.fromkeys(table.large, "")
                setattr(out, table.name, [r._replace(**empty) for r in rows] if empty else rows)
        return out

    def as_lists(self) -> dict[str, list[tuple[Any, ...]]]:
        """Rows by table, as JSON keeps them."""
        return {table.name: table.stored(rows) for table, rows in self.tables()}

    @classmethod
    def from_lists(cls, lists: dict[str, list[list[Any]]]) -> Self:
        """What `as_lists` gave. Raises KeyError, TypeError for what are no rows of ours."""
        return cls(**{name: [TABLES[name].row(*row) for row in rows] for name, rows in lists.items()})

    @classmethod
    def since(cls, connection: duckdb.DuckDBPyConnection, operation: int) -> Self:
        """The rows of all operations after one, without what only the database keeps."""
        return cls(**{t.name: t.since(connection, operation) for t in TABLES.values() if t.in_memory})

    @classmethod
    def together(cls, parts: Iterable[Rows]) -> Self:
        """Rows of several operations as one."""
        out = cls()
        for part in parts:
            for f in fields(part):
                getattr(out, f.name).extend(getattr(part, f.name))
        return out


COMPARED_ANEW = """
    -- names are compared by other forms than they were: the i of İ has no dot more, a dot in front (.NET) counts
    UPDATE entities SET normal = replace(normal, 'i' || chr(775), 'i')
        WHERE kind IN ('entity', 'text') AND contains(normal, 'i' || chr(775));
    UPDATE entities SET normal = '.' || normal
        WHERE kind IN ('entity', 'text') AND regexp_matches(name, '^\\.[\\pL\\pN]') AND NOT starts_with(normal, '.');
"""
"""Brings compared forms that an older version stored up to date; what is so already stays as it is."""
MIGRATIONS: tuple[tuple[int, str], ...] = (
    (
        1,
        """
        CREATE TABLE meta (key TEXT NOT NULL, value TEXT NOT NULL);
        CREATE TABLE operations (
            id BIGINT NOT NULL, kind TEXT NOT NULL, time TEXT NOT NULL, actor TEXT NOT NULL, note TEXT NOT NULL,
            target BIGINT,               -- the operation an undo switches off
            document BIGINT,             -- the document an ingest read
            source TEXT,                 -- its uri: a later ingest of the same uri replaces this one's evidence
            model TEXT, format TEXT,     -- model hash and prompt format that wrote the facts
            run TEXT);                 -- operations of one command share a run
        CREATE TABLE relations (
            id BIGINT NOT NULL, name TEXT NOT NULL, inverse TEXT NOT NULL, aliases TEXT[] NOT NULL,
            description TEXT NOT NULL, one_subject BOOLEAN NOT NULL, one_object BOOLEAN NOT NULL,
            object_type TEXT NOT NULL, domain TEXT NOT NULL, external TEXT NOT NULL, operation BIGINT NOT NULL);
        CREATE TABLE entities (
            id BIGINT NOT NULL, name TEXT NOT NULL,
            normal TEXT NOT NULL,        -- compared form: normalised name, or normalised value of a literal
            kind TEXT NOT NULL,          -- entity, text, number, money, date, duration
            scope BIGINT,                -- the document a name such as 'the Tenant' belongs to
            operation BIGINT NOT NULL);
        CREATE TABLE aliases (entity BIGINT NOT NULL, name TEXT NOT NULL, operation BIGINT NOT NULL);
        CREATE TABLE merges (source BIGINT NOT NULL, target BIGINT NOT NULL, operation BIGINT NOT NULL);
        CREATE TABLE documents (
            id BIGINT NOT NULL, uri TEXT NOT NULL, title TEXT NOT NULL, media_type TEXT NOT NULL,
            sha256 TEXT NOT NULL, text TEXT NOT NULL, operation BIGINT NOT NULL);
        CREATE TABLE sentences (
            document BIGINT NOT NULL, span_start BIGINT NOT NULL, span_end BIGINT NOT NULL,
            line BIGINT NOT NULL, page BIGINT, heading TEXT NOT NULL);
        CREATE TABLE assertions (
            id BIGINT NOT NULL, operation BIGINT NOT NULL,
            action TEXT NOT NULL,        -- add, set, remove
            subject BIGINT NOT NULL, relation BIGINT NOT NULL, object BIGINT NOT NULL,
            subject_text TEXT NOT NULL, object_text TEXT NOT NULL,      -- as written
            person BOOLEAN NOT NULL,     -- stated by a person, who may overwrite
            clears_objects BOOLEAN NOT NULL, clears_subjects BOOLEAN NOT NULL,  -- what a set retracts
            probability DOUBLE, proposed BOOLEAN NOT NULL,
            valid_from TEXT, valid_to TEXT, qualifiers TEXT NOT NULL);  -- JSON object
        CREATE TABLE evidence (
            assertion BIGINT NOT NULL, document BIGINT NOT NULL, span_start BIGINT NOT NULL, span_end BIGINT NOT NULL,
            line BIGINT NOT NULL, page BIGINT, heading TEXT NOT NULL);
        CREATE TABLE vectors (entity BIGINT NOT NULL, vector FLOAT[] NOT NULL);
        """,
    ),
    (
        2,
        """
        ALTER TABLE assertions ALTER COLUMN subject_text DROP NOT NULL;  -- NULL: the name the entity has
        ALTER TABLE assertions ALTER COLUMN object_text DROP NOT NULL;
        CREATE TABLE moves (         -- a split gives a statement another entity on one side
            assertion BIGINT NOT NULL, side TEXT NOT NULL, entity BIGINT NOT NULL, operation BIGINT NOT NULL);
        DROP TABLE vectors;          -- a cache; bytes are read and written many times faster than lists
        -- little-endian 4-byte floats; DuckDB takes seconds to find that they cannot be compressed
        CREATE TABLE vectors (entity BIGINT NOT NULL, vector BLOB NOT NULL USING COMPRESSION uncompressed);
        """,
    ),
    (
        3,
        """
        CREATE TABLE blocks (        -- the tree of a document; one read before has its sentences as paragraphs
            document BIGINT NOT NULL, number BIGINT NOT NULL, parent BIGINT, kind TEXT NOT NULL,
            span_start BIGINT NOT NULL, span_end BIGINT NOT NULL, line BIGINT NOT NULL, page BIGINT,
            level BIGINT NOT NULL, label TEXT NOT NULL, note TEXT NOT NULL, table_row BIGINT, table_column BIGINT);
        INSERT INTO blocks SELECT document, row_number() OVER (PARTITION BY document ORDER BY span_start) - 1, NULL,
            'paragraph', span_start, span_end, line, page, 0, '', '', NULL, NULL FROM sentences;
        ALTER TABLE documents ADD COLUMN reader BIGINT;  -- version of the readers; NULL: none that knew blocks
        ALTER TABLE evidence ADD COLUMN block BIGINT;    -- the block of the document that says it
        """,
    ),
    (
        4,
        """
        -- a cache; little-endian 2-byte floats, of the passages that a document is cut into
        CREATE TABLE passage_vectors (
            document BIGINT NOT NULL, number BIGINT NOT NULL, vector BLOB NOT NULL USING COMPRESSION uncompressed);
        """,
    ),
    (5, COMPARED_ANEW),
    (6, "-- values have other compared forms: database.values_compared_anew"),
)
VERSION = MIGRATIONS[-1][0]
