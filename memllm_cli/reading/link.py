"""From a question to the partial triples it may be asking: names the memory knows, relations the words point to.

Gives candidates with a prior; which one is asked is decided by the model under a constraint (`answer.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from memllm_cli.memory.history.facts import Fact, Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.values.literals import LITERALS, normalise
from memllm_cli.memory.values.names import normal, other_ends
from memllm_cli.memory.values.relations import Relation
from memllm_cli.protocol import as_field
from memllm_cli.reading.question import Asked
from memllm_cli.reading.question import asked as read
from memllm_cli.relation_words import STOP, Phrases
from memllm_cli.types import Query

REMEMBERED = 4096
"""Vectors of questions and notes that are kept."""
LONGEST = 10  # words in a name
SHARPNESS = 20.0  # nats of prior for a score of 1: how much the words of the question weigh against the model
KNOWN = 4.0  # nats of prior for a query the memory can answer
ANSWERABLE, UNANSWERABLE = 0.32, 0.5  # least fit of a query the memory can, or cannot, answer
SURE = 0.75  # fit of an answerable query from which on no vectors are asked
SECOND = 0.6  # least fit of a query tried after one that returned nothing
ALIKE = 0.4  # the same, when both relations have values of one kind


@dataclass(frozen=True, slots=True)
class Candidate:
    """A query with the logarithm of its (unnormalised) prior.

    `fit` is how well the words of the question fit the relation (0 to 1), `answerable` whether the memory can answer.
    `told` are the facts among the answers that a person stated with a question like this one.
    """

    query: Query
    score: float
    answerable: bool
    fit: float
    told: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Mention:
    """A name of the memory in the question: words `start` to `end`, and the entities it can mean."""

    start: int
    end: int
    surface: str
    entities: tuple[int, ...]


_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Letters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese."""
_WORD = re.compile(f"{_UNSPACED.pattern}|[^\\s{_UNSPACED.pattern[1:-1]}]+")


