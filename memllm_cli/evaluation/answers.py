"""People's questions about documents that were read, through the path of `memllm ask`: right, wrong, nothing, cited.

What counts is what an independent check counts: an accepted wording stands in the answer, its words side by side, case,
articles and punctuation aside, and the answer says little more (at most twice its words and ten).
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from memllm_cli.answering.answer import Answerer
from memllm_cli.answering.deciding import SPANS, Decider
from memllm_cli.answering.looking import Looked
from memllm_cli.calibration.answers import Answering
from memllm_cli.calibration.logistic import fit
from memllm_cli.corpora.questions import Question, Questions
from memllm_cli.engine.base import Engine
from memllm_cli.errors import NotFound
from memllm_cli.evaluation.ask import said as generated
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.texts import Texts
from memllm_cli.pointing.pointer import Span
from memllm_cli.prompts import Message
from memllm_cli.reading.events import Done

LONGEST, SPARE = 40, 10
"""Words of an answer at most, and words beyond twice the accepted one's."""
PASSAGES, TOKENS = 3, 48
"""Of plain retrieval: passages in the prompt, and tokens of an answer."""
WRONG, REFUSED = 0.10, 0.85
"""What an answer must keep to: of the questions with an answer at most so many are answered wrongly, and of those
without at least so many are not answered."""
FOLDS = 8
"""Each question is weighed by weights that were fitted to the others, in so many parts."""
_ARTICLES = frozenset({"a", "an", "the"})
_PLAIN = (
    "Answer the question from the text, in as few words as possible. If the text does not answer it, say: not there."
)
_NONE = ("not there", "not mentioned", "no information", "does not say", "not specified", "not provided", "not stated")


def words(text: str) -> list[str]:
    """The words that count."""
    text = re.sub(r"([%€$£])", r" \1 ", re.sub(r"\]\([^)\s]*\)", " ", text.lower().replace(",", "")))
    found = (w.strip(".") for w in re.sub(r"[^\w%€$£.]+|_+", " ", text).split())
    return [w for w in found if w and w not in _ARTICLES]


def within(value: str, said: str) -> bool:
    """Whether an answer has an accepted wording; yes and no come first."""
    wanted, there = words(value), words(said)
    if wanted in (["yes"], ["no"]):
        return there[:1] == wanted
    return bool(wanted) and any(there[i : i + len(wanted)] == wanted for i in range(len(there) - len(wanted) + 1))


def right(question: Question, said: str) -> bool:
    """Whether a question that has an answer is answered."""
    if not question.answers:
        return False
    sizes = [len(a.split()) for a in question.answers]
    size = sum(sizes) if question.every else max(sizes)
    found = (within(a, said) for a in question.answers)
    return len(said.split()) <= min(LONGEST, 2 * size + SPARE) and (all(found) if question.every else any(found))


def cites(question: Question, evidence: Sequence[Evidence]) -> bool:
    """Whether one of the first sentences is one that the set names; where it names none, whether it has the answer."""
    for shown in evidence[: 2 + (len(question.answers) if question.every else 1)]:
        there = words(shown.said)
        if not question.evidence and any(within(a, shown.said) for a in question.answers):
            return True
        for wanted in map(words, question.evidence):
            shared = sum((Counter(wanted) & Counter(there)).values())
            if shared >= 0.5 * len(wanted) or (len(there) >= 3 and shared >= 0.8 * len(there)):
                return True
    return False


