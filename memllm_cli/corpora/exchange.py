"""Questions with what memory must hold to answer them."""

from __future__ import annotations

from dataclasses import dataclass

from memllm_cli.types import Query, Triple


@dataclass(frozen=True, slots=True)
class Hop:
    """One read: what is asked, what memory returns, and sentences that state it, one a value."""

    query: Query
    values: tuple[str, ...]
    sentences: tuple[str, ...] = ()

    @property
    def facts(self) -> tuple[Triple, ...]:
        """What memory must hold."""
        q = self.query
        return tuple(
            Triple(q.subject, q.relation, v) if q.subject is not None else Triple(v, q.relation, q.object or "")
            for v in self.values
        )


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, the reads that it takes, one after the other, and the answer."""

    question: str
    hops: tuple[Hop, ...]
    answer: str
