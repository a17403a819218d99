"""Writing with a trained model: a document as one stream of sentences, each followed by its call.

Text is evaluated once. With drafts the model chooses among the proposed triples; without, it writes freely under the
constraint that names stand in the text. Closing is late (MemLLM, section 3.3): the model's first close ends the call,
but what it would write after it is scored too.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from memllm_cli.engine.base import Engine, log_sum_exp, remembered
from memllm_cli.prompts import FORMAT, write_focus, write_prefix
from memllm_cli.protocol import (
    CLOSE,
    FIELD,
    CallError,
    WriteCall,
    WriteConstraint,
    as_field,
    is_field,
    parse,
    written,
)
from memllm_cli.protocol.constraint import TIGHT
from memllm_cli.protocol.drafted import DraftConstraint
from memllm_cli.types import Triple
from memllm_cli.writing.together import Lane

LONGEST = 768
"""Tokens of a window, as in training."""
ROOM = 96
"""Tokens kept free for a call before a window is full."""
CONTEXT = 2
"""Sentences of the window before that are read again."""
MOST_UNBOUND = 400
"""Tokens of a call that nothing bounds."""
MOST_CHOICES = 40
"""Drafts about one sentence that are looked at."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """A triple the model wrote about a sentence.

    `start` is how much likelier it was to go on than to close when it began (nats), `relation` the log probability of
    the relation's first token, `rest` the mean of the other tokens that were chosen. `kept` is False for what it would
    have written after closing. `choice` is the draft's number, -1 without drafts.
    """

    triple: Triple
    sentence: int
    start: float
    relation: float
    rest: float
    kept: bool
    choice: int = -1


@dataclass(slots=True)
class _Logs:
    """Of the triple that is being written."""

    start: float = 0.0
    relation: float = 0.0
    rest: list[float] = field(default_factory=list)
    kept: bool = True

    def took(self, likely: float, telling: bool) -> None:
        """A token was chosen."""
        if telling:
            self.relation = likely
        else:
            self.rest.append(likely)

    def wrote(self, triple: Triple, sentence: int, choice: int = -1) -> Wrote:
        """The triple is complete."""
        rest = float(np.mean(self.rest)) if self.rest else 0.0
        return Wrote(triple, sentence, self.start, self.relation, rest, self.kept, choice)


Writing = Generator[list[int], None, list[Wrote]]
_Call = Generator[list[int], None, tuple[list[Wrote], list[int]]]
"""Returns what was written, and tokens that are still to be appended."""


class StreamWriter:
    """Writes about sentences with one trained model.

    Without `bound` nothing keeps it to names of the text, to known relations, or
    to calls at all; `malformed` then counts what was no call.
    """

    style = written.STYLE
    format = written.FORMAT

    def __init__(self, engine: Engine, relations: Sequence[str], bound: bool = True) -> None:
        self.engine, self.relations, self.bound = engine, list(relations), bound
        self.malformed = 0
        self.tokens = remembered(engine.tokenize)
        """Ids of a piece of text."""
        self._opening = self.tokens(self.style.opening)
        self._close = self.tokens(self.style.close)
        self._item = self.tokens(self.style.item)
        self.longest = min(LONGEST, engine.context)

    def item(self, triple: Triple) -> tuple[str, ...]:
        """The pieces of a triple in this writer's style."""
        return written.item(triple)

    def window(
        self,
        lane: Lane,
        title: str,
        before: Sequence[str],
        sentences: Sequence[tuple[int, str]],
        drafts: Sequence[Sequence[tuple[int, Triple]]] | None = None,
    ) -> Writing:
        """Write about some sentences of a document, `before` being those right before them.

        `sentences` come with their numbers, `drafts` (number, triple) for each of them; a sentence without drafts is
        read and nothing is asked about it.
        """
        head = [*self.engine.bos(), *self.tokens(written.header(title))]
        context = self._context([self.tokens(written.sentence(s)) for s in before])
        out: list[Wrote] = []
        pending = [*head, *(t for s in context for t in s)]
        for i, (number, text) in enumerate(sentences):
            plain = self.tokens(written.sentence(text))
            room = ROOM if drafts is None else self._room(drafts[i][:MOST_CHOICES])
            if lane.length + len(pending) + len(plain) + room > self.longest:
                lane.rewind(0)
                pending = [*head, *(t for s in context for t in s)]
            context = self._context([*context, plain])
            if len(pending) + len(plain) + ROOM > self.longest:
                continue  # a monstrous sentence is not worth a longer context
            pending += plain
            if drafts is not None and not drafts[i]:
                pending += self._opening + self._close
                continue
            yield pending + self._opening
            if drafts is None:
                free = self._freely if self.bound else self._unbound
                said, pending = yield from free(lane, number, text, title, out)
            else:
                said, pending = yield from self._choose(lane, number, drafts[i][:MOST_CHOICES])
            out += said
        return out

    def _room(self, drafts: Sequence[tuple[int, Triple]]) -> int:
        """Tokens a call with all of the drafts takes; half a window at most."""
        size = sum(len(self.tokens(piece)) for _, t in drafts for piece in self.item(t)) + len(drafts) * len(self._item)
        return min(self.longest // 2, max(ROOM, size + len(self._opening) + len(self._close)))

    def _context(self, sentences: Sequence[list[int]]) -> list[list[int]]:
        """The last sentences, without those that would fill the window."""
        return [s for s in sentences if len(s) <= self.longest // 4][-CONTEXT:]

    def _choose(self, lane: Lane, number: int, drafts: Sequence[tuple[int, Triple]]) -> _Call:
        """All of the drafts in the model's order; leaves the lane where the model first wanted to close."""
        constraint = DraftConstraint(self.tokens, [self.item(t) for _, t in drafts], self.style)
        out: list[Wrote] = []
        logs, pending = _Logs(), list[int]()
        opened, end = lane.length, -1
        begins = True
        while not constraint.done:
            allowed = constraint.allowed()
            best, start = 0, None
            if len(allowed) > 1 or constraint.telling:
                if lane.length + len(pending) >= self.longest:
                    end = opened if end < 0 else end
                    break
                if pending:
                    yield pending
                    pending = []
                likely = lane.pick(allowed)
                if constraint.can_close:
                    at = allowed.index(self._close[0])
                    close = float(likely[at])
                    likely[at] = -np.inf
                    best = int(np.argmax(likely))
                    if self._item[0] in allowed and close > likely[best]:
                        best = allowed.index(self._item[0])  # the name is over: a longer one would be another draft
                    if begins or allowed[best] == self._item[0]:
                        start = float(likely[best]) - close
                else:
                    best = int(np.argmax(likely))
                    logs.took(float(likely[best]), constraint.telling)
            done = len(constraint.finished)
            constraint.advance(allowed[best])
            pending.append(allowed[best])
            begins = False
            if len(constraint.finished) > done:
                choice, triple = drafts[constraint.finished[-1]]
                out.append(logs.wrote(triple, number, choice))
                logs = _Logs()
            if start is not None:
                if end < 0 and start < 0:
                    end = lane.length
                logs.start, logs.kept = start, end < 0
        if end < 0:
            return out, pending
        lane.rewind(end)
        return out, list(self._close)

    def _freely(self, lane: Lane, number: int, text: str, title: str, before: Sequence[Wrote]) -> _Call:
        """Triples whose names stand in the sentence, are the title, or were written before in this document."""
        names = dict.fromkeys([as_field(title), *(n for w in before for n in (w.triple.subject, w.triple.object))])
        constraint = WriteConstraint(
            self.tokens, written.tidy(text), 0, self.relations, extra_names=[n for n in names if is_field(n)],
            written=[w.triple for w in before], style=self.style,
        )  # fmt: skip
        for token in self._opening:
            constraint.advance(token)
        out: list[Wrote] = []
        logs, pending = _Logs(), list[int]()
        while not constraint.done:
            allowed = constraint.allowed()
            best = 0
            if len(allowed) > 1:
                if lane.length + len(pending) + ROOM // 4 >= self.longest:
                    break  # the window is full: the next sentence begins a new one
                if pending:
                    yield pending
                    pending = []
                likely = lane.pick(allowed)
                best = int(np.argmax(likely))
                logs.took(float(likely[best]), constraint.telling)
            done = len(constraint.triples)
            constraint.advance(allowed[best])
            pending.append(allowed[best])
            if len(constraint.triples) > done:
                out.append(logs.wrote(constraint.triples[-1].triple, number))
                logs = _Logs()
        return out, pending

    def _unbound(self, lane: Lane, number: int, text: str, title: str, before: Sequence[Wrote]) -> _Call:
        """Whatever the model writes until it closes; triples with a known relation, if it is a call."""
        said = b""
        token = -1
        limit = min(self.longest - 1, lane.length + MOST_UNBOUND)
        logs = _Logs()
        while CLOSE.encode() not in said and lane.length < limit and token not in self.engine.stops:
            likely = lane.logits()
            token = int(np.argmax(likely))
            logs.rest.append(float(likely[token]) - log_sum_exp(likely))
            said += self.engine.piece(token)
            if token not in self.engine.stops:
                yield [token]
        try:
            call = parse(self.style.opening + said.decode("utf-8", "replace"))
        except CallError:
            self.malformed += 1
            return [], list(self._close) if CLOSE.encode() not in said else []
        triples = call.triples if isinstance(call, WriteCall) else ()
        known = set(self.relations)
        return [logs.wrote(t, number) for t in dict.fromkeys(triples) if t.relation in known], []


class Prompted(StreamWriter):
    """Writes with a model that was not trained for it: instruction and examples before every sentence."""

    style = TIGHT
    format = FORMAT

    def __init__(self, engine: Engine, relations: Sequence[str]) -> None:
        super().__init__(engine, relations)
        self._prefix = write_prefix(engine)
        self.longest = engine.context

    def item(self, triple: Triple) -> tuple[str, ...]:
        """The pieces of a triple in this writer's style."""
        subject, relation, object = (
            as_field(written.tidy(f)) for f in (triple.subject, triple.relation, triple.object)
        )
        return subject, FIELD, relation, FIELD, object

    def window(
        self,
        lane: Lane,
        title: str,
        before: Sequence[str],
        sentences: Sequence[tuple[int, str]],
        drafts: Sequence[Sequence[tuple[int, Triple]]] | None = None,
    ) -> Writing:
        """As of a trained writer; a sentence without drafts is not read."""
        if drafts is None:
            raise ValueError("a model that was not trained for it chooses among drafts only")
        out: list[Wrote] = []
        pending = list(self._prefix)
        for (number, text), proposed in zip(sentences, drafts, strict=True):
            focus = [*write_focus(self.engine, written.tidy(text)), *self._opening]
            if not proposed or len(self._prefix) + len(focus) + ROOM > self.longest:
                continue
            yield pending + focus
            said, _ = yield from self._choose(lane, number, proposed[:MOST_CHOICES])
            out += said
            lane.rewind(len(self._prefix))
            pending = []
        return out
