"""Looking after a knowledge base: purge, words, SQL, doctor, backup, old schemas, what stands beside the database."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from memllm_cli.documents.reader import read_text
from memllm_cli.errors import DamagedError, StorageError, UsageError
from memllm_cli.memory.care import backup, doctor
from memllm_cli.memory.care.full_export import restore
from memllm_cli.memory.care.purge import purge
from memllm_cli.memory.disk import journal
from memllm_cli.memory.disk.cache import Sidecar
from memllm_cli.memory.disk.database import Database
from memllm_cli.memory.disk.files import CACHES, WORDS, ours
from memllm_cli.memory.disk.tables import Rows
from memllm_cli.memory.edit import identity
from memllm_cli.memory.edit.identity import duplicates
from memllm_cli.memory.edit.memory import ImportRow, Memory, Written
from memllm_cli.memory.history.history import BULK
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search import words
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.texts import Texts
from memllm_cli.memory.search.words import search
from memllm_cli.memory.views.conflicts import conflicts, losers
from memllm_cli.memory.views.query import join, pattern
from memllm_cli.memory.views.sql import run
from memllm_cli.types import Query, Triple
from tests.letters import Letters
from tests.memory.test_store import document, facts

SECRET = "Quixotry Holdings"
RELATIONS = Path(__file__).resolve().parents[2] / "kb" / "relations.csv"


def told(memory: Memory) -> None:
    """Two documents and a person; one document names what nobody else does."""
    text = f"{SECRET} pays the zanzibar fee. Acorn Ltd sits in Rufus Town."
    written = [
        Written(Triple(SECRET, "headquarters location", "Xanadu Bay"), (0,), 0.9),
        Written(Triple("Acorn Ltd", "headquarters location", "Rufus Town"), (1,), 0.9),
    ]
    memory.ingest(document(text, "/d/secret.md"), written, "m", "f", note="The zanzibar paper")
    memory.ingest(document("A list. Acorn Ltd sits in Rufus Town.", "/d/open.md", "2"), written[1:], "m", "f")
    memory.set(Triple("Acorn Ltd", "industry", "tea"))


def test_a_purged_document_leaves_no_byte(memory: Memory) -> None:
    told(memory)
    memory.forget("/d/secret.md")
    memory.undo()
    Finder(memory, Letters).index()
    search(memory, "zanzibar")
    memory.pack()
    folder = memory.database.folder
    needles = [n.encode() for n in (SECRET, SECRET.casefold(), "Xanadu", "xanadu bay", "zanzibar", "secret.md")]
    held = b"".join(p.read_bytes() for p in folder.iterdir())
    assert all(n in held for n in needles), "the test looks for bytes that were never there"
    assert purge(memory, "/d/secret.md", dry_run=True).versions == 1
    assert len(facts(memory)) == 3
    erased = purge(memory, "/d/secret.md")
    assert (erased.statements, erased.names) == (2, 2)
    held = b"".join(p.read_bytes() for p in folder.iterdir())
    assert [n for n in needles if n in held] == []
    assert facts(memory) == {("Acorn Ltd", "headquarters location", "Rufus Town"), ("Acorn Ltd", "industry", "tea")}
    assert facts(Memory(folder)) == facts(memory)
    assert [f.state for f in doctor.examine(memory, repair=False) if f.state == doctor.BAD] == []
    memory.undo(memory.set(Triple("Acorn Ltd", "industry", "cake")).operation)
    assert ("Acorn Ltd", "industry", "tea") in facts(memory)


def test_a_purged_knowledge_base_can_be_backed_up_and_restored(memory: Memory, tmp_path: Path) -> None:
    told(memory)
    memory.set(Triple("Xanadu Bay", "country", "Ruritania"))  # a name that the document brought, and a person uses
    identity.alias(memory, "Rufus Town", ["Rufus City"])
    purge(memory, "/d/secret.md")
    assert {f.state for f in doctor.examine(memory, repair=False)} == {doctor.OK}
    backup.write(memory, tmp_path / "b.gz")
    fresh = Memory(tmp_path / "fresh")
    restore(fresh, backup.read(tmp_path / "b.gz"))
    assert facts(fresh) == facts(memory)
    assert ("Xanadu Bay", "country", "Ruritania") in facts(fresh)
    with pytest.raises(UsageError, match="cannot be undone"):
        memory.undo(memory.snapshot.last_operation)
    assert memory.undo()[0].kind == "alias"


def test_a_process_that_had_memory_open_sees_the_purge(memory: Memory) -> None:
    told(memory)
    other = Memory(memory.database.folder)
    assert len(facts(other)) == 3
    purge(memory, "/d/secret.md")
    assert len(facts(other)) == 2


def test_words_find_names_and_sentences_and_follow_changes(memory: Memory) -> None:
    told(memory)

    def found(words: str) -> set[str]:
        return {memory.snapshot.texts(m.fact)[0] for m in search(memory, words)}

    assert found("zanzibar fee") == {SECRET}
    assert found("rufus") == {"Acorn Ltd"}
    assert found("pays rufus") == set()
    assert found('"; DROP') == set()
    memory.forget("/d/secret.md")
    assert found("zanzibar") == set()
    memory.undo()
    assert found("zanz") == {SECRET}
    memory.set(Triple("Zanzibar Airways", "industry", "flight"))
    assert found("zanzibar") == {SECRET, "Zanzibar Airways"}


def test_words_are_found_without_room_for_an_index(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    told(memory)
    grow = words._grow

    def refused(memory: Memory, snapshot: Snapshot, index: sqlite3.Connection, known: int) -> None:
        if index.execute("PRAGMA database_list").fetchone()[2]:  # in a file
            raise sqlite3.OperationalError("disk I/O error")
        grow(memory, snapshot, index, known)

    monkeypatch.setattr(words, "_grow", refused)
    assert {m.named for m in search(memory, "zanzibar")} == {False}
    assert not (memory.database.folder / WORDS).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE facts", "INSERT INTO facts SELECT * FROM facts", "COPY facts TO '/tmp/x.csv'", "SELECT 1; SELECT 2",
        "ATTACH '/tmp/x.duckdb'", "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'",
        "PRAGMA enable_external_access=true", "SET enable_external_access=true", "INSTALL httpfs", "SELECT",
        "SELECT * FROM memory", "EXPLAIN ANALYZE SELECT 1", "CREATE TABLE x (a INT)", "CALL pragma_version()", "",
    ],
)  # fmt: skip
def test_sql_can_only_look_at_what_it_is_given(memory: Memory, statement: str) -> None:
    with pytest.raises(UsageError):
        run(memory, statement)


def test_sql_answers(memory: Memory) -> None:
    told(memory)
    answer = run(memory, "SELECT object FROM facts WHERE subject = 'Acorn Ltd' ORDER BY object")
    assert answer.rows == [("Rufus Town",), ("tea",)]
    assert run(memory, "SELECT count(*) FROM operations WHERE counts").rows == [(4,)]


def test_joins_follow_variables(memory: Memory) -> None:
    for s, r, o in (("Film A", "director", "Ann"), ("Film B", "director", "Bob"), ("Ann", "place of birth", "Berlin"),
                    ("Bob", "place of birth", "Rome"), ("Ann", "spouse", "Ann")):  # fmt: skip
        memory.set(Triple(s, r, o))

    def ways(*texts: tuple[str, str, str]) -> set[tuple[str, ...]]:
        snapshot = memory.snapshot
        found = join(snapshot, [pattern(snapshot, t) for t in texts])
        return {tuple(snapshot.shown(b[v]) for v in sorted(b)) for b, _ in found}

    assert ways(("?x", "director", "?y"), ("?y", "place of birth", "Berlin")) == {("Film A", "Ann")}
    assert ways(("?y", "birthplace of", "?x")) == {("Ann", "Berlin"), ("Bob", "Rome")}
    assert ways(("?x", "spouse", "?x")) == {("Ann",)}
    assert ways(("?x", "director", "Nobody")) == set()
    with pytest.raises(UsageError, match="no variable"):
        ways(("?", "director", ""))


def test_contradictions_and_the_rules_that_end_them(memory: Memory) -> None:
    def say(uri: str, *triples: tuple[str, str, str]) -> None:
        written = [Written(Triple(*t), (0,), 0.9) for t in triples]
        memory.ingest(document(f"It says {uri[3]}.", uri, uri), written, "m", "f")

    say("/d/a.md", ("France", "capital", "Paris"), ("Ann", "child", "Bob"))
    say("/d/b.md", ("France", "capital", "Lyon"), ("Bob", "child", "Ann"))
    say("/d/c.md", ("France", "capital", "Paris"), ("Spain", "capital", "Lyon"))
    memory.set(Triple("Ann", "date of birth", "1970"))
    snapshot = memory.snapshot
    found = {frozenset(snapshot.texts(f)[::2] for f in c.facts): c for c in conflicts(snapshot)}
    one = found[frozenset({("France", "Paris"), ("France", "Lyon")})]
    assert found.keys() == {
        frozenset({("France", "Paris"), ("France", "Lyon")}),
        frozenset({("France", "Lyon"), ("Spain", "Lyon")}),
        frozenset({("Ann", "Bob"), ("Bob", "Ann")}),
    }
    assert [snapshot.texts(f)[2] for f in losers(snapshot, one, "most-sources")] == ["Lyon"]
    assert [snapshot.texts(f)[2] for f in losers(snapshot, one, "newest")] == ["Lyon"]
    assert losers(snapshot, one, "person") == []


def test_values_at_other_times_do_not_contradict(memory: Memory) -> None:
    memory.set(Triple("France", "capital", "Paris"), "add", "1990", "1999")
    memory.set(Triple("France", "capital", "Lyon"), "add", "2000")
    assert list(conflicts(memory.snapshot)) == []
    memory.set(Triple("France", "capital", "Brest"), "add", "1999-12-31")
    assert len(list(conflicts(memory.snapshot))) == 1


def test_likely_duplicates_are_proposed_and_numbers_keep_names_apart(memory: Memory) -> None:
    for name in (
        "Acorn Ltd",
        "Acorn Limited",
        "World War I",
        "World War II",
        "Zürich",
        "Zurich",
        "Lee, Ann",
        "Ann Lee",
    ):
        memory.set(Triple(name, "country", "Freedonia"))
    snapshot = memory.snapshot
    pairs = {frozenset((snapshot.name(p.first), snapshot.name(p.second))) for p in duplicates(snapshot)}
    assert pairs == {
        frozenset({"Acorn Ltd", "Acorn Limited"}), frozenset({"Zürich", "Zurich"}), frozenset({"Lee, Ann", "Ann Lee"}),
    }  # fmt: skip


def test_the_doctor_mends_caches_and_modes(memory: Memory) -> None:
    told(memory)
    search(memory, "tea")
    folder = memory.database.folder
    payload = folder / "text.sqlite"
    payload.write_bytes(payload.read_bytes()[:-1])
    (folder / "entities.hnsw.99.new").write_bytes(b"x")
    folder.chmod(0o755)
    said = {f.state for f in doctor.examine(memory)}
    assert said == {doctor.OK, doctor.REPAIRED}
    assert not payload.exists()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {f.state for f in doctor.examine(memory)} == {doctor.OK}


def test_a_save_cut_short_is_told_from_damage(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.set(Triple("Acorn Ltd", "industry", "tea"))
    memory.pack()
    manifest = memory.database.folder / "history.bin.json"
    real = Path.replace

    def stopped(self: Path, target: Path) -> Path:
        if target == manifest:
            raise KeyboardInterrupt
        return real(self, target)

    memory.set(Triple("Acorn Ltd", "industry", "cake"))
    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        memory.pack()
    monkeypatch.undo()
    states = [(f.state, f.what.split(":")[0]) for f in doctor.examine(memory, repair=False) if "history" in f.what]
    assert states == [(doctor.NOTE, "history.bin")]
    assert facts(Memory(memory.database.folder)) == {("Acorn Ltd", "industry", v) for v in ("tea", "cake")}
    memory.pack()
    assert {f.state for f in doctor.examine(memory, repair=False)} == {doctor.OK}


def test_much_that_is_new_is_packed_by_whoever_reads_next(memory: Memory) -> None:
    other = Memory(memory.database.folder)
    assert not facts(other)
    rows = [ImportRow(Triple(f"Member {i}", "member of", f"Club {i % 7}")) for i in range(BULK + 500)]
    memory.import_facts(rows, "t", False)
    packed = other.snapshot.history.packed
    assert packed is not None
    assert len(packed.statements) == len(rows)
    assert facts(other) == {(r.triple.subject, r.triple.relation, r.triple.object) for r in rows}
    relation = other.snapshot.relations.get("member of")[0].id
    (club,) = other.snapshot.named("Club 3")
    members = other.snapshot.values(relation, object=club)
    assert {other.snapshot.texts(f)[0] for f in members} == {f"Member {i}" for i in range(3, len(rows), 7)}
    assert not any(f.person or f.proposed or f.probability for f in members)
    assert [f.newest.id for f in members] == sorted((f.newest.id for f in members), reverse=True)


def test_the_doctor_names_what_leads_nowhere(memory: Memory) -> None:
    told(memory)
    with memory.database.open() as connection:
        connection.execute("DELETE FROM documents WHERE uri = '/d/open.md'")
    bad = [f.what for f in doctor.examine(memory) if f.state == doctor.BAD]
    assert any("evidence whose document is not there" in b for b in bad)


def test_a_backup_restores_everything(memory: Memory, tmp_path: Path) -> None:
    told(memory)
    with memory.session():
        memory.set(Triple("Acorn Ltd", "industry", "cake"))
    memory.undo()
    file = tmp_path / "all.gz"
    backup.write(memory, file)
    backup.check(file)
    fresh = Memory(tmp_path / "kb" / "fresh")
    restore(fresh, backup.read(file))
    assert facts(fresh) == facts(memory)
    fresh.undo(6)
    assert ("Acorn Ltd", "industry", "cake") in facts(fresh)
    for broken in (file.read_bytes()[:-20], gzip.compress(gzip.decompress(file.read_bytes())[:-200])):
        file.write_bytes(broken)
        with pytest.raises(DamagedError):
            backup.read(file)


def test_a_restored_past_is_not_mixed_with_what_was_there(memory: Memory, tmp_path: Path) -> None:
    told(memory)
    backup.write(memory, tmp_path / "all.gz")
    memory.set(Triple("Acorn Ltd", "industry", "cake"))
    memory.pack()
    search(memory, "cake")
    restore(memory, backup.read(tmp_path / "all.gz"), empty=False)
    memory.set(Triple("Acorn Ltd", "industry", "pie"))  # as many operations as before
    for seen in (memory, Memory(memory.database.folder)):
        assert ("Acorn Ltd", "industry", "pie") in facts(seen)
        assert search(seen, "cake") == []


def test_files_of_the_first_schema_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    packed = Path(__file__).parent / "schemas" / "1.duckdb.gz"
    (folder / "facts.duckdb").write_bytes(gzip.decompress(packed.read_bytes()))
    old = Memory(folder)
    snapshot = old.snapshot
    assert facts(old) == {
        ("Acorn Ltd", "headquarters location", "Rufus Town"), ("Acorn Ltd", "location of formation", "Rufus Town"),
        ("Freedonia", "capital", "Sylvania City"), ("Harbour Lease", "monthly rent", "EUR 4,200"),
        ("Linux", "mascot", "Tux"),
    }  # fmt: skip
    assert [snapshot.texts(f)[2] for f in snapshot.facts(proposed=True)] == ["Nobody"]
    old.undo(8)
    assert ("Freedonia", "capital", "Rufus Town") in facts(old)
    assert [f.state for f in doctor.examine(old) if f.state == doctor.BAD] == []
    assert Finder(old, Letters).find(Query("Fredonia", "capital", None)).hits


def test_a_knowledge_base_of_schema_2_opens_with_the_journal_beside_it(tmp_path: Path) -> None:
    """Made by the version before the journal bore an id: a document, a correction that was undone, a killed session."""
    folder = tmp_path / "old"
    folder.mkdir()
    schemas = Path(__file__).parent / "schemas"
    for name, target in (("2.duckdb.gz", "facts.duckdb"), ("2.journal.gz", "facts.journal")):
        (folder / target).write_bytes(gzip.decompress((schemas / name).read_bytes()))
    old = Memory(folder)
    assert facts(old) == {
        ("Harbour Lease", "tenant", "Anna Kovac"),
        ("Freedonia", "capital", "Sylvania City"),
        ("Freedonia", "continent", "Europe"),
    }
    assert not old.database.journal.exists()
    snapshot = old.snapshot
    (tenant,) = [f for f in snapshot.facts() if snapshot.texts(f)[1] == "tenant"]
    (place,) = old.evidence([tenant])[tenant.key]
    assert (place.sentence, place.line) == ("The tenant of the Harbour Lease is Anna Kovac.", 3)
    assert [snapshot.texts(f)[2] for f in snapshot.facts(proposed=True)] == ["2027-03-31"]
    assert snapshot.named("A. Kovac") == snapshot.named("Anna Kovac")
    old.pack()
    assert facts(Memory(folder)) == facts(old)
    old.undo(6)
    assert ("Freedonia", "capital", "Rufus Town") in facts(old)
    assert [f.what for f in doctor.examine(old) if f.state == doctor.BAD] == []


def test_a_session_keeps_edits_in_the_journal_until_somebody_opens_the_database(memory: Memory) -> None:
    path = memory.database.journal
    with memory.session():
        memory.set(Triple("France", "capital", "Paris"))
        assert len(journal.read(path).records) == 1
        assert facts(Memory(memory.database.folder)) == {("France", "capital", "Paris")}  # it took the journal in
        assert not path.exists()
        memory.set(Triple("France", "capital", "Lyon"))
        memory.undo()
    assert not path.exists()
    assert facts(Memory(memory.database.folder)) == {("France", "capital", "Paris")}
    assert [o.id for o in memory.snapshot.operations()] == [1, 2, 3, 4]


def test_a_damaged_journal_is_set_aside_and_said(memory: Memory) -> None:
    path = memory.database.journal
    kept = journal.Journal(path)
    memory._journal = kept
    for name in ("Paris", "Lyon"):
        memory.set(Triple("France", "capital", name))
    data = bytearray(path.read_bytes())
    data[kept.size - 3] ^= 0xFF
    kept.close()
    path.write_bytes(data)
    other = Memory(memory.database.folder)
    notices: list[str] = []
    other.database.notice = notices.append
    assert facts(other) == {("France", "capital", "Paris")}
    assert len(notices) == 1
    (aside,) = memory.database.folder.glob("facts.journal.damaged-*")
    assert b"Lyon" in aside.read_bytes()


def left(folder: Path, value: str) -> Path:
    """A journal as a session leaves it that was killed: one edit, not in the database."""
    memory = Memory(folder)
    kept = memory._journal = journal.Journal(memory.database.journal)
    memory.set(Triple("France", "capital", value))
    kept.close()
    return memory.database.journal


def unstamped(data: bytes) -> bytes:
    """A journal as an older version wrote it, without the id of its knowledge base."""
    return b"memllmJ1" + (int.from_bytes(data[8:16], "little") - 16).to_bytes(8, "little") + data[journal.START :]


@pytest.mark.parametrize("old", [False, True])
def test_a_journal_of_this_knowledge_base_is_taken_in(memory: Memory, old: bool) -> None:
    folder = memory.database.folder
    path = left(folder, "Paris")
    if old:
        path.write_bytes(unstamped(path.read_bytes()))
    assert facts(Memory(folder)) == {("France", "capital", "Paris")}
    assert not path.exists()


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("longer", [False, True])
def test_a_journal_of_another_knowledge_base_is_set_aside_and_said(tmp_path: Path, old: bool, longer: bool) -> None:
    other = Memory(tmp_path / "other")
    other.create(RELATIONS)
    other.set(Triple("Italy", "capital", "Milan"))
    strange = left(other.database.folder, "Rome").read_bytes()
    memory = Memory(tmp_path / "mine")
    memory.create(RELATIONS)
    if longer:
        memory.set(Triple("France", "capital", "Paris"))
        memory.set(Triple("Spain", "capital", "Madrid"))
    before = facts(memory)
    memory.database.journal.write_bytes(unstamped(strange) if old else strange)
    again = Memory(tmp_path / "mine")
    notices: list[str] = []
    again.database.notice = notices.append
    assert facts(again) == before
    assert again.snapshot.relations.by_id
    assert len(notices) == 1
    (aside,) = memory.database.folder.glob("facts.journal.foreign-*")
    assert b"Rome" in aside.read_bytes()
    assert not memory.database.journal.exists()
    (finding,) = [f for f in doctor.examine(again) if aside.name in f.what]
    assert finding.state == doctor.NOTE


def test_a_knowledge_base_made_where_a_journal_was_left_has_its_relations(memory: Memory) -> None:
    folder = memory.database.folder
    left(folder, "Paris")
    (folder / "facts.duckdb").unlink()
    again = Memory(folder)
    assert again.create(RELATIONS)
    again.set(Triple("Spain", "capital", "Madrid"))
    assert facts(again) == {("Spain", "capital", "Madrid")}


def test_every_cache_bears_the_id_of_its_knowledge_base(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memllm_cli.memory.search.texts.EXACT", 0)
    folder = memory.database.folder
    memory.set(Triple("France", "capital", "Paris"))
    memory.pack()
    Finder(memory, Letters).find(Query("Frence", "the capitol", None))
    search(memory, "paris")
    for name in ("one.txt", "two.txt"):
        memory.ingest(read_text(name, f"Paris is written of in {name}."), (), "m", "f")
        assert Texts(memory).search("paris")
    texts = Texts(memory, Letters)
    assert texts.complete() == 2
    assert texts.search("paris")
    for name in CACHES:
        head = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        assert head["kb"] == memory.snapshot.id, name
        assert Sidecar(folder, name, memory.snapshot.id).read() is not None
        assert Sidecar(folder, name, "another").read() is None
    assert {p.name for p in ours(folder)} == {p.name for p in folder.iterdir()}
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    for path in list(ours(folder)):
        path.unlink()
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]


def test_a_journal_whose_beginning_is_damaged_is_set_aside_whole(memory: Memory) -> None:
    path = left(memory.database.folder, "Paris")
    path.write_bytes(b"\0\0" + path.read_bytes()[2:])
    other = Memory(memory.database.folder)
    notices: list[str] = []
    other.database.notice = notices.append
    assert facts(other) == set()
    assert len(notices) == 1
    (aside,) = memory.database.folder.glob("facts.journal.damaged-*")
    assert b"Paris" in aside.read_bytes()


def test_a_session_opens_the_database_twice_however_many_edits_it_makes(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    connected = Database.connected

    def counted(self: Database) -> Any:
        opened.append(1)
        return connected(self)

    monkeypatch.setattr(Database, "connected", counted)
    with memory.session():
        for i in range(6):
            memory.set(Triple(f"Land {i}", "capital", "Paris"))
    assert len(opened) <= 2  # when it begins, and when it ends


def test_a_full_disk_keeps_the_journal_and_lets_read(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    kept = journal.Journal(memory.database.journal)
    memory._journal = kept
    memory.set(Triple("France", "capital", "Paris"))
    kept.close()

    def full(*arguments: object) -> None:
        raise duckdb.IOException("Could not write all bytes to file: No space left on device")

    monkeypatch.setattr(Rows, "insert", full)
    other = Memory(memory.database.folder)
    assert facts(other) == {("France", "capital", "Paris")}
    with pytest.raises(StorageError):
        other.set(Triple("France", "capital", "Lyon"))
    monkeypatch.undo()
    other.set(Triple("France", "capital", "Lyon"))
    assert facts(Memory(memory.database.folder)) == {("France", "capital", "Lyon")}


def test_duckdb_still_writes_no_encrypted_file_without_an_extension(tmp_path: Path) -> None:
    """Why there is no encryption at rest (docs/decisions.md): a change here is a reason to look again."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET autoinstall_known_extensions = false")
        with pytest.raises(duckdb.Error, match="read-only crypto"):
            connection.execute(f"ATTACH '{tmp_path / 'x.duckdb'}' AS x (ENCRYPTION_KEY 'a key of enough letters')")
