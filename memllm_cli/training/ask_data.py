"""Questions with their reads and answers, conversation without reads, and plain text, as streams (docs/format.md)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from memllm_cli.corpora.exchange import Exchange, Hop
from memllm_cli.memory.values.relations import Relation
from memllm_cli.prompts import Message
from memllm_cli.protocol import asking, is_field
from memllm_cli.training.streams import Stream, Tokenize
from memllm_cli.training.synthetic import Phrasings, bare
from memllm_cli.types import Query

Turns = Callable[[Sequence[Message], bool], list[int]]
"""Tokens of a conversation, as `prompts.turns`; the flag leaves the assistant's turn open."""

NOUNS = frozenset(
    "capital|head of state|head of government|father|mother|spouse|author|director|composer|performer|record label|"
    "publisher|developer|manufacturer|operator|parent organization|chairperson|headquarters location|place of birth|"
    "place of death|employer|residence|landlord|tenant|supplier|customer|licensor|licensee|guarantor|project lead|"
    "sponsor|reviewer|chief executive officer|manager|contact person|largest city|highest point|country of origin|"
    "responsible person|department|member of sports team|creator|producer|screenwriter".split("|")
)
"""Relations whose names can stand for their values: the capital of Freedonia."""
TWO_HOPS = 0.33
MANY = 0.15
"""Share of questions to which memory returns several values."""
SENTENCE = 0.3
"""Share of answers that are a sentence and not the value alone."""
BEFORE = 0.25
"""Share of questions that come after another turn of the conversation."""
BEGUN = 0.15
"""Share of questions that are a sentence to be completed: The capital of Freedonia is"""
DECISION = 2.0
"""Weight of the tokens by which the model reads, reads again, or answers."""
_INNER = ("the {r} of {s}", "{s}'s {r}", "the {r} of {s}")


@dataclass(frozen=True, slots=True)
class Talk:
    """A prompt that wants no read, and a reply to it; the end of one that is not complete teaches nothing."""

    prompt: str
    reply: str
    complete: bool = True

    @property
    def messages(self) -> tuple[Message, Message]:
        """Both turns."""
        return Message("user", self.prompt), Message("assistant", self.reply)


class Questions:
    """Makes exchanges about invented things; the same seed makes the same ones."""

    def __init__(self, relations: Sequence[Relation], phrasings: Phrasings, seed: int = 0) -> None:
        self.phrasings, self.seed = phrasings, seed
        self.relations = [r for r in relations if r.name in phrasings.questions and r.name in phrasings.slots]
        self._inner: dict[str, list[Relation]] = {}
        for r in self.relations:
            if r.name in NOUNS:
                for kind in phrasings.slots[r.name][1]:
                    self._inner.setdefault(kind, []).append(r)

    def make(self, count: int, two_hops: float = TWO_HOPS) -> Iterator[Exchange]:
        """So many, each relation in its turn; a share of them takes two hops."""
        made = i = 0
        while made < count:
            rng = random.Random(f"{self.seed}/asked/{i}")
            relation = self.relations[(i * 7 + self.seed) % len(self.relations)]
            i += 1
            one = self._two(rng, relation) if rng.random() < two_hops else self._one(rng, relation)
            if one is not None:
                made += 1
                yield one

    def _one(self, rng: random.Random, relation: Relation) -> Exchange | None:
        question = rng.choice(list(self.phrasings.questions[relation.name]))
        if rng.random() < BEGUN and (open_ := begun(self.phrasings.statements[relation.name])):
            question = rng.choice(open_)
        from_subject = "{s}" in question
        subject, object_ = self._names(rng, relation)
        known, value = (subject, object_) if from_subject else (object_, subject)
        values = [value]
        single = relation.one_object if from_subject else relation.one_subject
        if not single and rng.random() < MANY:
            values += [self._names(rng, relation)[int(from_subject)] for _ in range(rng.randint(1, 3))]
            values = list(dict.fromkeys(values))
        if not all(map(is_field, (known, *values))) or known.casefold() in map(str.casefold, values):
            return None
        query = Query(known, relation.name, None) if from_subject else Query(None, relation.name, known)
        answer = self._answer(rng, relation, known, values, from_subject)
        text = question.replace("{s}", known).replace("{o}", known)
        return Exchange(_cased(rng, text), (self._hop(rng, relation, query, values),), answer)

    def _two(self, rng: random.Random, outer: Relation) -> Exchange | None:
        questions = [q for q in self.phrasings.questions[outer.name] if "{s}" in q]
        kinds = [k for k in self.phrasings.slots[outer.name][0] if k in self._inner]
        if not questions or not kinds:
            return None
        inner = rng.choice(self._inner[rng.choice(kinds)])
        first, middle = self._names(rng, inner)
        value = self._names(rng, outer)[1]
        if not all(map(is_field, (first, middle, value))) or len({first, middle, value}) < 3:
            return None
        described = rng.choice(_INNER).format(r=inner.name, s=first)
        text = rng.choice(questions).replace("{s}", described)
        asked_first = self._hop(rng, inner, Query(first, inner.name, None), [middle])
        asked_then = self._hop(rng, outer, Query(middle, outer.name, None), [value])
        return Exchange(_cased(rng, text), (asked_first, asked_then), self._answer(rng, outer, middle, [value], True))

    def _hop(self, rng: random.Random, relation: Relation, query: Query, values: Sequence[str]) -> Hop:
        hop = Hop(query, tuple(values))
        statements = list(self.phrasings.statements[relation.name])
        said = (rng.choice(statements).replace("{s}", t.subject).replace("{o}", t.object) for t in hop.facts)
        return Hop(query, tuple(values), tuple(_ended(s) for s in said))

    def _names(self, rng: random.Random, relation: Relation) -> tuple[str, str]:
        out = []
        for side, kinds in zip(("subject", "object"), self.phrasings.slots[relation.name], strict=True):
            kind = rng.choice(list(kinds))
            own = self.phrasings.values.get((relation.name, side))
            pool = own if kind == "TEXT" and own else self.phrasings.fillers[kind]
            out.append(bare(rng.choice(list(pool))))
        return out[0], out[1]

    def _answer(
        self, rng: random.Random, relation: Relation, known: str, values: Sequence[str], from_subject: bool
    ) -> str:
        said = values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
        if len(values) == 1 and rng.random() < SENTENCE:
            subject, object_ = (known, said) if from_subject else (said, known)
            pattern = self.phrasings.statements[relation.name][0]
            return _ended(pattern.replace("{s}", subject).replace("{o}", object_))
        return _ended(said)


