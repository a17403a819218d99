"""Random work on a knowledge base that says what it begins and what it has finished, and the memory it must leave.

Each step runs in a process that may die at any moment. Before a step it reports what the step will change, after it
that it is done; so whoever watches knows what must be there, and what may.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from memllm_cli.errors import MemllmError
from memllm_cli.memory.care import doctor
from memllm_cli.memory.edit import identity
from memllm_cli.memory.edit.memory import ImportRow, Memory, Written
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.words import search
from memllm_cli.types import Document, Query, Sentence, Triple
from tests.letters import Letters

Text = tuple[str, str, str]
RELATION, WEBSITE = "member of", "official website"
LIMIT = 300
"""Candidates that a search by similarity looks at."""
RELATIONS = Path(__file__).resolve().parents[2] / "kb" / "relations.csv"


def made(folder: Path) -> Memory:
    """A knowledge base in a folder, new if it is not there."""
    memory = Memory(folder / "kb", timeout=30)
    memory.create(RELATIONS)
    return memory


def letters() -> Letters:
    """An encoder that needs no model."""
    return Letters()


@dataclass
class Expected:
    """The facts that must be there, by what has been reported; `begun` may be there too, wholly or not at all."""

    facts: set[Text] = field(default_factory=set)
    begun: dict[str, Any] | None = None
    done: int = 0

    def hear(self, line: str) -> None:
        """Take in one report."""
        said = json.loads(line)
        if said["state"] == "begin":
            self.begun = said
        elif said["state"] == "refused":
            self.begun = None
        elif self.begun is not None:
            self.facts = self.after(self.begun)
            self.begun = None
            self.done += 1

    def after(self, step: dict[str, Any]) -> set[Text]:
        """The facts when a step is done."""
        return (self.facts - {tuple(t) for t in step["minus"]}) | {tuple(t) for t in step["plus"]}

    def allows(self, facts: set[Text]) -> bool:
        """Whether these facts can be what is there."""
        return facts == self.facts or (self.begun is not None and facts == self.after(self.begun))

    def settle(self, facts: set[Text]) -> None:
        """Go on from what is there."""
        self.facts, self.begun = facts, None


class Work:
    """Steps of all kinds, made at random from a seed; `said` is called with each report."""

    def __init__(self, memory: Memory, seed: int, facts: set[Text], said: Callable[[str], None]) -> None:
        self.memory = memory
        self.chance = random.Random(seed)
        self.facts = set(facts)
        self.seed = seed
        self.count = 0
        self._said = said

    def steps(self) -> Iterator[None]:
        """Do steps for ever."""
        while True:
            name = self.chance.choices(
                ("edits", "edit", "remove", "document", "forget", "undo", "merge", "table", "index", "pack", "words"),
                (6, 4, 2, 4, 1, 2, 1, 2, 1, 1, 1),
            )[0]
            getattr(self, f"_{name}")()
            yield

    def _do(self, plus: set[Text], minus: set[Text], act: Callable[[], Any]) -> None:
        """Report, act, report. What is refused in words has changed nothing."""
        self._say("begin", plus, minus)
        try:
            act()
        except MemllmError:
            self._say("refused", set(), set())
            raise
        self.facts = (self.facts - minus) | plus
        self._say("done", set(), set())

    def _say(self, state: str, plus: set[Text], minus: set[Text]) -> None:
        self._said(json.dumps({"state": state, "plus": sorted(plus), "minus": sorted(minus)}))

    def _name(self) -> str:
        self.count += 1
        return f"Item {self.seed} {self.count}"

    def _edit(self) -> None:
        name = self._name()
        fact = (name, WEBSITE, f"{name}.example".replace(" ", "-"))
        self._do({fact}, set(), lambda: self.memory.set(Triple(*fact)))

    def _edits(self) -> None:
        with self.memory.session():
            for _ in range(self.chance.randint(1, 12)):
                self._edit()
                if self.facts and self.chance.random() < 0.3:  # a correction
                    old = self.chance.choice(sorted(self.facts))
                    if old[1] == WEBSITE:
                        new = (old[0], WEBSITE, f"{self.seed}-{self.count}.example")
                        self._do({new}, {old}, partial(self.memory.set, Triple(*new)))

    def _remove(self) -> None:
        if self.facts:
            fact = self.chance.choice(sorted(self.facts))
            snapshot = self.memory.snapshot
            key = next((f.key for f in snapshot.facts() if snapshot.texts(f) == fact), None)
            if key is not None:
                self._do(set(), {fact}, lambda: self.memory.remove([key]))

    def _document(self) -> None:
        name = self._name()
        facts = {(f"{name} {i}", RELATION, f"{name} club") for i in range(self.chance.randint(1, 6))}
        text = " ".join(f"{s} belongs to {o}." for s, _, o in sorted(facts))
        ends = [i + 1 for i, c in enumerate(text) if c == "."]
        starts = [0, *(e + 1 for e in ends[:-1])]
        sentences = tuple(Sentence(s, e, 1) for s, e in zip(starts, ends, strict=True))
        document = Document(f"/d/{name}.md", name, "text/markdown", name, text, sentences)
        written = [Written(Triple(*f), (i,), 0.9) for i, f in enumerate(sorted(facts))]
        self._do(facts, set(), lambda: self.memory.ingest(document, written, "m", "f"))

    def _forget(self) -> None:
        documents = self.memory.snapshot.documents()
        if documents:
            document = self.chance.choice(documents)
            snapshot = self.memory.snapshot
            facts = snapshot.of_source(document.uri)
            lost = {snapshot.texts(f) for f in facts if all(a.source == document.uri for a in f.supports)}
            self._do(set(), lost, lambda: self.memory.forget(document.uri))

    def _undo(self) -> None:
        snapshot = self.memory.snapshot
        kinds = ("set", "remove", "ingest", "forget", "import", "undo", "merge")
        counting = [o.id for o in snapshot.operations() if snapshot.counts(o.id) and o.kind in kinds][-30:]
        if counting:
            target = self.chance.choice(counting)
            change = self.memory.undo(target, dry_run=True)[1]
            self._do(set(change.after), set(change.before), lambda: self.memory.undo(target))

    def _merge(self) -> None:
        subjects = sorted({f[0] for f in self.facts})
        if len(subjects) > 3:
            first, second = self.chance.sample(subjects, 2)
            change = identity.merge(self.memory, [first], second, dry_run=True)
            self._do(set(change.after), set(change.before), lambda: identity.merge(self.memory, [first], second))

    def _table(self) -> None:
        facts = {(self._name(), RELATION, "Table club") for _ in range(self.chance.randint(1, 8))}
        rows = [ImportRow(Triple(*f)) for f in sorted(facts)]
        self._do(facts, set(), lambda: self.memory.import_facts(rows, "t", person=False))

    def _index(self) -> None:
        self._do(set(), set(), lambda: Finder(self.memory, letters).index())

    def _pack(self) -> None:
        self._do(set(), set(), self.memory.pack)

    def _words(self) -> None:
        self._do(set(), set(), lambda: search(self.memory, "club"))


def held(memory: Memory) -> set[Text]:
    """The facts that reads see, by scan."""
    snapshot = memory.snapshot
    return {snapshot.texts(f) for f in snapshot.facts()}


def wrong(folder: Path, expected: Expected, thorough: bool = False) -> str:
    """What is wrong with a knowledge base after something happened to it; empty when nothing is."""
    if not (folder / "kb" / "facts.duckdb").exists():
        return "" if not expected.facts else "the database is gone"
    memory = made(folder)
    facts = held(memory)
    if not expected.allows(facts):
        wanted = expected.facts
        return f"lost {sorted(wanted - facts)[:3]}, too much {sorted(facts - wanted)[:3]}, begun {expected.begun}"
    expected.settle(facts)
    bad = [f.what for f in doctor.examine(memory, repair=False) if f.state == doctor.BAD]
    if bad:
        return f"doctor: {bad}"
    finder = Finder(memory, letters)
    chosen = random.Random(len(facts)).sample(sorted(facts), min(len(facts), 12))
    for subject, relation, object in chosen:
        found = {h.value for h in finder.find(Query(subject, relation, None)).hits}
        if object not in found:
            return f"not found by name: {subject} >> {relation} >> {object}"
    if thorough and facts:
        subject, relation, object = sorted(facts)[len(facts) // 2]
        index, names = finder.index(), _names(memory)
        near = {h.value for h in finder.find(Query(subject + "s", relation, None)).hits}
        if object not in near and len(names) <= LIMIT:  # of more than that the nearest are looked at
            return f"not found by similarity: {subject} >> {relation} >> {object}"
        if index.count != len(names):
            return f"the index has {index.count} names, the database {len(names)}"
        words = {m.fact.key for m in search(memory, "club")}
        snapshot = memory.snapshot
        wanted_keys = {f.key for f in snapshot.facts() if "club" in snapshot.texts(f)[2]}
        if words != wanted_keys:
            return f"by words {len(words)} facts, by scan {len(wanted_keys)}"
    return ""


def _names(memory: Memory) -> set[int]:
    return {e.id for e in memory.snapshot.entities() if e.kind in ("entity", "text")}


def child(work: Callable[[Callable[[str], None]], None], limit: int | None = None) -> tuple[int, int]:
    """Fork; `work` gets a function that reports. Returns the process and the end of the pipe to read from.

    `limit` is the largest size of a file in bytes; writing beyond it fails as on a full disk.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    code = 1
    try:
        os.close(read)
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        work(lambda line: _write(write, line))
        code = 0
    except MemllmError as error:
        _write(write, json.dumps({"state": "error", "kind": type(error).__name__, "message": error.message}))
        code = 2
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _write(handle: int, line: str) -> None:
    os.write(handle, line.encode() + b"\n")


def heard(handle: int) -> list[str]:
    """Everything a child reported, to its end."""
    with os.fdopen(handle, encoding="utf-8") as pipe:
        return pipe.read().splitlines()


def checked(folder: Path, expected: Expected, thorough: bool = False) -> str:
    """`wrong`, in a process of its own, so that this one never opens a database and stays safe to fork."""

    def look(say: Callable[[str], None]) -> None:
        fault = wrong(folder, expected, thorough)
        say(json.dumps({"fault": fault, "facts": sorted(expected.facts)}))

    pid, pipe = child(look)
    lines = heard(pipe)
    os.waitpid(pid, 0)
    if not lines:
        return "looking at it ended in a crash"
    said = json.loads(lines[-1])
    if "fault" not in said:
        return f"it does not open: {said}"
    expected.settle({tuple(t) for t in said["facts"]})
    return str(said["fault"])


def kill_after(pid: int, seconds: float) -> None:
    """End a process that does not see it coming."""
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)


def end(said: str, faults: Sequence[str]) -> NoReturn:
    """Print what was tried and the first faults; exit with 1 if there are any."""
    print(f"{said}; faults: {len(faults)}")
    for fault in faults[:10]:
        print(fault)
    raise SystemExit(bool(faults))
