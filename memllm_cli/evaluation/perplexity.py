"""Perplexity of annotated texts with and without a memory (MemLLM, section 4.2).

OVERALL counts every token of the text and what opening reads costs; TARGET the tokens of the names that reads are for,
at the places where one is due; ENTITY those of all names.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.corpora.annotated import Annotated
from memllm_cli.corpora.due import Due, due, pieces
from memllm_cli.engine.base import Engine
from memllm_cli.protocol import is_field, written
from memllm_cli.reading.formats import Trained
from memllm_cli.reading.running_text import Read, Running, Wanted
from memllm_cli.types import Triple

COUNTS = ("overall", "target", "entity")


@dataclass(frozen=True, slots=True)
class Measured:
    """A text as it is measured: what comes before it, its tokens, the text before each token, and which tokens are of
    names (`entity`) and of the names that reads are due for (`target`). `due` are those reads by token."""

    start: tuple[int, ...]
    tokens: tuple[int, ...]
    said: tuple[str, ...]
    entity: NDArray[np.bool_]
    target: NDArray[np.bool_]
    due: Mapping[int, Due]


def prepare(text: Annotated, names: Mapping[str, str], format: Trained, longest: int) -> Measured | None:
    """A text cut into tokens as in training, at most `longest`; None when it has no title and the model no start."""
    engine = format.engine
    title = written.header(text.title)
    start = [*engine.bos(), *engine.tokenize(title)]
    if not start:
        return None
    reads = {one.at: one for one in due(text, names, random.Random(f"due/{text.title}"))}
    mentions = {m.start: written.tidy(text.text[m.start : m.end]) for n in text.names for m in n.mentions}
    tokens: list[int] = []
    said: list[str] = []
    so_far = title
    marked: dict[int, int] = {}  # first token of a name: how many
    at_token: dict[int, Due] = {}
    for piece, at in pieces(text, sorted({*reads, *mentions})):
        ids = engine.tokenize(piece)
        if len(start) + len(tokens) + len(ids) > longest:
            break
        if at in mentions:
            lead = len(piece) - len(piece.lstrip())
            marked[len(tokens)] = _covering(engine, ids, lead + len(mentions[at].encode()))
        if at in reads:
            at_token[len(tokens)] = reads[at]
        tokens += ids
        said += [so_far] * len(ids)
        so_far += piece
    entity, target = np.zeros(len(tokens), bool), np.zeros(len(tokens), bool)
    for first, count in marked.items():
        entity[first : first + count] = True
        if first in at_token:
            target[first : first + count] = True
    return Measured(tuple(start), tuple(tokens), tuple(said), entity, target, at_token) if tokens else None


def _covering(engine: Engine, ids: Sequence[int], size: int) -> int:
    """How many of the tokens make up the first `size` bytes."""
    held = 0
    for i, token in enumerate(ids):
        held += len(engine.piece(token))
        if held >= size:
            return i + 1
    return len(ids)


class Given:
    """Reads where they are due, whatever the model would do: its own queries and results, or given ones."""

    def __init__(self, wanted: Wanted, queries: bool = False, answer: bool = False) -> None:
        self.wanted, self.queries, self.answer = wanted, queries, answer
        self.due: Mapping[int, Due] = {}

    def opens(self, at: int, chance: float) -> bool:
        """Exactly where one is due."""
        return at in self.due

    def read(self, at: int, context: Sequence[int], text: str) -> Read | None:
        """With the parts that are given."""
        one = self.due[at]
        queries = one.queries if self.queries else self.wanted.queries(context, text)
        if self.answer:
            return Read(at, queries, one.target[:1])
        values = self.wanted.values(queries, text)
        return Read(at, queries, values) if values else None


@dataclass(slots=True)
class Row:
    """What was measured of some texts: sums of negative log probabilities and counts, a line of each a text."""

    sums: list[tuple[float, float, float]] = field(default_factory=list)
    counts: list[tuple[int, int, int]] = field(default_factory=list)
    reads: int = 0
    returned: int = 0
    """Reads at whose place one is due and whose results hold the name that follows."""
    due: int = 0

    def perplexity(self, chosen: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """OVERALL, TARGET, ENTITY (3,), of all texts or of the chosen ones."""
        sums, counts = np.array(self.sums), np.array(self.counts)
        if chosen is not None:
            sums, counts = sums[chosen], counts[chosen]
        out: NDArray[np.float64] = np.exp(sums.sum(0) / np.maximum(counts.sum(0), 1))
        return out


def measure(running: Running, texts: Sequence[Measured], charged: bool, progress: Callable[[int], None]) -> Row:
    """Follow every text; with `charged` OVERALL pays for opening reads."""
    out = Row()
    for i, text in enumerate(texts):
        if isinstance(running.policy, Given):
            running.policy.due = text.due
        followed = running.follow(text.start, text.tokens, text.said)
        lost = -followed.tokens
        overall = lost.sum() + (followed.cost.sum() if charged else 0.0)
        out.sums.append((float(overall), float(lost[text.target].sum()), float(lost[text.entity].sum())))
        out.counts.append((len(lost), int(text.target.sum()), int(text.entity.sum())))
        out.reads += len(followed.reads)
        out.due += len(text.due)
        for read in followed.reads:
            one = text.due.get(read.at)
            out.returned += one is not None and any(v in read.values for v in one.target)
        progress(i + 1)
    return out


def figures(rows: Mapping[str, Row], seed: int = 0, draws: int = 1000) -> dict[str, dict[str, Any]]:
    """Perplexities of each row with the interval that holds 95 in 100 of those of texts drawn with replacement."""
    first = next(iter(rows.values()))
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, len(first.sums), (draws, len(first.sums)))
    out: dict[str, dict[str, Any]] = {}
    for name, row in rows.items():
        drawn = np.array([row.perplexity(s) for s in samples])
        low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
        out[name] = {
            **{k: round(float(p), 3) for k, p in zip(COUNTS, row.perplexity(), strict=True)},
            "interval": {
                k: (round(float(a), 3), round(float(b), 3)) for k, a, b in zip(COUNTS, low, high, strict=True)
            },
            "reads": row.reads, "due": row.due, "returned": row.returned,
        }  # fmt: skip
    return out


def change(rows: Mapping[str, Row], of: str, against: str, seed: int = 0, draws: int = 1000) -> dict[str, Any]:
    """By how many percent a row's perplexities differ from another's, with the interval of 95 in 100."""
    one, other = rows[of], rows[against]
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, len(one.sums), (draws, len(one.sums)))
    drawn = np.array([one.perplexity(s) / other.perplexity(s) - 1 for s in samples])
    low, high = np.quantile(100 * drawn, (0.025, 0.975), axis=0)
    now = 100 * (one.perplexity() / other.perplexity() - 1)
    return {
        k: {"percent": round(float(p), 1), "interval": (round(float(a), 1), round(float(b), 1))}
        for k, p, a, b in zip(COUNTS, now, low, high, strict=True)
    }


def stated(texts: Sequence[Annotated], names: Mapping[str, str]) -> list[Triple]:
    """The annotated triples of texts, each thing by its longest name."""
    out: dict[Triple, None] = {}
    for text in texts:
        fullest = [written.tidy(max(text.surfaces(i), key=len)) for i in range(len(text.names))]
        for x in text.labels:
            triple = (fullest[x.head], names.get(x.relation, ""), fullest[x.tail])
            if all(map(is_field, triple)) and x.head != x.tail:
                out[Triple(*triple)] = None
    return list(out)
