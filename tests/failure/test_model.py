"""Random operations on a knowledge base against plain dictionaries: equal by scan, by index, after reopening.

MEMLLM_EXAMPLES and MEMLLM_STEPS say how many and how long; CI runs 500 of 50 (`make test-failure`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from memllm_cli.errors import MemllmError
from memllm_cli.memory.edit import identity
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.types import Document, Sentence, Triple
from tests.failure.work import RELATIONS

NAMES = ("Ada", "Bex", "Cyd", "Dov", "Eli")
USED = ("capital", "child", "head of state")
names, relations = st.sampled_from(NAMES), st.sampled_from(USED)
Fact = tuple[str, str, str]


@dataclass
class Step:
    """One operation as the model has it."""

    kind: str
    facts: list[tuple[str, Fact, bool, bool]] = field(default_factory=list)
    """Action, fact, whether it clears objects, whether subjects."""
    source: str = ""
    target: int = 0
    merge: tuple[str, str] = ("", "")


def expected(steps: dict[int, Step]) -> set[Fact]:
    """The memory that these operations leave."""
    off: set[int] = set()
    for number, step in sorted(steps.items(), reverse=True):
        if step.kind == "undo" and number not in off:
            off.add(step.target)
    whole: dict[str, str] = {}

    def end(name: str) -> str:
        while name in whole:
            name = whole[name]
        return name

    counting = {n: s for n, s in sorted(steps.items()) if n not in off}
    for step in counting.values():
        if step.kind == "merge" and end(step.merge[0]) != end(step.merge[1]):
            whole[end(step.merge[0])] = end(step.merge[1])
    support: dict[Fact, set[str]] = {}
    removed: set[Fact] = set()
    for step in counting.values():
        if step.source:
            for sources in support.values():
                sources.discard(step.source)
            support = {f: s for f, s in support.items() if s}
        for action, (s, r, o), objects, subjects in step.facts:
            fact = (end(s), r, end(o))
            if action == "remove":
                support.pop(fact, None)
                removed.add(fact)
                continue
            for other in [f for f in support if f[1] == r and f != fact]:
                if (objects and other[0] == fact[0]) or (subjects and other[2] == fact[2]):
                    del support[other]
                    removed.add(other)
            if not step.source:
                removed.discard(fact)
            if fact not in removed:
                support.setdefault(fact, set()).add(step.source or "person")
    return set(support)


class Machine(RuleBasedStateMachine):
    """The store and its model, driven together."""

    template: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="memllm-model-"))
        self.steps: dict[int, Step] = {}
        self.merged: set[str] = set()

    @initialize()
    def begin(self) -> None:
        if Machine.template is None:
            Machine.template = Path(tempfile.mkdtemp(prefix="memllm-template-")) / "kb"
            Memory(Machine.template).create(RELATIONS)
        shutil.copytree(Machine.template, self.folder / "kb")
        self._open()
        for name in NAMES:  # ids that the model can rely on
            self._keep(Step("set", [("add", (name, "child", name), False, False)]),
                       self.memory.set(Triple(name, "child", name), "add").operation)  # fmt: skip

    def _open(self) -> None:
        self.memory = Memory(self.folder / "kb")
        self.session: Any = self.memory.session()
        self.session.__enter__()

    def _keep(self, step: Step, operation: int) -> None:
        self.steps[operation] = step

    @rule(s=names, r=relations, o=names, mode=st.sampled_from(("auto", "replace", "add")))
    def set(self, s: str, r: str, o: str, mode: str) -> None:
        relation, _ = self.memory.snapshot.relations.get(r)
        objects = mode != "add" and (relation.one_object or mode == "replace")
        subjects = mode != "add" and relation.one_subject
        made = self.memory.set(Triple(s, r, o), mode).operation
        self._keep(Step("set", [("set", (s, r, o), objects, subjects)]), made)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        facts = sorted(expected(self.steps))
        if facts:
            fact = data.draw(st.sampled_from(facts))
            snapshot = self.memory.snapshot
            key = next(f.key for f in snapshot.facts() if snapshot.texts(f) == fact)
            self._keep(Step("remove", [("remove", fact, False, False)]), self.memory.remove([key]).operation)

    @rule(source=st.sampled_from("ab"), said=st.lists(st.tuples(names, relations, names), min_size=1, max_size=3))
    def ingest(self, source: str, said: list[Fact]) -> None:
        document = Document(f"/{source}", source, "text/plain", str(len(self.steps)), "Said.", (Sentence(0, 5, 1),))
        made = self.memory.ingest(document, [Written(Triple(*f), (0,), 0.9) for f in said], "m", "f").operation
        self._keep(Step("ingest", [("add", f, False, False) for f in said], source), made)

    @rule(source=st.sampled_from("ab"))
    def forget(self, source: str) -> None:
        self._keep(Step("forget", source=source), self.memory.forget(f"/{source}").operation)

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(sorted(self.steps)))
        try:
            _, change = self.memory.undo(target)
        except MemllmError:
            return  # it is undone already
        self._keep(Step("undo", target=target), change.operation)

    @rule(a=names, b=names)
    def merge(self, a: str, b: str) -> None:
        try:
            made = identity.merge(self.memory, [a], b).operation
        except MemllmError:
            return  # one already
        self._keep(Step("merge", merge=(a, b)), made)

    @rule()
    def reopen(self) -> None:
        self.session.__exit__(None, None, None)
        self._open()

    @rule()
    def pack(self) -> None:
        self.memory.pack()

    @invariant()
    def same(self) -> None:
        if not self.steps:
            return
        wanted = expected(self.steps)
        snapshot = self.memory.snapshot
        assert {snapshot.texts(f) for f in snapshot.facts()} == wanted
        for name in NAMES:
            (entity,) = snapshot.named(name)
            shown = snapshot.name(entity)
            about = {snapshot.texts(f) for f in snapshot.about(entity)}
            assert about == {f for f in wanted if shown in (f[0], f[2])}
            for relation in USED:
                number = snapshot.relations.get(relation)[0].id
                objects = {snapshot.texts(f)[2] for f in snapshot.values(number, subject=entity)}
                assert objects == {f[2] for f in wanted if f[:2] == (shown, relation)}

    def teardown(self) -> None:
        if self.steps:
            self.session.__exit__(None, None, None)
        shutil.rmtree(self.folder)


Machine.TestCase.settings = settings(
    max_examples=int(os.environ.get("MEMLLM_EXAMPLES", "15")),
    stateful_step_count=int(os.environ.get("MEMLLM_STEPS", "25")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestMemoryAgainstAModel = Machine.TestCase