def words(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand; each letter is one where none are parted by spaces."""
    return [m.span() for m in _WORD.finditer(text)]


def mentions(snapshot: Snapshot, question: str, names: Known) -> list[Mention]:
    """Names in the question that the memory knows exactly, longest first, not overlapping."""
    tokens = words(question)
    letters = sum(b - a == 1 and _UNSPACED.match(question, a) is not None for a, b in tokens)
    found: list[Mention] = []
    taken: set[int] = set()
    for length in range(min(2 * LONGEST if letters else LONGEST, len(tokens)), 0, -1):
        for start in range(len(tokens) - length + 1):
            if taken & set(range(start, start + length)):
                continue
            a, b = tokens[start][0], tokens[start + length - 1][1]
            raw = " ".join(question[a:b].split())
            if _UNSPACED.fullmatch(raw) and (_UNSPACED.match(question[a - 1 : a]) or _UNSPACED.match(question, b)):
                continue  # a letter of a word
            # The mark of the question may be the name's own, or stand after it ("Who wrote Help!?").
            for surface in dict.fromkeys((raw, raw[:-1] if raw.endswith(_ASKED) else raw, _bare(raw))):
                form = normal(surface)
                # A name that ends in a mark is found without it too, but no word that is only like it.
                entities = names.get(form) or (names.ended(form) if surface[:1].isupper() else ())
                if entities and not (length == 1 and form in STOP):
                    found.append(Mention(start, start + length, surface.strip(".,;:\"'"), entities))
                    taken |= set(range(start, start + length))
                    break
    return sorted(found, key=lambda m: m.start)


_ASKED = ("?", "？", "!", "！")


def _bare(text: str) -> str:
    text = text.strip(".,;:!?。，；：！？\"'“”‘’()[]")
    text = re.sub(r"['’]s?$", "", text)
    return re.sub(r"^(the|The|a|an)\s+", "", text)


def _around(masked: str) -> str:
    """Of a text the sentence in which its name stands; all of it where that is nothing but the name."""
    parts = [p for p in _SENTENCE.split(masked) if "\x00" in p]
    return parts[0] if parts and parts[0].strip("\x00 ?.!") else masked


_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class Known:
    """Names in a fact or a proposal of a snapshot, by their normal form; an article before a name does not count."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._found: dict[str, tuple[int, ...]] = {}

    def get(self, form: str) -> tuple[int, ...]:
        """Entities and values called so; empty when nothing is known of any."""
        found = self._found.get(form)
        if found is None:
            ids = [i for article in ("", "the ", "a ", "an ") for i in self.snapshot.of_form(article + form)]
            if any(c.isdigit() for c in form):
                for kind in LITERALS:
                    value = normalise(form.upper() if kind == "money" else form, kind)
                    ids += self.snapshot.of_form(value, kind)
            found = tuple(i for i in dict.fromkeys(ids) if self.snapshot.is_used(i)) if form else ()
            self._found[form] = found
        return found

    def ended(self, form: str) -> tuple[int, ...]:
        """Those called so with a mark at the end; of a form that has one, none."""
        return () if form.endswith(("!", "?")) else tuple(i for other in other_ends(form) for i in self.get(other))


class Linker:
    """Proposes queries for questions, over one memory."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self._known: Known | None = None
        self._phrases: tuple[int, Phrases] | None = None
        self._mentioned: tuple[object, list[Mention]] | None = None
        self._embedded: dict[str, NDArray[np.float32]] = {}

    def names(self, snapshot: Snapshot) -> Known:
        """The names of a snapshot."""
        if self._known is None or self._known.snapshot is not snapshot:
            self._known = Known(snapshot)
        return self._known

    def mentioned(self, question: str, before: Sequence[str] = ()) -> list[Mention]:
        """Names of a question that the memory knows, exactly or nearly; of the newest of `before` if it has none."""
        snapshot = self.finder.memory.snapshot
        key = snapshot.id, snapshot.last_operation, question, tuple(before)
        if self._mentioned is None or self._mentioned[0] != key:
            names = self.names(snapshot)
            found = mentions(snapshot, question, names) or self._similar(question, snapshot)
            for earlier in () if names_another(question) else before:
                found = found or mentions(snapshot, earlier, names)
            self._mentioned = key, found
        return self._mentioned[1]

    def candidates(self, question: str, before: Sequence[str] = (), most: int = 8) -> list[Candidate]:
        """Queries the question may be asking, best first; empty when it names nothing the memory knows.

        `before` are earlier questions of the conversation, newest first: when this one names nothing known, the
        names of the newest that did are used ("and its population?").
        """
        snapshot = self.finder.memory.snapshot
        names = self.names(snapshot)
        found = self.mentioned(question)
        inherited = not found
        for earlier in () if names_another(question) else before:
            if found:
                break
            found = mentions(snapshot, earlier, names)
        if not found:
            return []
        for semantic in (False, True):  # words first; vectors only when words point to nothing the memory has
            scored: dict[Query, Candidate] = {}
            what = read(self.masked(question, [] if inherited else found))
            for mention in found:
                asked = self.masked(question, [] if inherited else [mention])
                scores = self._relation_scores(snapshot, asked, semantic)
                for candidate in self._queries(snapshot, mention, scores, what, asked):
                    old = scored.get(candidate.query)
                    if old is None or old.score < candidate.score:
                        scored[candidate.query] = candidate
            if any(c.answerable and c.fit >= SURE for c in scored.values()):
                break
        return sorted(scored.values(), key=lambda c: -c.score)[:most]

    def phrases(self, snapshot: Snapshot) -> Phrases:
        """The relations' phrases, indexed anew when there are more of them."""
        if self._phrases is None or self._phrases[0] != len(snapshot.relations):
            self._phrases = (len(snapshot.relations), Phrases(snapshot.relations))
        return self._phrases[1]

    def _similar(self, question: str, snapshot: Snapshot) -> list[Mention]:
        """Names that are only near in writing: capitalised or quoted runs of words, by vector."""
        tokens = words(question)
        runs = re.finditer(r"(?:[A-Z0-9][\w'’.-]*)(?:\s+(?:of|the|and|de|von|van|[A-Z0-9][\w'’.-]*))*", question)
        out: list[Mention] = []
        for run in runs:
            surface = _bare(run[0])
            if len(surface) < 4 or normal(surface) in STOP or surface.split()[0].casefold() in STOP:
                surface = " ".join(w for i, w in enumerate(surface.split()) if i or w.casefold() not in STOP)
            if len(surface) < 4:
                continue
            near = self.finder.similar(surface)
            if near:
                start = sum(end <= run.start() for _, end in tokens)
                known = snapshot.name(near[0][0])
                out.append(Mention(start, min(len(tokens), start + len(surface.split())), known, (near[0][0],)))
        return out

    @staticmethod
    def masked(question: str, found: Sequence[Mention]) -> str:
        """A question with `\\x00` in the place of each name."""
        tokens, text = words(question), question
        for mention in sorted(found, key=lambda m: -m.start):
            text = f"{text[: tokens[mention.start][0]]} \x00 {text[tokens[mention.end - 1][1] :]}"
        return " ".join(text.split())

    def _queries(
        self, snapshot: Snapshot, mention: Mention, scores: Mapping[tuple[int, str], float], what: Asked, asked: str
    ) -> list[Candidate]:
        out: list[Candidate] = []
        if not as_field(mention.surface):
            return out
        for relation in snapshot.relations.by_id.values():
            known = {
                "subject": any(snapshot.values(relation.id, subject=e) for e in mention.entities),
                "object": any(snapshot.values(relation.id, object=e) for e in mention.entities),
            }
            # The side the memory can answer; if there is none, the one the question's words suggest.
            sides = ("object", "subject") if _read_from_object(relation, asked) else ("subject", "object")
            likelier = max(sides, key=lambda s: scores[(relation.id, s)])
            for side in ("subject", "object"):
                if not known[side] and (known[_other(side)] or side != likelier):
                    continue
                score = scores[(relation.id, side)]
                if score < (ANSWERABLE if known[side] else UNANSWERABLE) or not what.fits(relation, side):
                    continue
                query = (
                    Query(mention.surface, relation.name, None)
                    if side == "subject"
                    else Query(None, relation.name, mention.surface)
                )
                total = SHARPNESS * score + (KNOWN if known[side] else 0.0)
                out.append(Candidate(query, total, known[side], score))
        return out

    def _relation_scores(self, snapshot: Snapshot, asked: str, semantic: bool) -> dict[tuple[int, str], float]:
        """For each relation and known side: how well the words of the question fit (0 to 1)."""
        plain = asked.replace("\x00", " ")
        lexical = self.phrases(snapshot).scores(plain)
        vectors = self.similar_relations(plain) if semantic else {}
        out: dict[tuple[int, str], float] = {}
        for relation in snapshot.relations.by_id.values():
            both = max(lexical.get((relation.id, s), 0.0) for s in ("subject", "object"))
            for side in ("subject", "object"):
                own = lexical.get((relation.id, side), 0.0)
                score = max(own, 0.92 * both, vectors.get((relation.id, side), 0.0))
                out[(relation.id, side)] = min(1.0, score)
        return out

    def similar_relations(self, plain: str, least: float = 0.3) -> dict[tuple[int, str], float]:
        """Cosines of relations, by the side whose name is known, with a text in which no name stands; none below
        `least`, nothing without an encoder."""
        encoder = self.finder.encoder()
        if encoder is None or not plain.strip():
            return {}
        phrases, vectors = self.finder.relation_vectors()
        similar = vectors @ encoder.embed([plain])[0]
        out: dict[tuple[int, str], float] = {}
        for i in np.flatnonzero(similar > least):
            _, relation, flipped = phrases[i]
            key = (relation.id, "object" if flipped else "subject")
            out[key] = max(out.get(key, 0.0), float(similar[i]))
        return out

    def similar_notes(self, question: str, mention: Mention, facts: Sequence[Fact]) -> dict[Key, float]:
        """Cosines of a question with what people wrote when they stated facts about a name in it, the name taken out of
        both: an edit keeps the question it came with."""
        snapshot = self.finder.memory.snapshot
        notes = {
            fact.key: [note for a in fact.supports if a.person and (note := snapshot.made_by(a).note)] for fact in facts
        }
        if not any(notes.values()) or self.finder.encoder() is None:
            return {}
        asked = _around(self.masked(question, [mention])).replace("\x00", " ")
        about = {note: self._about(note, mention.entities, snapshot) for said in notes.values() for note in said}
        vectors = self._vectors([asked, *about.values()])
        return {
            key: max(float(vectors[about[note]] @ vectors[asked]) for note in said)
            for key, said in notes.items()
            if said
        }

    def _about(self, note: str, entities: Sequence[int], snapshot: Snapshot) -> str:
        """A note without the name of one of some entities."""
        found = [m for m in mentions(snapshot, note, self.names(snapshot)) if set(m.entities) & set(entities)]
        return self.masked(note, found).replace("\x00", " ")

    def _vectors(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Unit vectors of texts, kept for the next question."""
        encoder = self.finder.encoder()
        assert encoder is not None
        missing = [t for t in dict.fromkeys(texts) if t not in self._embedded]
        if missing:
            if len(self._embedded) > REMEMBERED:
                self._embedded.clear()
                missing = list(dict.fromkeys(texts))
            self._embedded |= zip(missing, encoder.embed([t or " " for t in missing]), strict=True)
        return self._embedded


_CALENDAR = frozenset(
    "january february march april may june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday".split()
)


def names_another(question: str) -> bool:
    """Whether a question in which no known name stands has one in capitals: then it is not about the last one's."""
    tokens = question.split()
    inside = (t for before, t in pairwise(tokens) if not before.endswith((".", "?", "!", ":")))
    words = (_bare(t) for t in inside)
    return any(
        w[:1].isupper() and not (w.isupper() and len(w) <= 3) and w.casefold() not in STOP | _CALENDAR for w in words
    )


def _other(side: str) -> str:
    return "object" if side == "subject" else "subject"


def _read_from_object(relation: Relation, asked: str) -> bool:
    """Whether the name stands before the inverse phrase ("is X the capital of") and not after it ("capital of X")."""
    text, inverse = asked.casefold(), relation.inverse.casefold()
    return inverse in text and f"{inverse} \x00" not in text
