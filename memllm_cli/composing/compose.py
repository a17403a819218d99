"""The loop that writes: the model's words, and a read in mid-sentence wherever a value is due.

MemLLM (arXiv 2404.11672, section 3) lets a model open a read while it writes and go on with what came back. A model
without that training is shown two examples and helped: as soon as it begins a name, a number or a date that neither the
request nor an earlier read holds, its word is taken back and a read opens in its place. The model says what to ask for;
the value is the memory's, never the model's.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from memllm_cli.composing.claims import Held, ends_sentence, is_name, is_number, parts
from memllm_cli.engine.base import Engine, sample
from memllm_cli.prompts import Message, compose_messages, turns
from memllm_cli.protocol import ARROW, CLOSE, OPEN, TEXT, as_field
from memllm_cli.reading.clock import Clock
from memllm_cli.reading.events import GAP, Event, Gap, Noted, Text
from memllm_cli.reading.values import circles

MOST_READS = 12
"""Reads of one text; what is due after them is only marked."""
LONGEST_QUESTION = 32
"""Tokens of what a read asks for."""


@dataclass(slots=True)
class Answered:
    """What a read came to: the value, "" for nothing."""

    value: str = ""


Look = Callable[[str, str, Answered], Iterator[Event]]
"""Asks the memory a question: yields the events of it and fills the value in. The second is the word that the model was
about to write: where the memory is not sure, it counts that two have read the same."""


@dataclass(slots=True)
class Composed:
    """A text that was written: the words, the values read for it with their questions, what memory did not have, and
    what is the model's own."""

    said: str = ""
    read: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)
    noted: list[tuple[str, int]] = field(default_factory=list)
    """Names that no read was sure of and that stand in a note, with its number."""


@dataclass(slots=True)
class _Run:
    """The words of a name that goes on."""

    words: list[str] = field(default_factory=list)


