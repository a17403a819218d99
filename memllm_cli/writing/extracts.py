"""Prose becomes facts: the extractor says what is stated of what, and how it is meant; the drafter names relations."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from memllm_cli.calibration.extractor import Extracting
from memllm_cli.extracting.extractor import STANDS_FOR, Extractor, Pair, Statement
from memllm_cli.memory.disk.tables import ENDED
from memllm_cli.memory.edit.statements import is_name, is_sayable
from memllm_cli.memory.values.names import is_role, normal
from memllm_cli.memory.values.relations import Relations
from memllm_cli.pieces import words
from memllm_cli.types import Document, Triple
from memllm_cli.writing.drafts import Drafts, Found
from memllm_cli.writing.lines import lines
from memllm_cli.writing.sentences import Meter
from memllm_cli.writing.times import day_of, resolved

Read = TypeVar("Read")
ALONE = 0.85
"""Probability from which on what the drafter alone finds is kept."""
PLACES = frozenset(
    ("country", "located in the administrative territorial entity", "contains administrative territorial entity")
)
"""Relations that the drafter sees between a name and every place near it."""
_MYSELF = frozenset("i me my mine myself".split())
_BE = frozenset("is are was were be".split())
_BE_LAST = re.compile(r"(?<=\w) (?:is|are|was|were|be)$", re.IGNORECASE)
_JOINS = re.compile(r"(?:\s+(?:of|under|for|the|its|'s|’s))+\s*$|^\s*(?:'s|’s)(?=\s)", re.IGNORECASE)
_PART_OF = re.compile(r"(?P<part>[^,;]{2,40}?) (?:of|under) (?:the )?(?P<thing>[A-Z][\w'’&.-]*(?: [\w'’&.-]+){0,5})")
CALLED, SHORT = "called", 4
"""The relation of a thing to another name for it, and the words such a name can have."""
PROPOSALS = 10
"""Proposals for each thousand words at most, the likeliest."""
_ARTICLE = re.compile(r"^(?:the|a|an)\s+(?=\S)", re.IGNORECASE)
_ENDS = re.compile(r"^[\s\"'“”‘’(\[*_`]+|[\s\"'“”‘’)\]*_`.,;:!?]+$")


class Extracts:
    """The extractor's statements, and among them the relations that the drafter knows.

    A relation the drafter is sure of takes the place of the words for it.
    """

    format = "extract-1"

    def __init__(
        self, extractor: Extractor, extracting: Extracting, model: str, relations: Relations, drafts: Drafts | None
    ) -> None:
        self.extractor, self.extracting, self.model = extractor, extracting, model
        self.relations, self.drafts = relations, drafts
        self.least = extracting.least
        self.meter = Meter()

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        """Yield how many sentences are done, return what was found, by place."""
        began = time.perf_counter()
        read, numbers = lines(document)
        known: tuple[Found, ...] = ()
        if self.drafts is not None:
            known = tuple(f for f in (yield from _half(self.drafts.read(document))) if f.sure)
        place = {number: at for at, number in enumerate(numbers)}
        pairs = {id(k): Pair(place.get(k.sentences[0], -1), k.triple.subject, k.triple.object) for k in known}
        reading = self.extractor.reading(read, pairs=[p for p in pairs.values() if p.sentence >= 0])
        statements = yield from (_half(reading, len(numbers) // 2) if self.drafts is not None else reading)
        day = _day(document)
        known = tuple(self._meant(k, pairs[id(k)], day) for k in known)
        found = [f for s in statements if (f := self._found(s, document, numbers, day)) is not None]
        out = _one_way(_once(_defined(self._named(found, known))))
        size = len(document.text.split())
        self.meter.sentences += len(numbers)
        self.meter.tokens += self.extractor.tokens
        self.meter.seconds += time.perf_counter() - began
        return _limited(out, max(1, PROPOSALS * size // 1000))

    def tokens(self, text: str) -> int:
        """How many word pieces a text has."""
        return sum(len(self.extractor.vocabulary.pieces(text[w.start : w.end])) for w in words(text))

    def close(self) -> None:
        """Give the memory back."""
        if self.drafts is not None:
            self.drafts.close()

    def _found(self, s: Statement, document: Document, numbers: Sequence[int], day: date | None) -> Found | None:
        probability = round(self.extracting.weighed(self._features(s)), 4)
        subject = _speaker(s, document, numbers) or _bare(s.subject) or document.title
        object_, relation = _bare(s.object), _relation(s.relation, subject)
        if probability < self.least or not all(map(_names, (subject, object_))) or not relation:
            return None
        if normal(subject) == normal(object_):
            return None
        since, until = (resolved(x, day) if x else None for x in (s.since, s.until))
        if since is not None and since == until:
            since = None  # one time, taken for both ends
        over = [(ENDED, "yes")] if s.ended and until is None else []
        if over:
            until = _before(day)
        more = [("words", s.words)] if s.words and normal(_bare(s.words)) != normal(subject) else []
        more += [(k, v) for k, v in (("when", s.when), ("by", s.by)) if v]
        if s.about:
            more.append(("about", "yes"))
        more += over
        place = tuple(dict.fromkeys((numbers[s.sentence], *(numbers[n] for n in s.chain))))
        return Found(
            _of_thing(Triple(subject, relation, object_)), place, probability,
            probability >= self.extracting.fact, own=True, truth=s.truth, valid_from=since, valid_to=until,
            qualifiers=tuple(more),
        )  # fmt: skip

    def weighed(self, document: Document) -> list[tuple[Found, tuple[float, ...]]]:
        """Everything that the extractor finds, with the features of its probability: for fitting."""
        read, numbers = lines(document)
        day = _day(document)
        statements = self.extractor.statements(read)
        found = ((self._found(s, document, numbers, day), self._features(s)) for s in statements)
        return [(f, features) for f, features in found if f is not None]

    def _features(self, s: Statement) -> tuple[float, ...]:
        return self.extracting.features(s.scores, len(s.object.split()))

    def _meant(self, known: Found, pair: Pair, day: date | None) -> Found:
        """What the drafter found, as its sentence means it."""
        truth, ended = self.extractor.meant.get(pair, ("stated", False))
        if not ended:
            return replace(known, truth=truth)
        return replace(known, truth=truth, valid_to=_before(day), qualifiers=((ENDED, "yes"),))

    def _named(self, found: Sequence[Found], known: Sequence[Found]) -> list[Found]:
        """Statements with the names of known relations where the drafter gives one of the same two things.

        What it alone finds is kept where it is very sure, as its sentence means it; but not in which place or country a
        thing lies, which it says of everything near the name of one.
        """
        by_sentence: dict[int, list[int]] = {}
        for i, f in enumerate(found):
            by_sentence.setdefault(f.sentences[0], []).append(i)
        out = list(found)
        alone: list[Found] = []
        for k in known:
            near = [i for n in k.sentences for i in by_sentence.get(n, ())]
            same = next((i for i in near if _says(found[i].triple, k.triple)), None)
            if same is not None and out[same] is found[same]:
                both = max(found[same].probability, k.probability)
                out[same] = replace(
                    found[same], triple=k.triple, probability=both, sure=True, own=False, said=k.said,
                    qualifiers=tuple(q for q in found[same].qualifiers if q[0] != "words"),
                )  # fmt: skip
            elif same is None and k.probability >= ALONE and k.triple.relation not in PLACES:
                alone.append(k)
        return out + alone


def _half(reading: Generator[int, None, Read], before: int = 0) -> Generator[int, None, Read]:
    """A reading that is one of two: what it has done counts half, beside what was done `before`."""
    while True:
        try:
            done = next(reading)
        except StopIteration as end:
            found: Read = end.value
            return found
        yield before + done // 2


@dataclass(frozen=True, slots=True)
class _Key:
    subject: str
    relation: str
    object: str
    truth: str


_DATE_IN = re.compile(r"\b(?:1[89]|20)\d\d-[01]\d-[0-3]\d\b")


def _day(document: Document) -> date | None:
    """The document's own date: in its title, or in the first key-value line that gives one."""
    pairs = (document.block(n).partition(":")[2] for n, b in enumerate(document.blocks[:60]) if b.kind == "pair")
    return day_of([*_DATE_IN.findall(document.title), *pairs])


