"""What turns a document into facts: the drafter, or a language model that writes freely.

Both yield how many sentences they have done, and end with what they found.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from memllm_cli.calibration.drafter import Calibration
from memllm_cli.drafting.draft import Drafted, Drafter
from memllm_cli.drafting.layout import Window
from memllm_cli.drafting.names import Mention
from memllm_cli.memory.values.literals import ENTITY, fits
from memllm_cli.memory.values.relations import Relations
from memllm_cli.pieces import words
from memllm_cli.prompts import FORMAT
from memllm_cli.protocol import is_field
from memllm_cli.relation_words import STOP, stems
from memllm_cli.types import Document, Triple
from memllm_cli.writing.sentences import Meter, Scored, SentenceWriter, Task

FREE_THRESHOLD = 0.35
"""What a model without a write adapter is less sure of is a proposal. The scale is the model's own."""
WORTH = 0.3
"""A draft that is less probable is not kept, not even as a proposal: there would be hundreds a document."""
_LONGEST_NAME = 6  # words
_PRONOUN = re.compile(r"\W*(?:its?|he|she|his|her|they|their)\b", re.IGNORECASE)
_REACH = 6
"""Sentences between a name and a pronoun for it."""
_NAME = re.compile(r"[^\W_][\w'’.&/,-]*( [\w'’.&/,-]+)*")


@dataclass(frozen=True, slots=True)
class Found:
    """A triple of a document, the sentences (by index) that state it, and whether it is sure enough to be a fact.

    `said` holds the ways it was found, each with its probability: a relation can be told from either side.
    """

    triple: Triple
    sentences: tuple[int, ...]
    probability: float
    sure: bool
    said: tuple[tuple[Triple, float], ...] = ()
    provable: bool = True
    """Whether its value can be read and its evidence shows it; without that it is never sure."""
    own: bool = False
    """Whether its relation is in the document's words."""
    truth: str = "stated"
    valid_from: str | None = None
    valid_to: str | None = None
    qualifiers: tuple[tuple[str, str], ...] = ()


class DocumentWriter(Protocol):
    """Writes facts from documents."""

    model: str
    """SHA-256 of what decides."""
    format: str
    least: float
    """Probability below which what it finds is not worth a person's look."""
    meter: Meter

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        """Yield how many sentences are done, return what was found."""

    def tokens(self, text: str) -> int:
        """How many tokens a text has for this writer."""

    def close(self) -> None:
        """Give the memory back."""


class Freely:
    """A language model writes about each sentence, under the constraint that names stand in it."""

    format = FORMAT
    least = 0.0

    def __init__(self, writer: SentenceWriter, relations: Relations, threshold: float = FREE_THRESHOLD) -> None:
        self.writer, self.relations, self.threshold = writer, relations, threshold
        self.model = writer.engine.sha256
        self.meter = writer.meter

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        """One triple a sentence at most; sentences that state the same are put together."""
        tasks = [
            Task(i, " ".join(document.sentence(i).split()), document.title) for i in range(len(document.sentences))
        ]
        found: list[tuple[int, Scored]] = []
        for done, (task, scored, _) in enumerate(self.writer.write(tasks), 1):
            found += [(task.index, s) for s in scored]
            yield done
        return self._gathered(found)

    def tokens(self, text: str) -> int:
        """How many tokens a text has for the model."""
        return len(self.writer.engine.tokenize(text))

    def close(self) -> None:
        """Give the memory back."""
        self.writer.engine.close()

    def _gathered(self, found: Sequence[tuple[int, Scored]]) -> tuple[Found, ...]:
        """One entry for each triple of a document, with all the sentences that state it."""
        sentences: dict[tuple[str, str, str], list[int]] = {}
        first: dict[tuple[str, str, str], Triple] = {}
        probability: dict[tuple[str, str, str], float] = {}
        for index, scored in found:
            triple = scored.written.triple
            key = (triple.subject.casefold(), triple.relation, triple.object.casefold())
            first.setdefault(key, triple)
            sentences.setdefault(key, []).append(index)
            probability[key] = max(probability.get(key, 0.0), scored.probability)
        out = []
        for key, triple in first.items():
            relation, flipped = self.relations.get(triple.relation)
            value = triple.subject if flipped else triple.object
            sure = probability[key] >= self.threshold and _credible(triple, value, relation.object_type)
            out.append(Found(triple, tuple(sorted(set(sentences[key]))), round(probability[key], 4), sure))
        return tuple(out)


def _credible(triple: Triple, value: str, kind: str) -> bool:
    """Whether a triple looks like a fact: names that look like names, a value of its relation's type.

    One name being a part of the other is hardly ever a fact.
    """
    other = triple.object if value == triple.subject else triple.subject
    a, b = f" {other.casefold()} ", f" {value.casefold()} "
    if a in b or b in a or not _proper(other):
        return False
    return _proper(value) if kind == ENTITY else fits(value, kind)