class Composer:
    """Writes with one model. `most_tokens`, `temperature` and `seed` are as in `Options`."""

    def __init__(self, engine: Engine, most_tokens: int = 256, temperature: float = 0.0, seed: int = 0) -> None:
        self.engine = engine
        self.most_tokens, self.temperature = most_tokens, temperature
        self._generator = np.random.default_rng(seed)
        self._left = 0
        self._context: list[int] = []
        self._written: list[int] = []  # of the context, the model's own words

    def write(
        self,
        request: str,
        history: Sequence[Message],
        notes: Sequence[str],
        look: Look,
        clock: Clock,
        out: Composed,
    ) -> Iterator[Event]:
        """The events of a text; what it came to is in `out`.

        `notes` are sentences of documents that a search for the request found: the model may lean on them, its values
        are read all the same.
        """
        held = Held([m.text for m in history if m.role == "user"] + [request])
        self._context = turns(self.engine, compose_messages(history, request, notes))
        self._context = self._context[-(self.engine.context - self.most_tokens - 64) :]
        clock.evaluated += self.engine.load(0, self._context)
        self._left, self._written = self.most_tokens, []
        starts, running = True, False  # a sentence begins; a name goes on for which a read has opened
        run, blank = _Run(), False
        vain: set[str] = set()  # what has been asked for nothing
        while (drawn := self._chunk(clock)) is not None:
            tokens, chunk = drawn
            space = chunk[: len(chunk) - len(chunk.lstrip())]
            opened = chunk.strip().startswith((OPEN, OPEN[1:]))  # the model's own, its first mark left out or not
            before, word, after = ("", "", "") if opened else parts(chunk.strip())
            number = is_number(word) and not held.has(word)
            blank = blank or "[" in before  # "[your name]" is for the person to fill in
            name = not number and is_name(word) and not held.has(word) and not blank
            if name and starts and self._plain(word):
                name = False
            if not (name or number) or before:
                yield from self._ended(run, notes, out)
                running = False
            if (opened or number or (name and not running)) and len(out.read) + len(out.missing) < MOST_READS:
                answered = Answered()
                start = len(self._context)
                question = self._question(space + before, clock)
                if any(
                    question == asked for asked, _ in out.read
                ):  # said again, of something else: the text asks better
                    question = f"{_clause(out.said + space)} what?"
                if question not in vain:
                    yield from look(question, word, answered)
                if answered.value:
                    value = _joined(out.said + space + before, answered.value)
                    out.read.append((question, value))
                    held.add(value)
                    yield from self._said(space + before, value, out)
                elif opened or (number and _holding(word, notes) is None):
                    out.missing.append(question)
                    yield from self._gap(space + before, question, out)
                if answered.value or opened or (number and _holding(word, notes) is None):
                    starts = False
                    continue
                vain.add(question)
                running, self._context = True, self._context[:start]
            if opened:  # one read too many
                break
            self._context += tokens
            self._written += tokens
            out.said += chunk
            if name or number:
                if after == "." and not ends_sentence(chunk.strip()):  # "Dr.", with a name to come
                    word, after = f"{word}.", ""
                run.words.append(word)
                yield Text(space + before + word)
                if tail := after + chunk[len(chunk.rstrip()) :]:
                    yield from self._ended(run, notes, out)
                    yield Text(tail)
            else:
                yield Text(chunk)
            blank = blank and "]" not in chunk
            running = running and not after and not chunk[-1].isspace()
            starts = "\n" in chunk or ends_sentence(chunk.strip())
        yield from self._ended(run, notes, out)

    # -- pieces -----------------------------------------------------------------------------------------------------

    def _chunk(self, clock: Clock) -> tuple[list[int], str] | None:
        """The next stretch of the model's words up to white space, with its tokens; None at the end.

        The context is not changed; the engine stands behind what was drawn.
        """
        self.engine.load(0, self._context)
        drawn: list[int] = []
        text = ""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while self._left > 0:
            token = sample(self.engine.logits(0), self.temperature, generator=self._generator)
            if token in self.engine.stops or circles([*self._written, *drawn, token]):
                break
            piece = decoder.decode(self.engine.piece(token))
            if text.strip() and piece[:1].isspace():
                return drawn, text
            drawn.append(token)
            text += piece
            clock.generated += 1
            clock.start()
            self._left -= 1
            self.engine.feed({0: [token]})
            if text.strip() and text[-1].isspace():  # a token such as ",\n\n"
                return drawn, text
        if not text.strip():
            self._left = 0
            return None
        return drawn, text

    def _question(self, before: str, clock: Clock) -> str:
        """Open a read here and let the model say what it asks for."""
        opening = self.engine.tokenize(f"{before}{OPEN}{TEXT}(")
        self._context += opening
        self.engine.load(0, self._context)
        asked: list[int] = []
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        text = ""
        while len(asked) < LONGEST_QUESTION:
            token = sample(self.engine.logits(0), 0.0, forbidden=self.engine.stops if not asked else ())
            piece = decoder.decode(self.engine.piece(token))
            if token in self.engine.stops or ")" in piece or "\n" in piece:
                text += piece.split(")")[0].split("\n")[0]
                break
            asked.append(token)
            text += piece
            clock.generated += 1
            self.engine.feed({0: [token]})
            if piece.rstrip().endswith("?"):
                break
        question = as_field(text)
        self._context += self.engine.tokenize(f"{question}){ARROW}")
        return question

    def _ended(self, run: _Run, notes: Sequence[str], out: Composed) -> Iterator[Event]:
        """Say of a name what it rests on: a note that has all its words, or nothing."""
        if not run.words:
            return
        name, run.words = " ".join(run.words), []
        number = _holding(name, notes)
        if number is None:
            out.doubted.append(name)
            yield Gap("")
        else:
            out.noted.append((name, number))
            yield Noted(number)

    def _said(self, before: str, value: str, out: Composed) -> Iterator[Event]:
        """Close the read with a value, and write the value."""
        self._close(as_field(value), value)
        out.said += f"{before}{value}"
        if before:
            yield Text(before)
        yield Text(value, backed=True)

    def _gap(self, before: str, question: str, out: Composed) -> Iterator[Event]:
        """Close the read without a value, and leave a gap."""
        self._close("", GAP)
        out.said += f"{before}{GAP}"
        yield Text(before)
        yield Gap(question)

    def _close(self, value: str, said: str) -> None:
        """End the open read, and say so much behind it. What stands before the read stands before its opening."""
        self._context += self.engine.tokenize(f"{value}{CLOSE}{said}")

    def _plain(self, word: str) -> bool:
        """Whether a word that begins a sentence is no name: in mid-sentence the model would write it small."""
        if word.casefold() in _OPENERS:
            return True
        base = [*self._context, *self.engine.tokenize(" and")]
        scores = []
        for form in (word, word[:1].lower() + word[1:]):
            self.engine.load(0, base)
            scores.append(float(self.engine.follow(0, self.engine.tokenize(f" {form}"))[:, 0].sum()))
        return scores[1] >= scores[0]


def _holding(name: str, notes: Sequence[str]) -> int | None:
    """The note that has all words of a name, or a number; None where none has."""
    return next((i for i, note in enumerate(notes) if all(map(Held([note]).has, name.split()))), None)


def _clause(text: str) -> str:
    """The words of the clause that is being written."""
    return re.split(r"[.!?:;\n]\s|,\s", text)[-1].strip()


def _joined(before: str, value: str) -> str:
    """A value without the word that already stands before it: "at" of "at noon", "the" of "the board"."""
    *_, last, newest = ["", "", *before.casefold().split()]
    first, _, rest = value.partition(" ")
    leads = newest in _PREPOSITIONS or (newest == "the" and last in _PREPOSITIONS)
    same = first.casefold() == newest or (first.casefold() in _PREPOSITIONS and leads)
    return _joined(before, rest) if same and rest else value


_PREPOSITIONS = frozenset("at by for from in of on to until with".split())
_OPENERS = frozenset(
    (
        "a an the this that these those there here it its he she they we you your his her their our my i who what when "
        "where which why how if as at by for from in of on to with and but or so please dear yes no not best kind warm "
        "regards sincerely yours thank thanks hello hi"
    ).split()
)
"""Words that begin sentences and are never names: the model need not be asked."""
