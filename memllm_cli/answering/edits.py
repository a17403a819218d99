"""An edit as people say it, a question with its new answer, as a triple.

    Where does the government of Freedonia sit? Sylvania City  ->  Freedonia >> capital >> Sylvania City

What the question asks is chosen as when it is asked of the memory; so the same question finds what was stated with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from memllm_cli.answering.answer import Answerer
from memllm_cli.errors import UsageError
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.literals import ENTITY, LITERALS, fits
from memllm_cli.memory.values.relations import Relations
from memllm_cli.protocol import FIELD, as_field
from memllm_cli.reading.candidates import about_names
from memllm_cli.reading.formats import Trained
from memllm_cli.reading.link import LONGEST, Candidate, Mention, mentions, words
from memllm_cli.reading.search import choose, likeliest
from memllm_cli.relation_words import STOP
from memllm_cli.types import Query, Triple

_SPLIT = re.compile(r"(?<=\?)\s+(?=\S)")
_SAID = re.compile(r"^(?:(?:it|they|he|she|that) (?:is|are|was|were)(?: or they are)?|the answer is|a:)\s+", re.I)
_QUOTES = "\"'“”‘’«»"
_EDGE = ".,;:!?()[]" + _QUOTES


def split(text: str) -> tuple[str, str] | None:
    """Question and answer of a text that is one after the other; None when it is not."""
    parts = _SPLIT.split(text.strip(), maxsplit=1)
    if len(parts) < 2 or ">>" in text:
        return None
    answer = _SAID.sub("", parts[1]).strip()
    for quote in _QUOTES:
        if answer.strip(".").startswith(quote):
            answer = answer.strip(".").strip(_QUOTES)
    answer = answer[:-1] if answer.endswith(".") and answer.count(".") == 1 else answer
    return (parts[0], answer) if answer else None


class Editor:
    """Reads edits with the model and the memory of an answerer.

    Raises UsageError when its model was not trained to read.
    """

    def __init__(self, answerer: Answerer) -> None:
        if not isinstance(answerer.format, Trained):
            raise UsageError(
                "Only a model that was trained to read can take a question with its answer.",
                'Write it: "subject >> relation >> object"',
            )
        self.answerer, self.format = answerer, answerer.format
        weights = answerer.format.weights
        self.weights = replace(weights, known=0.0)

    def read(self, text: str) -> tuple[Triple, str]:
        """The triple of a question with its answer, and the question. Raises UsageError when there is none."""
        pair = split(text)
        triple = self.triple(*pair) if pair else None
        if pair is None or triple is None:
            raise UsageError("What is stated there is not clear.", 'Write it: "subject >> relation >> object"')
        return triple, pair[0]

    def triple(self, question: str, answer: str) -> Triple | None:
        """What the question asks, with its answer; None when no name stands in it or the answer cannot be one."""
        linker = self.answerer.linker
        snapshot = linker.finder.memory.snapshot
        found = self._names(question, snapshot)
        if not found or not as_field(answer) or FIELD in answer:
            return None
        asked = linker.masked(question, found).replace("\x00", " ")
        candidates = [
            c
            for c in about_names(linker, asked, self.weights, found, question)
            if _takes(snapshot.relations, c, answer)
        ]
        if not candidates:
            return None
        context = self.format.prompt([], question)
        chosen = choose(self.answerer.engine, self.format, context, candidates).candidate
        query = next((c.query for c in candidates if c.answerable and _mirrored(c.query, chosen.query)), chosen.query)
        if chosen.answerable:
            query = chosen.query
        if query.subject is not None:
            return Triple(query.subject, query.relation, answer)
        return Triple(answer, query.relation, query.object or "")

    def _names(self, question: str, snapshot: Snapshot) -> list[Mention]:
        """The name that a question is about: one that memory knows, else the run of words the model would ask for."""
        known = mentions(snapshot, question, self.answerer.linker.names(snapshot))
        spans = {m.surface: m for m in _spans(question) if as_field(m.surface)}
        for mention in known:
            inside = [s for s, m in spans.items() if m.start < mention.end and mention.start < m.end]
            for surface in inside:
                spans.pop(surface)
            spans[mention.surface] = mention
        if not spans:
            return []
        context = [*self.format.prompt([], question), *self.format.opened()]
        surface = likeliest(self.answerer.engine, context, {s: self.format.begins(s) for s in spans})
        return [spans[surface]]


def _spans(question: str) -> Iterator[Mention]:
    """Runs of words that could be a name: none that begins or ends with a word like "the"."""
    tokens = words(question)
    for start in range(len(tokens)):
        for end in range(start + 1, min(len(tokens), start + LONGEST) + 1):
            surface = re.sub(r"['’]s?$", "", question[tokens[start][0] : tokens[end - 1][1]].strip(_EDGE))
            surface += ")" if surface.count("(") > surface.count(")") else ""
            edges = {surface.split()[0].casefold(), surface.split()[-1].casefold()} if surface else STOP
            if not edges & STOP:
                yield Mention(start, end, surface, ())


def _mirrored(one: Query, other: Query) -> bool:
    """Whether two queries ask the same relation about the same name from its two sides."""
    return (one.relation, one.subject, one.object) == (other.relation, other.object, other.subject)


def _takes(relations: Relations, candidate: Candidate, answer: str) -> bool:
    """Whether a value can stand on the side that a query asks for: as a subject no number, date or sum of money."""
    kind = relations.get(candidate.query.relation)[0].object_type
    if candidate.query.subject is not None:
        return kind in (ENTITY, "text") or fits(answer, kind)
    return not any(fits(answer, literal) for literal in LITERALS)