def begun(statements: Sequence[str]) -> list[str]:
    """The beginnings of the statements whose last word is one of the two names."""
    cut = (s.removesuffix(".").removesuffix(name).rstrip() for s in statements for name in ("{s}", "{o}"))
    return [c for c in cut if c.count("{") == 1 and c[-1] not in ".}:"]


def _ended(text: str) -> str:
    return text.replace("..", ".") if text.endswith(".") else f"{text}."


def _cased(rng: random.Random, text: str) -> str:
    """A question as people type it: mostly as it should be, sometimes without its mark or its capital."""
    text = text[:1].upper() + text[1:]
    if rng.random() < 0.1:
        text = text.removesuffix("?")
    return text


def asked(
    exchanges: Sequence[Exchange], before: Sequence[Talk], tokenize: Tokenize, turns: Turns, seed: int = 0
) -> Iterator[Stream]:
    """Streams of exchanges, some after turns of another conversation (`before`)."""
    for i, one in enumerate(exchanges):
        rng = random.Random(f"{seed}/turns/{i}")
        history = rng.choice(before).messages if before and rng.random() < BEFORE else ()
        prompt = turns([*history, Message("user", one.question)], True)
        ids, weights = list(prompt), [0.0] * len(prompt)

        def add(pieces: Sequence[str], weight: float, ids: list[int] = ids, weights: list[float] = weights) -> None:
            for piece in pieces:
                tokens = list(tokenize(piece))
                ids += tokens
                weights += [weight] * len(tokens)

        for hop in one.hops:
            add([asking.OPENING], DECISION)
            add([asking.REST], 0.0)
            add(asking.queries([hop.query]), 1.0)
            add(asking.results(hop.values), 0.0)
        decided = len(ids)
        add([f" {one.answer}"], 1.0)
        weights[decided] = DECISION
        end = closing(turns)
        yield Stream((*ids, *end), (*weights, *([1.0] * len(end))), len(one.hops))


def talked(talks: Sequence[Talk], turns: Turns) -> Iterator[Stream]:
    """Streams of conversations in which nothing is read: what the assistant says is learned."""
    end = len(closing(turns))
    for talk in talks:
        prompt, whole = turns(talk.messages[:1], True), turns(talk.messages, False)
        said = len(whole) - len(prompt)
        if whole[: len(prompt)] == prompt and said > end:
            taught = (DECISION,) + (1.0,) * (said - end - 1) + (float(talk.complete),) * end
            yield Stream(tuple(whole), (0.0,) * len(prompt) + taught, 0)


def plain(texts: Sequence[str], tokenize: Tokenize, start: Sequence[int], longest: int = 512) -> Iterator[Stream]:
    """Streams of text as it is, for the language."""
    for text in texts:
        tokens = list(tokenize(text))[:longest]
        yield Stream((*start, *tokens), (0.0,) * max(1, len(start)) + (1.0,) * (len(tokens) - (not start)), 0)


def closing(turns: Turns) -> list[int]:
    """The tokens that end the assistant's turn."""
    whole = turns([Message("user", "x"), Message("assistant", "x")], False)
    return whole[len(turns([Message("user", "x")], True)) + 1 :]
