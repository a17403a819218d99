"""Questions whose answers are in memory, through the path of `memllm ask`, beside the same model without a memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from memllm_cli.answering.answer import Answerer
from memllm_cli.corpora.exchange import Exchange
from memllm_cli.engine.base import Engine, decode
from memllm_cli.memory.edit.memory import ImportRow, Memory
from memllm_cli.prompts import Message, turns
from memllm_cli.reading.events import Done
from memllm_cli.reading.values import says
from memllm_cli.types import Encoder, Triple

SENTENCES = 3
"""Sentences put into the prompt by plain retrieval."""
LONGEST = 48
"""Tokens of an answer without a memory."""


@dataclass(slots=True)
class Tally:
    """Of some questions: how many, how many right by number of hops, and what became of the others."""

    asked: Counter[int] = field(default_factory=Counter)
    right: Counter[int] = field(default_factory=Counter)
    opened: int = 0
    """Reads that the model opened by itself."""
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    """Question, what was wanted, what was answered."""

    def add(self, one: Exchange, answer: str) -> None:
        """Count an answer."""
        hops = len(one.hops)
        self.asked[hops] += 1
        if all(says(answer, value) for value in one.hops[-1].values):
            self.right[hops] += 1
        else:
            self.wrong.append((one.question, ", ".join(one.hops[-1].values), answer))

    def figures(self) -> dict[str, Any]:
        """Shares in percent."""
        return {
            f"{name}_hop{'s' if hops > 1 else ''}": round(100 * self.right[hops] / self.asked[hops], 1)
            for hops, name in ((1, "one"), (2, "two"))
            if self.asked[hops]
        }


def distinct(exchanges: Iterator[Exchange], count: int) -> list[Exchange]:
    """So many exchanges no two of which know one thing twice: what memory returns is then what was written for them."""
    taken: set[tuple[str, str, bool]] = set()
    out: list[Exchange] = []
    for one in exchanges:
        facts = [t for hop in one.hops for t in hop.facts]
        keys = {(t.subject.casefold(), t.relation, True) for t in facts}
        keys |= {(t.object.casefold(), t.relation, False) for t in facts}
        if not keys & taken:
            taken |= keys
            out.append(one)
            if len(out) == count:
                break
    return out


def remember(memory: Memory, exchanges: Sequence[Exchange], others: Sequence[Triple] = ()) -> int:
    """Put what the exchanges are about into a memory, with other facts; returns how many were put."""
    facts = [t for one in exchanges for hop in one.hops for t in hop.facts]
    rows = [ImportRow(t) for t in dict.fromkeys([*facts, *others])]
    memory.import_facts(rows, "evaluation", person=False)
    return len(rows)


def with_memory(answerer: Answerer, exchanges: Sequence[Exchange], progress: Callable[[int], None]) -> Tally:
    """Ask each question by itself."""
    out = Tally()
    for i, one in enumerate(exchanges):
        done = next(e for e in answerer.ask(one.question) if isinstance(e, Done))
        out.add(one, done.answer)
        out.opened += done.wanted
        progress(i + 1)
    return out


def in_prompt(
    engine: Engine, exchanges: Sequence[Exchange], shown: Sequence[Sequence[str]], progress: Callable[[int], None]
) -> Tally:
    """Let the model answer in its own words, with some lines before the question."""
    out = Tally()
    for i, (one, lines) in enumerate(zip(exchanges, shown, strict=True)):
        text = "\n".join([*lines, "", f"Answer shortly: {one.question}"] if lines else [one.question])
        out.add(one, said(engine, [Message("user", text)], LONGEST))
        progress(i + 1)
    return out


def said(engine: Engine, messages: Sequence[Message], longest: int) -> str:
    """The likeliest continuation of a conversation."""
    engine.load(0, turns(engine, messages))
    tokens: list[int] = []
    while len(tokens) < longest:
        token = int(np.argmax(engine.logits(0)))
        if token in engine.stops:
            break
        tokens.append(token)
        engine.feed({0: [token]})
    return decode(map(engine.piece, tokens)).strip()


def nearest(exchanges: Sequence[Exchange], encoder: Encoder, most: int = SENTENCES) -> list[list[str]]:
    """For each question the sentences that are nearest to it, of all that state what the exchanges are about."""
    sentences = list(dict.fromkeys(s for one in exchanges for hop in one.hops for s in hop.sentences))
    near = encoder.embed([one.question for one in exchanges]) @ encoder.embed(sentences).T
    return [[sentences[i] for i in np.argsort(-row)[:most]] for row in near]
