"""What a person says of themselves in a chat, as facts to be kept: "I moved to Lyon in May"; and what a sentence says.

The extractor reads the line as a turn of theirs, as it reads the turns of any talk. Nothing is kept unasked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from memllm_cli.documents.assemble import assemble
from memllm_cli.documents.base import Line, Part
from memllm_cli.memory.edit.memory import ImportRow
from memllm_cli.memory.values.names import normal
from memllm_cli.reading.question import asks
from memllm_cli.types import Document, Triple

if TYPE_CHECKING:
    from memllm_cli.writing.drafts import Found
    from memllm_cli.writing.extracts import Extracts

_OF_SELF = re.compile(r"\b(?:I|[Mm]y|[Mm]ine|[Ww]e|[Oo]ur)\b")
"""Words for the one who speaks: a closed class."""

_AM = re.compile(r"^am\b")
_SHORT = tuple(
    (re.compile(rf"\b(I|[Ww]e)['’]{short}\b"), rf"\1 {whole}")
    for short, whole in (("m", "am"), ("re", "are"), ("ve", "have"), ("ll", "will"))
)


def of_self(line: str) -> bool:
    """Whether a line says something of the person who writes it, and asks nothing."""
    return _OF_SELF.search(line) is not None and not asks(line)


class Stating:
    """Reads lines of one person, whose facts are kept under the name `person`.

    `make` opens the extractor when it is first needed; None where there is none.
    """

    def __init__(self, make: Callable[[], Extracts | None], person: str) -> None:
        self.person = person
        self._make = make
        self._extracts: Extracts | None = None
        self._made = False

    def facts(self, line: str, today: date | None = None) -> list[ImportRow]:
        """The facts that a line states of the person, as rows to be kept; none for a question."""
        if not of_self(line):
            return []
        for short, whole in _SHORT:
            line = short.sub(whole, line)
        day = (today or date.today()).isoformat()
        made = assemble([Part("turn", (Line(1, line),), label=self.person)])
        document = Document("chat:", f"chat {day}", "text/plain", "", made.text, made.sentences, blocks=made.blocks)
        return [
            ImportRow(
                self._of_person(f.triple, line, document.title), valid_from=f.valid_from, valid_to=f.valid_to,
                qualifiers=json.dumps(dict(f.qualifiers)), own=f.own,
            )
            for f in self._found(document)
            if f.truth == "stated"
        ]  # fmt: skip

    def stated(self, sentence: str, title: str, value: str) -> Triple | None:
        """What a sentence of a document states of a value; None where nothing was found that has it."""
        made = assemble([Part("paragraph", (Line(1, sentence),))])
        document = Document("chat:", title, "text/plain", "", made.text, made.sentences, blocks=made.blocks)
        wanted = f" {normal(value)} "
        holding = [
            f
            for f in self._found(document)
            if f.truth == "stated" and ((has := f" {normal(f.triple.object)} ") in wanted or wanted in has)
        ]
        best = max(holding, key=lambda f: f.probability, default=None)
        return best.triple if best is not None else None

    def _found(self, document: Document) -> Sequence[Found]:
        if not self._made:
            self._extracts, self._made = self._make(), True
        if self._extracts is None:
            return ()
        reading = self._extracts.read(document)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                found: Sequence[Found] = end.value
                return found

    def _of_person(self, triple: Triple, line: str, title: str) -> Triple:
        """A statement with what is the person's own under their name: the lease of "my lease" is theirs.

        What has no subject of its own is said of the person, not of the talk.
        """
        subject, object_ = (self._owned(side, line) for side in (triple.subject, triple.object))
        subject = self.person if subject == title else subject
        return Triple(subject, _AM.sub("is", triple.relation), object_)

    def _owned(self, name: str, line: str) -> str:
        bare = re.sub(r"^(?:my|our)\s+", "", name, flags=re.IGNORECASE)
        mine = re.search(rf"\b(?:my|our)\s+{re.escape(bare)}\b", line, re.IGNORECASE)
        return f"{self.person}'s {bare}" if mine and bare[:1].islower() else name