@dataclass(slots=True)
class Tally:
    """Of some questions: what became of them, by kind too."""

    counts: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    tokens: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, question: Question, said: str, nothing: bool, evidence: Sequence[Evidence] | None = None) -> None:
        """Count an answer; `evidence` are the sentences shown with it."""
        ok = nothing if not question.answers else right(question, said) and not nothing
        if question.answers:
            name = "right" if ok else "nothing" if nothing else "wrong"
            self.counts["asked"] += 1
            self.counts["cited"] += ok and evidence is not None and cites(question, evidence)
            kind = self.kinds.setdefault(question.kind or ("list" if question.every else "one"), Counter())
            kind[name] += 1
        else:
            name = "refused" if ok else "made up"
            self.counts["unanswerable"] += 1
        self.counts[name] += 1
        self.rows.append({"q": question.text, "ok": ok, "said": said, "gold": list(question.answers)[:3], "is": name})

    def figures(self) -> dict[str, Any]:
        """Shares in percent."""
        asked, none = max(1, self.counts["asked"]), max(1, self.counts["unanswerable"])
        out: dict[str, Any] = {k: round(100 * self.counts[k] / asked, 1) for k in ("right", "wrong", "nothing")}
        if self.counts["unanswerable"]:
            out["refused"] = round(100 * self.counts["refused"] / none, 1)
        out["cited"] = round(100 * self.counts["cited"] / max(1, self.counts["right"]), 1)
        out |= {"asked": self.counts["asked"], "unanswerable": self.counts["unanswerable"]}
        if self.seconds:
            out["median_seconds"] = round(sorted(self.seconds)[len(self.seconds) // 2], 2)
            out["tokens"] = round(self.tokens / len(self.seconds))
        out["kinds"] = {
            k: {n: round(100 * c[n] / c.total()) for n in ("right", "wrong", "nothing")} | {"asked": c.total()}
            for k, c in sorted(self.kinds.items())
        }
        return out


def remember(memory: Memory, data: Questions, texts: Texts | None = None) -> list[int]:
    """Put the documents of a set into a memory, without facts; returns their ids in order. `texts` are encoded."""
    for number, document in enumerate(data.documents):
        uri = document.uri if data.name == "folder" else f"stdin:{number}"
        memory.ingest(replace(document, uri=uri), (), "none", "none")
    if texts is not None:
        texts.complete()
    by_uri = {d.uri: d.id for d in memory.snapshot.documents()}
    return [by_uri[d.uri if data.name == "folder" else f"stdin:{n}"] for n, d in enumerate(data.documents)]


def ask(
    answerer: Answerer,
    data: Questions,
    questions: Sequence[Question],
    ids: Sequence[int],
    progress: Callable[[int], None],
) -> Tally:
    """Ask each question by itself; of those that make sense in their document only, in that."""
    out = Tally()
    for i, question in enumerate(questions):
        answerer.options.within = {ids[question.document]} if data.alone else None
        began = time.perf_counter()
        done = next(e for e in answerer.ask(question.text) if isinstance(e, Done))
        out.seconds.append(time.perf_counter() - began)
        out.tokens += done.evaluated + done.generated
        shown = [e for s in done.sources for e in s.evidence] + list(done.evidence)
        out.add(question, done.value, done.outcome in ("nothing", "talk"), shown)
        out.rows[-1]["p"] = done.probability
        progress(i + 1)
    return out


def plain(
    engine: Engine, texts: Texts, data: Questions, questions: Sequence[Question], ids: Sequence[int],
    progress: Callable[[int], None],
) -> Tally:  # fmt: skip
    """The same by plain retrieval: the best passages by their words in the prompt, and what the model says to it."""
    out = Tally()
    for i, question in enumerate(questions):
        began = time.perf_counter()
        found = texts.search(question.text, PASSAGES, {ids[question.document]} if data.alone else None)
        shown = "\n\n".join(f"{f.passage.lead}\n{f.passage.text}".strip() for f in found)
        prompt = f"{_PLAIN}\n\n{shown}\n\nQuestion: {question.text}"
        said = generated(engine, [Message("user", prompt)], TOKENS)
        out.seconds.append(time.perf_counter() - began)
        out.add(question, said, any(n in said.lower() for n in _NONE))
        progress(i + 1)
    return out


# -- fitting ----------------------------------------------------------------------------------------------------


BESIDE = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Log odds by which another part may say less that are tried."""
AWAY = 3
"""Of so many questions with an answer one is asked again without the passages that hold it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The answers that were thought of for a question, each with its features and whether it is right."""

    answerable: bool
    answers: tuple[tuple[tuple[float, ...], bool], ...]


def seen(
    answerer: Answerer, data: Questions, questions: Sequence[Question], ids: Sequence[int]
) -> Iterator[dict[float, Seen]]:
    """What the pointer thinks of for each question, with each of `BESIDE`; for every `AWAY`th that has an answer once
    more without what holds it, as a question that has none."""
    decider = answerer.decider
    assert decider is not None
    taken = 0
    for question in questions:
        looked = answerer.looker.look(question.text, (), {ids[question.document]} if data.alone else None)
        texts = [(c.lead, c.text) for c in looked.candidates]
        starts = [c.sentences for c in looked.candidates]
        spans = decider.pointer.spans(question.text, texts, SPANS, starts) if texts else []
        yield _weighed(decider, question, looked, spans)
        taken += bool(question.answers)
        if question.answers and taken % AWAY == 0:
            kept = [i for i, (_, text) in enumerate(texts) if not any(within(a, text) for a in question.answers)]
            fewer = replace(looked, candidates=[looked.candidates[i] for i in kept])
            rest = [replace(s, passage=kept.index(s.passage)) for s in spans if s.passage in kept]
            yield _weighed(decider, replace(question, answers=()), fewer, rest)


def _weighed(decider: Decider, question: Question, looked: Looked, spans: Sequence[Span]) -> dict[float, Seen]:
    out = {}
    for beside in BESIDE:
        weighing = Decider(decider.pointer, replace(decider.answering, beside=beside))
        found = weighing.weighed(question.text, looked, spans)[:6]
        out[beside] = Seen(bool(question.answers), tuple((a.features, right(question, a.value)) for a in found))
    return out


def fitted(all_: Sequence[Seen], start: Answering) -> tuple[Answering, list[dict[str, float]]]:
    """Weights, the lowest threshold that keeps to `WRONG` and `REFUSED`, and the curve of what each threshold gives.

    The curve is of questions that the weights were not fitted to. Raises NotFound for too few of a kind.
    """
    found = replace(start, weights=_weights(all_))
    scored: list[tuple[bool, float, bool]] = []
    for fold in range(FOLDS):
        others = replace(start, weights=_weights([s for i, s in enumerate(all_) if i % FOLDS != fold]))
        scored += [_best(one, others) for one in all_[fold::FOLDS]]
    curve = [at(scored, n / 50) for n in range(50)]
    kept = [r for r in curve if r["wrong"] <= WRONG and r["refused"] >= REFUSED]
    return replace(found, least=kept[0]["least"] if kept else 1.0), curve


def _weights(all_: Sequence[Seen]) -> tuple[float, ...]:
    rows = [(f, ok) for one in all_ for f, ok in one.answers[:3]]
    if len({ok for _, ok in rows}) < 2:
        raise NotFound("Nothing right or nothing wrong was found for these questions.", "Take others, or more.")
    return fit([f for f, _ in rows], [ok for _, ok in rows])


def _best(one: Seen, answering: Answering) -> tuple[bool, float, bool]:
    """Whether a question has an answer, how likely the likeliest that was thought of is right, and whether it is."""
    scored = ((answering.probability(f), ok) for f, ok in one.answers)
    return one.answerable, *max(scored, key=lambda r: r[0], default=(-1.0, False))


def at(scored: Sequence[tuple[bool, float, bool]], least: float) -> dict[str, float]:
    """What a threshold gives (`_best` of each question): shares of the questions with an answer, and of the others that
    get nothing; 1.0 where there are none of a kind."""
    asked = [(p >= least, ok) for answerable, p, ok in scored if answerable]
    other = [p >= least for answerable, p, _ in scored if not answerable]
    right, wrong = sum(said and ok for said, ok in asked), sum(said and not ok for said, ok in asked)
    share = 1 / max(1, len(asked))
    return {
        "least": least, "right": round(right * share, 3), "wrong": round(wrong * share, 3),
        "nothing": round((len(asked) - right - wrong) * share, 3),
        "refused": round(1 - sum(other) / max(1, len(other)), 3),
    }  # fmt: skip
