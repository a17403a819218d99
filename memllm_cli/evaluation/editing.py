"""Knowledge editing (MemLLM, section 4.3): edits in sequence into one memory, then asked for again.

REL asks an edit's own question, GEN its rephrasing, LOC an unrelated question, whose answer must stay what it was
before any edit.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memllm_cli.answering.answer import Answerer
from memllm_cli.answering.edits import Editor
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.evaluation.lookup import Lookup
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.values.names import normal
from memllm_cli.reading.events import Done, ReadResult
from memllm_cli.reading.values import says
from memllm_cli.types import Triple

KINDS = ("rel", "gen", "loc")
CHECKED = (1, 10, 100, 1000)
"""Numbers of edits after which the first so many are asked for."""
REASONS = ("not written", "not found", "found and not used")


@dataclass(frozen=True, slots=True)
class Edit:
    """`question` with its new answer, a rephrasing, and an unrelated question; `subject` is for judging alone."""

    question: str
    answer: str
    rephrased: str
    unrelated: str
    subject: str


def read_zsre(path: Path) -> list[Edit]:
    """The usual file of zsRE edits: `src`, `alt`, `rephrase`, `loc`, `subject`. Raises NotFound, DamagedError."""
    return [
        Edit(r["src"], r["alt"], r["rephrase"], _question(r["loc"]), r["subject"])
        for r in _rows(path, ("src", "alt", "rephrase", "loc", "subject"))
    ]


def read_counterfact(path: Path) -> list[Edit]:
    """The usual file of CounterFact edits: `prompt`, `target_new`, `rephrase_prompt`, `locality_prompt`, `subject`.

    Raises NotFound, DamagedError.
    """
    return [
        Edit(r["prompt"], r["target_new"], r["rephrase_prompt"], r["locality_prompt"], r["subject"])
        for r in _rows(path, ("prompt", "target_new", "rephrase_prompt", "locality_prompt", "subject"))
    ]


READERS = {"zsre": read_zsre, "counterfact": read_counterfact}


def _rows(path: Path, names: Sequence[str]) -> list[dict[str, str]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [{n: str(row[n]).strip() for n in names} for row in rows]
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", "Check the path.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} is not a list of edits: {error}", f"Each needs: {', '.join(names)}") from error


def _question(text: str) -> str:
    text = text.removeprefix("nq question: ")
    return text if text.endswith("?") else f"{text}?"


@dataclass(slots=True)
class Scores:
    """Questions answered right after so many edits, and why those of an edit (REL and GEN) were not."""

    edits: int
    right: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = field(default_factory=lambda: {k: Counter() for k in ("rel", "gen")})
    failed: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Kind and reason, question, what was wanted, what was answered."""

    def figures(self) -> dict[str, Any]:
        """Shares between 0 and 1, their mean, and counts of the reasons."""
        shares = {k: round(self.right[k] / max(1, self.asked[k]), 4) for k in KINDS}
        return {
            "edits": self.edits, **shares, "average": round(sum(shares.values()) / 3, 4),
            "failed": {k: {r: self.reasons[k][r] for r in REASONS} for k in ("rel", "gen")},
        }  # fmt: skip


class Editing:
    """Enters edits as a person's and asks for them, through the path of `memllm ask`."""

    def __init__(self, answerer: Answerer, memory: Memory) -> None:
        self.answerer, self.memory = answerer, memory
        self.editor = Editor(answerer)
        self.written: list[Triple | None] = []
        self.seconds = 0.0
        """Spent on entering."""

    def enter(self, edit: Edit) -> None:
        """Store an edit; what it contradicts is retracted."""
        began = time.perf_counter()
        triple = self.editor.triple(edit.question, edit.answer)
        if triple is not None:
            self.memory.set(triple, note=edit.question)
        self.seconds += time.perf_counter() - began
        self.written.append(triple)

    def answer(self, question: str) -> tuple[str, list[str]]:
        """What is answered, and every value that reads returned for it."""
        values: list[str] = []
        said = ""
        for event in self.answerer.ask(question):
            if isinstance(event, ReadResult):
                values += [s.hit.value for s in event.sources]
            elif isinstance(event, Done):
                said = event.answer
        return said, values

    def score(self, edits: Sequence[Edit], before: Sequence[str], progress: Callable[[int], None]) -> Scores:
        """Ask for the edits that are entered; `before` are the answers to their unrelated questions without them."""
        out = Scores(len(edits))
        for i, (edit, old) in enumerate(zip(edits, before, strict=True)):
            for kind, question in (("rel", edit.question), ("gen", edit.rephrased)):
                said, values = self.answer(question)
                out.asked[kind] += 1
                if self._right(said, edit.answer):
                    out.right[kind] += 1
                else:
                    why = self._reason(edit, self.written[i], values)
                    out.reasons[kind][why] += 1
                    out.failed.append((f"{kind}: {why}", question, edit.answer, said))
            said, _ = self.answer(edit.unrelated)
            out.asked["loc"] += 1
            out.right["loc"] += said == old
            if said != old:
                out.failed.append(("loc", edit.unrelated, old, said))
            progress(i + 1)
        return out

    def _right(self, said: str, wanted: str) -> bool:
        """A grounded answer must be the value and nothing else, a sentence must say it."""
        if self.answerer.options.style == "grounded":
            said = said.removeprefix("Yes: ").removeprefix("Memory says: ")
            return normal(said.rstrip(".")) == normal(wanted.rstrip("."))
        return says(said, wanted)

    def _reason(self, edit: Edit, triple: Triple | None, values: Sequence[str]) -> str:
        if triple is None or normal(edit.subject) not in (normal(triple.subject), normal(triple.object)):
            return REASONS[0]
        return REASONS[2] if any(normal(v) == normal(edit.answer) for v in values) else REASONS[1]


Look = Callable[[Sequence[str], Sequence[str]], Lookup]
"""From stored questions and those that are asked to the nearest stored one of each."""


def lookups(edits: Sequence[Edit], look: Look) -> dict[str, Lookup]:
    """What a lookup finds for the questions of each kind."""
    stored = [e.question for e in edits]
    asked = {"rel": stored, "gen": [e.rephrased for e in edits], "loc": [e.unrelated for e in edits]}
    return {kind: look(stored, questions) for kind, questions in asked.items()}


def looked_up(edits: Sequence[Edit], found: Mapping[str, Lookup], least: float) -> Scores:
    """Scores of a lookup: right where the nearest question has the answer, for unrelated ones where none is near."""
    out = Scores(len(edits))
    for kind, lookup in found.items():
        for edit, pick in zip(edits, lookup.picks(least), strict=True):
            out.asked[kind] += 1
            right = pick < 0 if kind == "loc" else pick >= 0 and normal(edits[pick].answer) == normal(edit.answer)
            out.right[kind] += right
    return out


def tuned(edits: Sequence[Edit], look: Look) -> float:
    """The threshold of a lookup that gives the best average on these edits."""
    found = lookups(edits, look)
    return max((i / 50 for i in range(5, 50)), key=lambda t: looked_up(edits, found, t).figures()["average"])
