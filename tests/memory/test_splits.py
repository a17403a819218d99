"""A split outlives the reading it was made on; readings, copies and undos in any order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.memory.disk.tables import Assertion, DocumentRow, Entity, Move, Operation, Rows
from memllm_cli.memory.edit import identity
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.history.history import History
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.types import Triple
from tests.memory.test_store import document, facts

NAME, OTHER, FIRST_VALUE = 1, 2, 10
HERE, THERE, ELSEWHERE = "/d/here.md", "/d/moved.md", "/d/elsewhere.md"


@dataclass
class Story:
    """A history that is made step by step: readings of documents that say values of one name, splits, undos."""

    history: History = field(default_factory=lambda: History("id", None))
    last: int = 0
    statements: int = 0
    splits: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        entities = [Entity(i, str(i), str(i), "entity", None, 0) for i in (NAME, OTHER, *range(10, 15))]
        self.history.apply(Rows(entities=entities))

    def do(self, kind: str, rows: Rows | None = None, source: str | None = None, target: int | None = None) -> int:
        self.last += 1
        rows = rows or Rows()
        read = rows.documents[0].id if rows.documents else None
        rows.operations.append(Operation(self.last, kind, "", "", target=target, document=read, source=source))
        self.history.apply(rows)
        return self.last

    def read(self, source: str, values: frozenset[int]) -> None:
        made = []
        for value in sorted(values):
            self.statements += 1
            made.append(
                Assertion(self.statements, self.last + 1, "add", NAME, 1, FIRST_VALUE + value, None, None, False)
            )
        row = DocumentRow(self.last + 1, source, "", "", str(sorted(values)), "", self.last + 1)
        self.do("ingest", Rows(assertions=made, documents=[row]), source)

    def split(self, source: str) -> None:
        """Give all that a document says of the name to the other."""
        now = self.now()
        mine = [a for f in now.about(NAME, None) for a in f.supports if a.source == source]
        self.splits.append(self.do("split", self.moves(mine)))

    def moves(self, statements: Iterable[Assertion]) -> Rows:
        return Rows(moves=[Move(a.id, "subject", OTHER, self.last + 1) for a in statements])

    def now(self) -> Snapshot:
        return Snapshot(self.history)

    def said(self) -> dict[int, set[tuple[int, str | None]]]:
        """What is a fact of each name: the value, and the document that supports it."""
        now = self.now()
        return {
            n: {(f.key[2], a.source) for f in now.about(n, None) if f.key[0] == n for a in f.supports}
            for n in (NAME, OTHER)
        }


values = st.frozensets(st.integers(0, 4), min_size=1, max_size=4)
steps = st.lists(
    st.tuples(
        st.sampled_from(["read here", "read there", "read elsewhere", "forget", "undo"]), values, st.integers(1, 30)
    ),
    max_size=8,
)


def go_on(story: Story, todo: list[tuple[str, frozenset[int], int]], readings: dict[str, frozenset[int]]) -> None:
    """Further steps; what was moved begins with the very text that the first path had."""
    for kind, said, target in todo:
        if kind.startswith("read "):
            source = {"here": HERE, "there": THERE, "elsewhere": ELSEWHERE}[kind[5:]]
            if source == THERE and THERE not in readings:
                said = readings[HERE]
            if source == ELSEWHERE:
                said = said | {4}  # never the same text as one of the others
            elif said >= {4}:
                said = said - {4} or frozenset({0})
            readings[source] = said
            story.read(source, said)
        elif kind == "forget":
            story.do("forget", source=HERE)
        elif 1 < target <= story.last and target not in story.splits and story.now().counts(target):
            story.do("undo", target=target)


@given(steps, steps)
def test_what_a_document_says_of_a_name_goes_where_a_split_sent_it(
    before: list[tuple[str, frozenset[int], int]], after: list[tuple[str, frozenset[int], int]]
) -> None:
    story, readings = Story(), {HERE: frozenset({0, 1})}
    story.read(HERE, readings[HERE])
    go_on(story, [s for s in before if s[0] in ("read elsewhere", "read here")], readings)
    split_here = any(source == HERE for _, source in story.said()[NAME])
    story.split(HERE)
    go_on(story, after, readings)
    now = story.said()
    assert all(source != ELSEWHERE for _, source in now[OTHER])
    if split_here:
        assert all(source == ELSEWHERE for _, source in now[NAME])
    together = now[NAME] | now[OTHER]
    undo = story.do("undo", target=story.splits[0])
    apart = story.said()
    assert apart[NAME] == together
    assert apart[OTHER] == set()
    story.do("undo", target=undo)
    assert story.said() == now


@given(values, values, values)
def test_what_was_left_behind_stays_and_what_is_new_stays_with_it(
    first: frozenset[int], moved: frozenset[int], second: frozenset[int]
) -> None:
    """Where not all went one way, only what went goes again."""
    story = Story()
    story.read(HERE, first)
    taken = [a for a in story.history.of_operation(1) if a.object - FIRST_VALUE in moved]
    gone = {a.object for a in taken}
    story.do("split", story.moves(taken))
    story.read(HERE, second)
    stated = {v + FIRST_VALUE for v in second}
    expected = stated if first <= moved else stated & gone
    assert {v for v, _ in story.said()[OTHER]} == expected
    assert {v for v, _ in story.said()[NAME]} == stated - expected


def said(*triples: tuple[str, str, str]) -> list[Written]:
    return [Written(Triple(*t), (0,), 0.9) for t in triples]


BORN, WORKS = ("Mara Lind", "place of birth", "Oxen Bay"), ("Mara Lind", "employer", "Coral Bank")


def split_by_document(memory: Memory) -> int:
    """Two people of one name; the bank's one gets a name of her own."""
    memory.ingest(
        document("Steel.", "/d/steel.md", "s"), said(("Mara Lind", "employer", "Steel Works"), WORKS), "m", "f"
    )
    memory.ingest(document("Bank.", "/d/bank.md", "b1"), said(BORN, WORKS), "m", "f")
    own = memory.snapshot.about(memory.snapshot.named("Mara Lind")[0])
    return identity.split(memory, "Mara Lind", "Mara Lind (bank)", own, source="bank.md").operation


