"""The tables of a knowledge base, as numbered migrations.

Facts are never updated in place: `operations` and `assertions` only grow, and memory now is their fold
(`fold.py`). Each migration runs in one transaction together with the record that it ran. Times are ISO 8601
text in UTC, which sorts by time and needs no time-zone data.
"""

from __future__ import annotations

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
)
VERSION = MIGRATIONS[-1][0]
