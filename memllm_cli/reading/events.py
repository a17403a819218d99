"""What happens while the program answers, as values. Screens, `--json` and servers are renderers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.search.find import Hit
from memllm_cli.types import Query

GAP, DOUBT = "[…]", "[?]"
"""How a text shows what memory does not have, and behind a word that it rests on nothing."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer. `backed` is True when it is a value or a sentence out of the memory."""

    text: str
    backed: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """A text begins in the model's words: reads will stand in it, and pieces of it follow each."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What a text that is being written lacks: memory had nothing for this question. With "" the word before it is the
    model's own and rests on nothing."""

    question: str


@dataclass(frozen=True, slots=True)
class Noted:
    """The name before it stands in a passage that was found for the request, by its number among them (from 0)."""

    number: int


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A read opens: what is asked of the memory."""

    query: Query


@dataclass(frozen=True, slots=True)
class Source:
    """One fact that a read returned, with where it is stated."""

    hit: Hit
    triple: tuple[str, str, str]
    evidence: tuple[Evidence, ...]
    many: bool = True
    """Whether the side asked for takes many values; if not, several values contradict each other."""

    @property
    def origin(self) -> str:
        """Who or what states it, for people."""
        place = self.evidence[0].place if self.evidence else ""
        if self.hit.fact.person:
            return f"stated by you; {place}" if place else "stated by you"
        return place or "imported, without a document"


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What the memory answered, best first; empty when it has nothing."""

    query: Query
    sources: tuple[Source, ...]
    too_many: bool = False
    proposals: int = 0
    """Facts that would answer but wait to be accepted."""


@dataclass(frozen=True, slots=True)
class TextCall:
    """A search in the texts of documents opens, for these words."""

    words: str


@dataclass(frozen=True, slots=True)
class TextResult:
    """Sentences of documents, best first, with how likely each answers (none where nothing was asked yet); those that
    answer come first.

    `answering` is how many of them do.
    """

    places: tuple[Evidence, ...]
    probabilities: tuple[float, ...]
    answering: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete. `evaluated` counts prompt tokens that were not in the kept context."""

    answer: str
    reads: int
    evaluated: int
    generated: int
    seconds: float
    first: float
    """Seconds until the first piece of the answer."""
    interrupted: bool = False
    style: str = "grounded"
    """`free` when the model wrote the answer in its own words; it may then say what the memory does not."""
    backed: bool = False
    """Whether the answer states, or in the model's words holds, a value that the last read returned."""
    outcome: str = "talk"
    """`fact` when it rests on facts, `text` when on sentences of documents, `nothing` when memory has no answer, `talk`
    for words that rest on nothing."""
    value: str = ""
    """The answer alone, without a sentence around it."""
    sources: tuple[Source, ...] = ()
    """The facts that carry the answer, best first."""
    evidence: tuple[Evidence, ...] = ()
    """The sentences of documents that carry an answer from text, best first."""
    probability: float | None = None
    """That the answer is right, where it was pointed at."""
    otherwise: tuple[str, Evidence] | None = None
    """What another document answers instead, and where it says so."""
    values: tuple[tuple[str, str], ...] = ()
    """Of a text that was written: each value that was read for it, with the question that it answers."""
    missing: tuple[str, ...] = ()
    """What memory was asked for in it and does not have."""
    doubted: tuple[str, ...] = ()
    """And names, numbers and dates in it that rest on nothing."""
    noted: tuple[tuple[str, Evidence], ...] = ()
    """Names in it that no read gave, with the passage found for the request that has them."""
    wanted: bool = False
    """Whether a model that was trained to read opened the first read by itself."""
    opened: Sequence[float] = ()
    """How likely a model that was trained to read found a read, each time it could begin one."""
    weighed: Sequence[float] = ()
    """What a second read that memory could answer was decided by (`Weights.features`); empty when there was none."""


Event = Begun | Text | Gap | Noted | ReadCall | ReadResult | TextCall | TextResult | Done