def _speaker(s: Statement, document: Document, numbers: Sequence[int]) -> str:
    """Who says "I" or "my" in talk: the one whose turn it is; "" for any other words."""
    if s.words.casefold() not in _MYSELF:
        return ""
    at = document.block_at(document.sentences[numbers[s.sentence]].start)
    block = document.blocks[at] if at is not None else None
    return block.label if block is not None and block.kind == "turn" else ""


def _before(day: date | None) -> str:
    """The day before a document's own, or before today: the last one on which what is over can have held."""
    return ((day or date.today()) - timedelta(1)).isoformat()


def _bare(text: str) -> str:
    """A name without article, quotes and stops around it."""
    before = None
    while before != text:
        before, text = text, _ARTICLE.sub("", _ENDS.sub("", text))
    if text.count("(") > text.count(")"):
        text += ")"
    return text


def _relation(text: str, subject: str) -> str:
    """A relation without the name of its subject in it, and without what joins the two: "capital of Norland is"."""
    name = " ".join(_ENDS.sub("", text).split())
    before, here, after = f" {name} ".partition(f" {subject} ")
    if here:
        name = _JOINS.sub("", before).strip() or _JOINS.sub("", after).strip() or name
    name = _ARTICLE.sub("", _BE_LAST.sub("", name))
    return name if is_name(name) and is_sayable(name) and len(name) <= 80 else ""