def _proper(name: str) -> bool:
    """Plain words, not too many, the first and the last with a capital, and no bare number."""
    words = name.split()
    ends = (words[0][0], words[-1][0])
    return (
        len(words) <= _LONGEST_NAME
        and _NAME.fullmatch(name) is not None
        and all(c.isupper() or c.isdigit() for c in ends)
        and any(c.isalpha() for c in name)
    )


GoldNames = Callable[[Document, Window], list[list[Mention]]]


class Drafts:
    """The drafter alone. `names` are its relations as they are written.

    What reaches `threshold` is a fact if its evidence shows it: one sentence, or one that begins with a pronoun for
    what was named a little before. What stays below `floor` is dropped; from `fullest` on F1 is
    best.
    """

    format = "draft-1"
    least = WORTH

    def __init__(
        self,
        drafter: Drafter,
        names: Sequence[str],
        calibration: Calibration,
        relations: Relations,
        model: str,
        threshold: float,
        floor: float,
        fullest: float = 0.5,
    ) -> None:
        self.drafter, self.names, self.calibration, self.relations = drafter, names, calibration, relations
        self.model, self.threshold, self.floor = model, threshold, floor
        self.fullest = fullest
        self.gold: GoldNames | None = None
        """Gives the names of a window of a document instead of the tagger, for evaluation."""
        self.meter = Meter()

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        """Names and relations of the whole document; below `floor` a triple is not even a proposal."""
        began = time.perf_counter()
        ranges = [(s.start, s.end) for s in document.sentences]
        gold = partial(self.gold, document) if self.gold else None
        drafted = yield from self.drafter.drafting(document.text, ranges, gold=gold)
        self.meter.sentences += len(ranges)
        self.meter.tokens += self.drafter.tokens
        self.meter.seconds += time.perf_counter() - began
        return self._found(document, drafted)

    def tokens(self, text: str) -> int:
        """How many word pieces a text has."""
        return sum(len(self.drafter.vocabulary.pieces(text[w.start : w.end])) for w in words(text))

    def close(self) -> None:
        """Give the memory back."""
        self.drafter.close()

    def _found(self, document: Document, drafted: Sequence[Drafted]) -> tuple[Found, ...]:
        best: dict[tuple[str, str, str], Found] = {}
        sentences = [document.sentence(i) for i in range(len(document.sentences))]
        for d in drafted:
            probability = round(self.calibration.probability(d), 4)
            subject, object = (_kept(name.strip(" ,;:"), document.text) for name in (d.subject, d.object))
            if probability < self.floor or not (_names(subject) and _names(object)):
                continue
            said = Triple(subject, self.names[d.relation], object)
            relation, flipped = self.relations.get(said.relation)
            head, tail = (object, subject) if flipped else (subject, object)
            readable = relation.object_type == ENTITY or fits(tail, relation.object_type)
            provable = readable and _shown(document, d.sentences)
            sure = provable and probability >= self.threshold
            shown = d.sentences
            if not provable and not d.together and probability >= WORTH:
                shown = _telling(sentences, said, stems(relation.name)) or shown
            key = (head.casefold(), relation.name, tail.casefold())
            ways = (*(best[key].said if key in best else ()), (said, probability))
            if key not in best or best[key].probability < probability:
                triple = Triple(head, relation.name, tail)
                best[key] = Found(triple, shown, probability, sure, ways, provable)
            else:
                best[key] = replace(best[key], said=ways)
        return tuple(sorted(best.values(), key=lambda f: -f.probability))


_ONWARD = re.compile(r"\s+(?:for|with|under|by)\s+")
OFTEN = 3
"""Times that a document has a name, so that a longer one that begins with it is an accident."""


def _names(text: str) -> bool:
    """Whether a text can stand in a call and is more than a small word."""
    return is_field(text) and text not in STOP and (len(text) == 1 or text.casefold() not in STOP)


def _kept(name: str, text: str) -> str:
    """A name without what follows it once: of "Beacon Agreement for Orrery Ltd" what is named elsewhere too."""
    first = _ONWARD.split(name, maxsplit=1)[0]
    if first == name or " " not in first or text.count(name) > 1 or text.count(first) < OFTEN:
        return name
    return first


def _telling(sentences: Sequence[str], said: Triple, words: set[str]) -> tuple[int, ...]:
    """For names that stand apart: a sentence with one of them and with words of the relation, and the nearest before it
    with the other; empty when there is none."""
    for here, there in ((said.object, said.subject), (said.subject, said.object)):
        for i, sentence in enumerate(sentences):
            if here in sentence and words & stems(sentence.replace(here, " ")):
                before = next((j for j in range(i, -1, -1) if there in sentences[j]), None)
                if before is not None:
                    return tuple(dict.fromkeys((i, before)))
    return ()


def _shown(document: Document, sentences: Sequence[int]) -> bool:
    """Whether a reader of the evidence sees what it states."""
    apart = max(sentences) - min(sentences)
    return not apart or (apart <= _REACH and _PRONOUN.match(document.sentence(max(sentences))) is not None)