def of_bank(memory: Memory) -> set[tuple[str, str]]:
    return {f[1:] for f in facts(memory) if f[0] == "Mara Lind (bank)"}


def test_a_split_by_document_takes_what_that_document_states_and_no_more(memory: Memory) -> None:
    split_by_document(memory)
    assert of_bank(memory) == {BORN[1:], WORKS[1:]}
    assert {f[1:] for f in facts(memory) if f[0] == "Mara Lind"} == {("employer", "Steel Works"), WORKS[1:]}


def test_a_split_survives_reading_changing_moving_and_forgetting(memory: Memory) -> None:
    made = split_by_document(memory)
    memory.ingest(document("Bank.", "/d/bank.md", "b1"), said(BORN, WORKS), "m", "f")
    assert of_bank(memory) == {BORN[1:], WORKS[1:]}
    lives = ("Mara Lind", "residence", "Taipa")
    memory.ingest(document("Bank now.", "/d/bank.md", "b2"), said(BORN, lives), "m", "f")
    assert of_bank(memory) == {BORN[1:], lives[1:]}
    memory.forget("/d/bank.md")
    assert of_bank(memory) == set()
    memory.ingest(document("Bank now.", "/e/bank.md", "b2"), said(BORN, lives), "m", "f")
    assert of_bank(memory) == {BORN[1:], lives[1:]}
    memory.ingest(document("Bank then.", "/e/bank.md", "b3"), said(("Mara Lind", "residence", "Rome")), "m", "f")
    assert of_bank(memory) == {("residence", "Rome")}
    change = memory.undo(made)[1]
    assert list(change.came) == [("Mara Lind", "residence", "Rome")]
    assert list(change.went) == [("Mara Lind (bank)", "residence", "Rome")]
    memory.undo(change.operation)
    assert of_bank(memory) == {("residence", "Rome")}


def test_a_denial_goes_with_its_document(memory: Memory) -> None:
    memory.ingest(document("Steel.", "/d/steel.md", "s"), said(BORN), "m", "f")
    denied = Written(Triple(*BORN), (0,), 0.9, truth="denied")
    memory.ingest(document("Bank.", "/d/bank.md", "b1"), [*said(WORKS), denied], "m", "f")
    own = memory.snapshot.about(memory.snapshot.named("Mara Lind")[0], None, every=True)
    identity.split(memory, "Mara Lind", "Mara Lind (bank)", own, source="bank.md")
    snapshot = memory.snapshot
    (steel,) = [f for f in snapshot.facts() if snapshot.texts(f) == BORN]
    assert list(steel.against) == []
    again = [*said(WORKS, ("Mara Lind", "residence", "Rome")), denied]
    memory.ingest(document("Bank again.", "/d/bank.md", "b2"), again, "m", "f")
    assert of_bank(memory) == {WORKS[1:], ("residence", "Rome")}


def test_a_second_split_of_what_a_first_one_gave_holds_for_later_readings(memory: Memory) -> None:
    split_by_document(memory)
    snapshot = memory.snapshot
    born = [f for f in snapshot.facts() if snapshot.texts(f) == ("Mara Lind (bank)", *BORN[1:])]
    second = identity.split(memory, "Mara Lind (bank)", "Mara Lind (aunt)", born).operation
    lives = ("Mara Lind", "residence", "Taipa")
    memory.ingest(document("Bank now.", "/d/bank.md", "b2"), said(BORN, WORKS, lives), "m", "f")
    assert ("Mara Lind (aunt)", *BORN[1:]) in facts(memory)
    assert of_bank(memory) == {WORKS[1:]}
    memory.undo(second)
    assert of_bank(memory) == {BORN[1:], WORKS[1:], lives[1:]}


def test_a_split_is_read_from_the_packed_history_too(memory: Memory, tmp_path: Path) -> None:
    split_by_document(memory)
    memory.pack()
    memory.ingest(document("Bank.", "/d/bank.md", "b1"), said(BORN, WORKS), "m", "f")
    assert of_bank(Memory(memory.database.folder)) == {BORN[1:], WORKS[1:]}