def _names(text: str) -> bool:
    return is_name(text) and is_sayable(text) and text.casefold() not in STANDS_FOR


def _says(statement: Triple, known: Triple) -> bool:
    """Whether a statement is of the same two things as a known one: the same value, of a thing in its subject."""
    s, o = f" {normal(statement.subject)} ", f" {normal(statement.object)} "
    for subject, object_ in ((known.subject, known.object), (known.object, known.subject)):
        a, b = f" {normal(subject)} ", f" {normal(object_)} "
        if a in s and (b in o or o in b):
            return True
    return False


def _of_thing(triple: Triple) -> Triple:
    """ "The fee of Acme is 5" as what it says of Acme: its fee is 5."""
    match = _PART_OF.fullmatch(triple.subject)
    if match is None or triple.relation not in _BE:
        return triple
    part = match["part"]
    return Triple(match["thing"], part, triple.object) if is_sayable(part) and is_name(part) else triple


def _once(found: Sequence[Found]) -> list[Found]:
    """What is said several times is one, with all its sentences; what another of its sentence says too is left out."""
    best: dict[_Key, Found] = {}
    for f in found:
        key = _Key(normal(f.triple.subject), normal(f.triple.relation), normal(f.triple.object), f.truth)
        other = best.get(key)
        if other is None:
            best[key] = f
        else:
            places = tuple(dict.fromkeys((*other.sentences, *f.sentences)))
            first = other if other.probability >= f.probability else f
            best[key] = replace(first, sentences=places)
    out = list(best.values())
    inside: dict[tuple[str, str, int], list[str]] = {}
    for f in out:
        if f.truth == "stated":
            at = (normal(f.triple.subject), normal(f.triple.relation), f.sentences[0])
            inside.setdefault(at, []).append(f" {normal(f.triple.object)} ")

    def follows(f: Found) -> bool:
        """Whether the same is said with a longer object that holds this one's."""
        mine = f" {normal(f.triple.object)} "
        at = (normal(f.triple.subject), normal(f.triple.relation), f.sentences[0])
        return any(mine != o and mine in o for o in inside.get(at, ()))

    return [f for f in out if not follows(f)]


def _one_way(found: Sequence[Found]) -> list[Found]:
    """Of a relation that is found both ways between two things of one sentence neither is sure."""
    said = {(normal(f.triple.subject), f.triple.relation, normal(f.triple.object), f.sentences[0]) for f in found}

    def both(f: Found) -> bool:
        return (normal(f.triple.object), f.triple.relation, normal(f.triple.subject), f.sentences[0]) in said

    return [replace(f, sure=False) if f.sure and both(f) else f for f in found]


def _gives_name(f: Found) -> bool:
    """Whether a statement gives a thing another name of its own: not one of a role, which belongs to its document."""
    name = f.triple.object
    own = name[:1].isupper() and len(name.split()) <= SHORT and not is_role(normal(name))
    return f.own and f.sure and f.truth == "stated" and f.triple.relation == CALLED and own


def _defined(found: Sequence[Found]) -> list[Found]:
    """Statements about the Harbour Lease, of "this lease, called the Harbour Lease": words give way to the name."""
    names = {
        normal(f.triple.subject): f.triple.object for f in found if _gives_name(f) and f.triple.subject[:1].islower()
    }
    out = []
    for f in found:
        subject, object_ = (names.get(normal(x), x) for x in (f.triple.subject, f.triple.object))
        if normal(subject) != normal(object_):
            out.append(replace(f, triple=Triple(subject, f.triple.relation, object_)))
    return out


def aliases(found: Sequence[Found]) -> list[tuple[str, str]]:
    """Other names that a text gives its things, as in brackets: (name, other name)."""
    return [(f.triple.subject, f.triple.object) for f in found if _gives_name(f) and f.triple.subject[:1].isupper()]


def _limited(found: Sequence[Found], most: int) -> tuple[Found, ...]:
    """With so many proposals at most."""
    waiting = sorted((f for f in found if not f.sure and f.truth == "stated"), key=lambda f: -f.probability)
    kept = {id(f) for f in waiting[:most]}
    return tuple(f for f in found if f.sure or id(f) in kept)
