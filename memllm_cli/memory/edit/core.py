"""A knowledge base as a file that processes share: the moment it is at, and the one way to write to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.disk.cache import Sidecar
from memllm_cli.memory.disk.database import Database
from memllm_cli.memory.disk.files import HISTORY
from memllm_cli.memory.disk.journal import Journal
from memllm_cli.memory.disk.lock import TIMEOUT
from memllm_cli.memory.disk.tables import VERSION, Operation, Rows
from memllm_cli.memory.edit.change import Change, between, now
from memllm_cli.memory.edit.statements import Writer
from memllm_cli.memory.history import loading
from memllm_cli.memory.history.history import BULK, History
from memllm_cli.memory.history.snapshot import Snapshot

if TYPE_CHECKING:
    import duckdb

    from memllm_cli.memory.history.packed import Packed

Filler = Callable[[Writer], None]
TYPED = frozenset({"set", "add", "remove", "accept"})
"""Operations whose statements point to no document: nothing needs to be opened to know it."""
_JOURNAL = 8 << 20  # bytes after which a session hands its journal to the database


class Core:
    """One knowledge base. Opens its file only for as long as an operation takes."""

    def __init__(self, folder: Path, timeout: float = TIMEOUT) -> None:
        self.database = Database(folder, timeout)
        self._history: History | None = None
        self._snapshot: Snapshot | None = None
        self._journal: Journal | None = None
        self._moment: int | None = None
        self._past: Snapshot | None = None

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
        if self._moment is None:
            return self._snapshot
        if self._past is None or self._past.history is not self._snapshot.history:
            self._past = self._snapshot.at(self._moment)
        return self._past

    def at(self, operation: int) -> Self:
        """The same knowledge base as it was after an operation; it cannot be written to."""
        past = type(self)(self.database.folder, self.database.lock.timeout)
        past.database.lock.waiting, past.database.notice = self.database.lock.waiting, self.database.notice
        past._moment = operation
        past._history, past._snapshot, past.database.seen = self._history, self._snapshot, self.database.seen
        return past

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The database, ours alone until the block ends. What another process wrote before is not missed."""
        if self._journal is not None:
            self._journal.close()  # it is taken in now
        with self.database.open() as connection:
            if self.database.generation() != self.database.seen:
                self._catch_up(connection)  # closing takes the generation down as seen
            yield connection

    def moment(self, connection: duckdb.DuckDBPyConnection) -> Snapshot:
        """Memory now, for a writer that holds the database open."""
        if self._snapshot is None or self._history is None or self.database.generation() != self.database.seen:
            return self._catch_up(connection)
        return Snapshot(self._history)

    def forget_snapshot(self) -> None:
        """Take in, at the next use, what was written past this memory."""
        self._snapshot = None
        self.database.seen = ()

    def outdate(self) -> None:
        """Have everything read again at its next use."""
        self._history = self._snapshot = None

    def _catch_up(self, connection: duckdb.DuckDBPyConnection) -> Snapshot:
        """The snapshot of what an open database holds."""
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        history = self._history
        if history is not None and (
            history.id != meta["id"]
            or not _continues(connection, history)
            or loading.behind(connection, history.last, history.counts[1])
        ):
            history = None
        if history is None:
            history = self._history = loading.load(connection, self._cache(connection, meta["id"]))
        else:
            history.encoder = meta.get("encoder")
            loading.catch_up(connection, history)
        if self.database.pending is not None and self.database.pending[0].operations[-1].id > history.last:
            history.apply(self.database.pending[0])
        if (
            self._snapshot is None
            or self._snapshot.history is not history
            or (self._snapshot.last_operation != history.last)
        ):
            self._snapshot = Snapshot(history)
        return self._snapshot

    # -- the packed history beside the database ---------------------------------------------------------------------

    def sidecar(self, kb: str = "") -> Sidecar:
        """The packed history, a cache, of the knowledge base with this id; without one of whichever it is."""
        return Sidecar(self.database.folder, HISTORY, kb, schema=VERSION)  # names may be compared otherwise since

    def _kept(self) -> Packed | None:
        """The packed history, if nothing was written since it was made: then no database needs to be opened."""
        head = self.sidecar().head()
        if head is None or tuple(head.get("generation") or ()) != self.database.generation():
            return None
        return self._packed(head)

    def _cache(self, connection: duckdb.DuckDBPyConnection, id: str) -> Packed | None:
        """The packed history of this knowledge base, if its last operation is one of the database's."""
        head = self.sidecar(id).head()
        if head is None:
            return None
        made = connection.execute("SELECT time FROM operations WHERE id = ?", [head["last"]]).fetchall()
        return self._packed(head) if made == [(head.get("at"),)] else None

    def _packed(self, head: dict[str, object]) -> Packed | None:
        whole = self.sidecar().read()
        if whole != head:
            return None
        from memllm_cli.memory.history.packed import Packed

        try:
            packed = Packed.read(self.sidecar().payload)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        packed.head["id"], packed.head["encoder"] = head["kb"], head["encoder"]
        packed.head["generation"] = head["generation"]
        return packed

    def _keep(self) -> None:
        """Keep the history packed beside the database, when enough has come to make that worth it."""
        history = self._history
        if history is None or self.database.pending is not None or history.counts[1] <= BULK:
            return
        head = self.sidecar(history.id).head()
        known = head["count"] if head is not None else 0
        if history.counts[1] - known > max(BULK, known // 8):
            self.pack()

    def pack(self) -> None:
        """Pack the history and keep it beside the database."""
        from memllm_cli.memory.history.packed import Packed
        from memllm_cli.memory.history.packing import repack

        with self.open() as connection:
            if self._history is None:
                self._catch_up(connection)
        history = self._history
        assert history is not None
        if history.packed is None or history.unpacked:
            history.take(repack(history))
        packed = history.packed
        assert packed is not None

        def verify(path: Path) -> None:
            if Packed.read(path).head["last"] != history.last:
                raise ValueError("what was written is not what was meant")

        self.sidecar(history.id).save(
            packed.write, verify, encoder=history.encoder, last=history.last, at=packed.head["at"],
            count=len(packed.statements), generation=list(self.database.seen),
        )  # fmt: skip
        self._snapshot = Snapshot(history)

    # -- the one way to write ------------------------------------------------------------------------------------------

    @contextmanager
    def session(self) -> Iterator[Self]:
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
            self.database.lock.let_go()
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
            writer.rows.operations.append(made)
            return writer.rows

        if self._journal is not None and not dry_run and kind in TYPED | {"undo"}:
            with self.database.lock.quick_turn():
                before = self._ready()
                rows = written(before, None)
                history, self._history = self._history, None  # a Ctrl-C from here on has it read again
                self._journal.append(rows, before.id)
                self.database.journaled(self._journal)
                assert history is not None
                history.apply(rows.light())
                after = Snapshot(history)
                change = between(before, after, rows)
                self._history, self._snapshot = history, after
                return change
        if self._journal is not None:
            self._journal.close()
        with self.database.open() as connection:
            if self._history is None or self.database.generation() != self.database.seen:
                self._catch_up(connection)
            self.database.writable()
            assert self._history is not None
            before = Snapshot(self._history)
            rows = written(before, connection)
            if dry_run:
                self._history.apply(rows.light())
                change = self._change(before, rows).settle()
                self._history.revert(self._history.rows[-1])
                self._snapshot = Snapshot(self._history)
                return change
            connection.execute("BEGIN")
            rows.insert(connection)
            connection.execute("COMMIT")
            return self._applied(before, rows)

    def _ready(self) -> Snapshot:
        """The snapshot an edit of a session starts from, within our turn."""
        assert self._journal is not None
        full = self._journal.size > _JOURNAL
        if self._snapshot is None or self._history is None or full or self.database.generation() != self.database.seen:
            self._journal.close()
            with self.database.connected() as connection:
                self._catch_up(connection)
            self.database.writable()
        history = self._history
        assert history is not None
        assert self._snapshot is not None
        if history.unpacked > max(BULK, history.counts[1] // 8):
            from memllm_cli.memory.history.packing import repack

            history.take(repack(history))
            self._snapshot = Snapshot(history)
        return self._snapshot

    def _applied(self, before: Snapshot, rows: Rows) -> Change:
        assert self._history is not None
        self._history.apply(rows.light())
        return self._change(before, rows)

    def _change(self, before: Snapshot, rows: Rows) -> Change:
        assert self._history is not None
        after = self._snapshot = Snapshot(self._history)
        return between(before, after, rows)


def _continues(connection: duckdb.DuckDBPyConnection, history: History) -> bool:
    """Whether the last operation of a history is the database's, and not one of what was since replaced."""
    last = history.operation(history.last)
    made = connection.execute("SELECT time FROM operations WHERE id = ?", [history.last]).fetchall()
    return last is not None and made == [(last.at,)]
