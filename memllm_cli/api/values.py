"""What the library returns: frozen values, without behaviour that needs the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.types import Query, Triple


@dataclass(frozen=True, slots=True)
class Fact:
    """What memory holds: a statement, when it holds, who states it, and the sentences it rests on."""

    subject: str
    relation: str
    object: str
    status: str = "fact"
    """`fact`; `proposed`, which answers do not use before it is accepted; or `said`, which is not stated: `truth`."""
    truth: str = "stated"
    """How documents mean it: `stated`, `denied`, `planned`, `asked` or `reported`."""
    stated_by: str = "document"
    """`person`, `document` or `import`, the strongest of them."""
    probability: float | None = None
    """That it is right, where a document states it; None for what a person or a table states."""
    valid: tuple[tuple[str | None, str | None], ...] = ((None, None),)
    """From when and until when it holds, each stretch; None is open."""
    evidence: tuple[Evidence, ...] = ()
    """Where documents state it, the newest document first."""

    @property
    def triple(self) -> Triple:
        """The statement alone."""
        return Triple(self.subject, self.relation, self.object)

    def __str__(self) -> str:
        return f"{self.subject} >> {self.relation} >> {self.object}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One support of a fact: the operation that made it, when, who or what, and how sure it was."""

    operation: int
    time: str
    kind: str
    by: str
    note: str = ""
    probability: float | None = None
    source: str = ""
    """The document it was read from."""


@dataclass(frozen=True, slots=True)
class Why:
    """A fact with everything that supports it, the newest first."""

    fact: Fact
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What an operation did: facts that went and facts that came. `Memory.undo(operation)` takes it back."""

    operation: int
    before: tuple[Triple, ...] = ()
    after: tuple[Triple, ...] = ()


@dataclass(frozen=True, slots=True)
class Ingested:
    """What reading came to: the documents read, their facts and proposals counted, and what was left out and why."""

    documents: tuple[str, ...] = ()
    facts: int = 0
    proposals: int = 0
    operations: tuple[int, ...] = ()
    unchanged: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    """Files that could not be read, each with the reason."""
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """A look into the memory while answering: what was asked of it, and the facts it returned."""

    query: Query
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with what it rests on."""

    question: str
    answer: str
    """The answer alone; empty when memory has none."""
    said: str
    """The answer as a person is told it."""
    outcome: str
    """`fact` when it rests on facts, `text` on sentences of documents, `nothing` when memory has none, `talk` else."""
    probability: float | None = None
    evidence: tuple[Evidence, ...] = ()
    """The sentences that carry it."""
    facts: tuple[Fact, ...] = ()
    """The facts that carry it."""
    reads: tuple[Read, ...] = ()
    nearest: tuple[Evidence, ...] = ()
    """Sentences that were near, and do not answer."""

    def __str__(self) -> str:
        return self.said


@dataclass(frozen=True, slots=True)
class Row:
    """One way to satisfy patterns: what the variables stand for, and the facts, one for each pattern."""

    values: Mapping[str, str]
    facts: tuple[Fact, ...]
