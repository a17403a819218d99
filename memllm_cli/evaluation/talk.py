"""Conversations about documents in memory, and texts written from it, against what their authors wanted of them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from memllm_cli.answering.answer import Answerer
from memllm_cli.corpora.questions import Question
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.evaluation.answers import Tally, within
from memllm_cli.reading.events import Done
from memllm_cli.reading.reads import Conversation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Value:
    """What a text should say: in short words what it is, and the wordings that count."""

    about: str
    any: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be written, and the values wanted in it."""

    text: str
    values: tuple[Value, ...]


def conversations(path: Path) -> list[list[Question]]:
    """JSON lines {turns: [{q, answers or all}]}; no answers: there is none. Raises NotFound, DamagedError."""

    def asked(turn: Mapping[str, Any]) -> Question:
        answers = tuple(map(str, turn.get("all", turn.get("answers", ()))))
        return Question(str(turn["q"]), 0, answers, every="all" in turn)

    return _read(path, "conversations", lambda row: [asked(turn) for turn in row["turns"]])


def requests(path: Path) -> list[Request]:
    """JSON lines {request, values: [{about, any}]}. Raises NotFound, DamagedError."""

    def wanted(row: Mapping[str, Any]) -> Request:
        values = (Value(str(v["about"]), tuple(map(str, v["any"]))) for v in row["values"])
        return Request(str(row["request"]), tuple(values))

    return _read(path, "requests", wanted)


def _read(path: Path, what: str, parse: Callable[[Mapping[str, Any]], T]) -> list[T]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            return [parse(json.loads(line)) for line in file if line.strip()]
    except FileNotFoundError:
        raise NotFound(f"There is no {path}.", "Check the path.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise DamagedError(f"{path} holds no {what}: {type(error).__name__}", "See docs/training.md.") from error


# -- conversations -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Turns:
    """What became of first turns, and of later ones with what was said before and without."""

    first: Tally = field(default_factory=Tally)
    later: Tally = field(default_factory=Tally)
    alone: Tally = field(default_factory=Tally)


def talk(
    answerer: Answerer, asked: Sequence[Sequence[Question]], progress: Callable[[int], None] = lambda n: None
) -> Turns:
    """Lead the conversations; each later turn is asked once more by itself."""
    out = Turns()
    for number, turns in enumerate(asked):
        conversation = Conversation()
        for place, question in enumerate(turns):
            _ask(answerer, question, conversation, out.later if place else out.first)
            if place:
                _ask(answerer, question, Conversation(), out.alone)
        progress(number + 1)
    return out


def _ask(answerer: Answerer, question: Question, conversation: Conversation, tally: Tally) -> None:
    done = next(e for e in answerer.ask(question.text, conversation) if isinstance(e, Done))
    tally.add(question, done.value, done.outcome in ("nothing", "talk"))


# -- texts -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Writing:
    """Of texts that were written: how many values were wanted, said, said by a read, and asked for in vain; how many
    values were read that nobody wanted; how many names are those of a passage that was found for the request; how many
    names and numbers rest on nothing, marked and not marked."""

    texts: int = 0
    wanted: int = 0
    said: int = 0
    read: int = 0
    other: int = 0
    missing: int = 0
    cited: int = 0
    marked: int = 0
    unmarked: int = 0
    seconds: float = 0.0
    first: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, request: Request, done: Done) -> None:
        """Count one text."""
        text = _flat(done.answer)
        values = [v for v, _ in done.values]
        said = [any(within(a, text) for a in v.any) for v in request.values]
        read = [any(within(a, _flat(x)) for a in v.any for x in values) for v in request.values]
        other = [x for x in values if not any(within(a, _flat(x)) for v in request.values for a in v.any)]
        loose = unmarked(done.answer, [request.text, *values, *done.doubted, *(n for n, _ in done.noted)])
        self.texts += 1
        self.wanted += len(said)
        self.said += sum(said)
        self.read += sum(read)
        self.other += len(other)
        self.missing += len(done.missing)
        self.marked += len(done.doubted)
        self.cited += len(done.noted)
        self.unmarked += len(loose)
        self.seconds += done.seconds
        self.first += done.first
        self.rows.append(
            {"request": request.text, "text": done.answer, "values": [list(v) for v in done.values],
             "missing": list(done.missing), "doubted": list(done.doubted),
             "noted": [n for n, _ in done.noted], "unmarked": loose, "other": other,
             "wanted": [{"about": v.about, "any": list(v.any), "said": s, "read": r}
                        for v, s, r in zip(request.values, said, read, strict=True)]}
        )  # fmt: skip

    def figures(self) -> Mapping[str, Any]:
        """Shares in percent, counts, and seconds a text."""
        texts, wanted = max(1, self.texts), max(1, self.wanted)
        return {
            "texts": self.texts, "wanted": self.wanted, "said": round(100 * self.said / wanted, 1),
            "read": round(100 * self.read / wanted, 1), "other_values_read": self.other,
            "cited_names": self.cited, "gaps": self.missing,
            "marked": self.marked, "unmarked": self.unmarked, "seconds": round(self.seconds / texts, 1),
            "first": round(self.first / texts, 1),
        }  # fmt: skip


def write(answerer: Answerer, asked: Sequence[Request], progress: Callable[[int], None] = lambda n: None) -> Writing:
    """Have each text written by itself."""
    out = Writing()
    for number, request in enumerate(asked):
        done = next(e for e in answerer.ask(request.text) if isinstance(e, Done))
        out.add(request, done)
        progress(number + 1)
    return out


def unmarked(text: str, held: Sequence[str]) -> list[str]:
    """Words with a digit, and words with a capital in mid-sentence, that none of some texts holds.

    Written apart from what marks them while a text is written (`composing.claims`), so that one can fail the other.
    """
    known = {w.casefold() for h in held for w in re.findall(r"\w+", h)}
    found = []
    for sentence in re.split(r"(?<=[.!?:])\s+|\n+", text):
        for place, word in enumerate(re.findall(r"\w+", sentence)):
            plain = not any(c.isdigit() for c in word) and (place == 0 or not word[0].isupper())
            if not plain and word.casefold() not in known and word != "I":
                found.append(word)
    return found


def _flat(text: str) -> str:
    return " ".join(text.split())
