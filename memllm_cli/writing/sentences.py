"""Writing: sentences in, triples with their spans out, several sentences decoded together.

Every sentence follows the same prefix (instruction and examples), which is evaluated once and shared. A call is
decoded under `protocol.WriteConstraint`, greedily; where one token is possible it is fed without asking. Knows
nothing of documents' files or of the store.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from memllm_cli.engine.base import Engine, remembered
from memllm_cli.memory.values.relations import Relations
from memllm_cli.prompts import write_focus, write_prefix
from memllm_cli.protocol import ITEM, ImpossibleError, WriteConstraint, WrittenTriple, as_field
from memllm_cli.relation_words import STOP, Phrases

MOST_TOKENS = 64
"""A call longer than this is closed by the shortest way."""
CONTEXT = 768
"""Tokens one sentence may use with prefix and call."""


@dataclass(frozen=True, slots=True)
class Task:
    """One sentence to write from. `title` is the document's, which a triple may also name."""

    index: int
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """A triple with the model's probability for a token of it (geometric mean over tokens it chose)."""

    written: WrittenTriple
    probability: float


@dataclass(slots=True)
class _Work:
    task: Task
    constraint: WriteConstraint
    pending: list[int]
    most: int
    logs: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    tokens: int = 0


@dataclass(slots=True)
class Meter:
    """What writing has cost so far."""

    sentences: int = 0
    tokens: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Tokens a second, prompt and call together."""
        return self.tokens / self.seconds if self.seconds else 0.0


_VERBS = frozenset(
    "is are was were be been has have had does did do will shall must may can would should could signed lies lie "
    "there this that these those which who it he she they we you i".split()
)
_EDGES = STOP | _VERBS
_SHORTENED = re.compile(
    r"(?<!\w)((inc|ltd|llc|co|corp|plc|cie|bros|jr|sr|st|ave|rd|dr|mr|mrs|prof|no|vol|dept|ca|etc)|([^\W\d]{1,2}\.)+[^\W\d]{1,2})\.",
    re.IGNORECASE,
)


def namelike(surface: str) -> bool:
    """Whether a span may be a name or a value: no verb or pronoun inside, no small word at either end.

    A full stop at its end belongs to it only after what is written with one (`Inc.`, `U.S.`): else it ends the
    sentence, and the span without it is a name of its own.
    """
    if surface.endswith(".") and not _SHORTENED.fullmatch(surface.split()[-1].lstrip("\"'“”‘’([")):
        return False
    words = [w.strip("\"'“”‘’()[],.").casefold() for w in surface.split()]
    return words[0] not in _EDGES and words[-1] not in _EDGES and not _VERBS.intersection(words)


class Writing(Protocol):
    """Decides what may be written about a sentence."""

    most: int
    """Triples a call is closed after, unless the model closes it before."""
    titles: bool
    """Whether a triple may also name the document's title."""

    def relations(self, sentence: str) -> Sequence[str]:
        """Relations a call about this sentence may use; none means there is nothing to ask the model."""


class Named:
    """For models without a write adapter: one triple a sentence, with a relation that the sentence says in words."""

    most = 1
    titles = False

    def __init__(self, relations: Relations) -> None:
        self._relations = relations
        self._phrases = Phrases(relations)

    def relations(self, sentence: str) -> Sequence[str]:
        """Relations one of whose phrases occurs in the sentence, the one that says most first."""
        return [self._relations.by_id[i].name for i in self._phrases.named(sentence)]


class SentenceWriter:
    """Turns sentences into triples with one model."""

    def __init__(self, engine: Engine, writing: Writing, allow_empty: bool = True) -> None:
        self.engine = engine
        self.writing = writing
        self.allow_empty = allow_empty
        self.meter = Meter()
        self._prefix = write_prefix(engine)
        self._tokens = remembered(engine.tokenize)
        self._item = engine.tokenize(ITEM)[0]

    def write(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, tuple[Scored, ...], str]]:
        """For each task its triples and the call as text, in order of completion."""
        source = iter(tasks)
        began = time.perf_counter()
        self.engine.load(0, self._prefix)
        free = list(range(1, self.engine.sequences)) or [0]
        active: dict[int, _Work] = {}
        exhausted = False
        while True:
            while free and not exhausted:
                task = next(source, None)
                if task is None:
                    exhausted = True
                elif (work := self._begin(task)) is None:
                    self.meter.sentences += 1
                    yield task, (), ""
                else:
                    seq = free.pop()
                    if seq:
                        self.engine.fork(0, seq)
                    else:
                        self.engine.rewind(0, len(self._prefix))
                    active[seq] = work
            if not active:
                break
            batch = {seq: work.pending for seq, work in active.items()}
            self.engine.feed(batch)
            self.meter.tokens += sum(map(len, batch.values()))
            for seq, work in list(active.items()):
                self._step(seq, work)
                if work.constraint.done:
                    del active[seq]
                    free.append(seq)
                    self.meter.sentences += 1
                    self.meter.seconds += time.perf_counter() - began
                    yield work.task, self._result(work), work.constraint.text()
                    began = time.perf_counter()
        self.meter.seconds += time.perf_counter() - began

    def _begin(self, task: Task) -> _Work | None:
        title = as_field(task.title) if self.writing.titles else ""
        relations = self.writing.relations(task.text)
        if not relations:
            return None
        try:
            constraint = WriteConstraint(
                self._tokens,
                task.text,
                0,
                relations,
                extra_names=[title] if title else [],
                allow_empty=self.allow_empty,
                usable=namelike,
            )
        except ImpossibleError:
            return None
        focus = write_focus(self.engine, task.text)
        room = self.engine.context - len(self._prefix) - 3 * MOST_TOKENS
        if len(focus) > room:  # a monstrous sentence is not worth a longer context
            return None
        work = _Work(task, constraint, focus, self.writing.most)
        self._forced(work)
        return work

    def _forced(self, work: _Work) -> None:
        """Feed on while there is only one way."""
        while not work.constraint.done and len(allowed := self._allowed(work)) == 1:
            self._take(work, allowed[0])

    def _allowed(self, work: _Work) -> Sequence[int]:
        """What may come next; no further triple once there are enough."""
        allowed = work.constraint.allowed()
        if len(allowed) > 1 and len(work.constraint.triples) + 1 >= work.most:
            allowed = tuple(t for t in allowed if t != self._item) or allowed
        return allowed

    def _take(self, work: _Work, token: int) -> None:
        before = len(work.constraint.triples)
        work.constraint.advance(token)
        work.pending.append(token)
        work.tokens += 1
        if len(work.constraint.triples) > before:
            work.scores.append(float(np.exp(np.mean(work.logs))) if work.logs else 0.0)
            work.logs = []

    def _step(self, seq: int, work: _Work) -> None:
        work.pending = []
        constraint = work.constraint
        if constraint.done:
            return
        if work.tokens > MOST_TOKENS:
            for token in constraint.closing():
                self._take(work, token)
            return
        allowed = self._allowed(work)
        likely = self.engine.pick(seq, allowed)
        best = int(np.argmax(likely))
        work.logs.append(float(likely[best]))
        self._take(work, allowed[best])
        self._forced(work)

    def _result(self, work: _Work) -> tuple[Scored, ...]:
        scores = [*work.scores, *([0.0] * (len(work.constraint.triples) - len(work.scores)))]
        return tuple(Scored(w, s) for w, s in zip(work.constraint.triples, scores, strict=True))
