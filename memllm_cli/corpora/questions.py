"""People's questions about documents, with their answers: SQuAD, PolicyQA, TAT-QA, Natural Questions, QAMR, folders.

Each set becomes documents and questions about them. Where the set says where an answer stands, its characters in the
document are kept, which training needs; an evaluation compares words alone.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memllm_cli.documents.assemble import assemble
from memllm_cli.documents.base import Cell, Line, Part
from memllm_cli.errors import DamagedError, NotFound, UsageError
from memllm_cli.types import Document

PARTS = ("train", "tune", "report")
SPLIT = ("squad", "policyqa", "tatqa", "annotated")
"""Kinds of which a fixed part of the documents is trained on, tuned on, and reported on."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the document of that number. `answers` are accepted wordings; none: the text has no answer.

    With `every` all of them belong to the answer. `spans` are characters of the document, where they are known.
    `evidence` are sentences that carry the answer, `kind` what the set calls such questions.
    """

    text: str
    document: int
    answers: tuple[str, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    every: bool = False
    kind: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(slots=True)
class Questions:
    """Documents and questions about them. `alone` says that a question makes sense within its document only."""

    name: str
    documents: list[Document] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    alone: bool = False


def read(argument: str) -> Questions:
    """The questions of `KIND:PATH` or `KIND:PATH#PART`, a part of those that are split by document.

    Raises UsageError, NotFound, DamagedError, DocumentError.
    """
    kind, colon, rest = argument.partition(":")
    path, _, part = rest.partition("#")
    if not colon or kind not in READERS:
        raise UsageError(
            f"'{argument}' does not say what kind of questions it holds.",
            f"Write KIND:PATH with KIND one of {', '.join(READERS)}; #train, #tune or #report takes a part of it.",
        )
    if part and part not in PARTS:
        raise UsageError(f"There is no part '{part}'.", f"Parts: {', '.join(PARTS)}")
    if part and part != "train" and kind not in SPLIT:
        raise UsageError(f"Questions of the kind {kind} are not split.", f"Those are: {', '.join(SPLIT)}")
    place = Path(path).expanduser()
    try:
        return READERS[kind](place, part)
    except FileNotFoundError:
        raise NotFound(f"There is no {place}.", "Check the path.") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError, zlib.error) as error:
        raise DamagedError(
            f"{place} is not of the kind {kind}: {type(error).__name__}", "See docs/training.md."
        ) from error


# -- the sets ----------------------------------------------------------------------------------------------------

_SQUAD = {"Packet_switching": "tune", "Immune_system": "report", "Force": "report"}
"""Of the articles of SQuAD; all others are trained on."""


def _squad(path: Path, part: str) -> Questions:
    """SQuAD 2 (Rajpurkar et al. 2018): an article is a document."""
    out = Questions("squad")
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        if not part or _SQUAD.get(article["title"], "train") == part:
            _article(out, str(article["title"]).replace("_", " "), article["paragraphs"])
    return out


def _policyqa(path: Path, part: str) -> Questions:
    """PolicyQA (Ahmad et al. 2020): the privacy policy of a site is a document, which its questions do not name."""
    out = Questions("policyqa", alone=True)
    sites = json.loads(path.read_text(encoding="utf-8"))["data"]
    for number, site in enumerate(sites):
        if not part or _third(number, len(sites)) == part:
            _article(out, f"{site['title']} privacy policy", site["paragraphs"])
    return out


def _article(out: Questions, title: str, paragraphs: Sequence[Mapping[str, Any]]) -> None:
    texts = [str(p["context"]) for p in paragraphs]
    document, starts = _document(title, [Part("paragraph", (Line(i + 1, t),)) for i, t in enumerate(texts)])
    number = len(out.documents)
    out.documents.append(document)
    for at, (text, paragraph) in enumerate(zip(texts, paragraphs, strict=True)):
        for asked in paragraph["qas"]:
            question = " ".join(str(asked["question"]).split())
            found = [] if asked.get("is_impossible") else asked["answers"]
            spans = [starts[at].span(text, int(a["answer_start"]), str(a["text"])) for a in found]
            out.questions.append(
                Question(question, number, tuple(dict.fromkeys(str(a["text"]) for a in found)),
                         tuple(dict.fromkeys(s for s in spans if s)), kind=str(asked.get("type", "")).split("|||")[0])
            )  # fmt: skip


def _tatqa(path: Path, part: str) -> Questions:
    """TAT-QA (Zhu et al. 2021): a table with its text is a document. Spans only, nothing that is computed."""
    out = Questions("tatqa", alone=True)
    pages = json.loads(path.read_text(encoding="utf-8"))
    for number, page in enumerate(pages):
        if part and _third(number, len(pages)) != part:
            continue
        rows = tuple(tuple(Cell(str(c), i + 1) for c in row) for i, row in enumerate(page["table"]["table"]))
        texts = [str(p["text"]) for p in sorted(page["paragraphs"], key=lambda p: p["order"])]
        parts = [Part("table", rows=rows), *(Part("paragraph", (Line(i + 9, t),)) for i, t in enumerate(texts))]
        document, starts = _document(f"page {number + 1}", parts)
        for asked in page["questions"]:
            if asked["answer_type"] not in ("span", "multi-span"):
                continue
            answers = tuple(str(a) for a in asked["answer"])
            order = {str(p["order"]): i for i, p in enumerate(sorted(page["paragraphs"], key=lambda p: p["order"]))}
            spans = []
            for answer in answers:
                within = [starts[1 + order[r]] for r in asked["rel_paragraphs"] if r in order]
                if asked["answer_from"] == "text":
                    found = [s for place in within if (s := place.find(answer))]
                else:
                    found = _cell(document, answer)
                spans += found[:1] if len(found) == 1 or asked["answer_from"] == "text" else []
            out.questions.append(
                Question(asked["question"], len(out.documents), answers,
                         tuple(spans) if len(spans) == len(answers) else (), len(answers) > 1, asked["answer_from"])
            )  # fmt: skip
        out.documents.append(document)
    return out


def _cell(document: Document, answer: str) -> list[tuple[int, int]]:
    return [(b.start, b.end) for i, b in enumerate(document.blocks) if b.kind == "cell" and document.block(i) == answer]


def _nq(path: Path, part: str) -> Questions:
    """Natural Questions as open ones with the passage that answers (Kwiatkowski et al. 2019; Lee et al. 2019)."""
    out = Questions("nq")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            text, title = row["ctxs"][0]["text"], row["ctxs"][0]["title"]
            document, starts = _document(title, [Part("paragraph", (Line(1, text),))])
            spans = [s for a in row["answers"] if (s := starts[0].find(a))]
            if spans:
                out.questions.append(Question(row["question"], len(out.documents), tuple(row["answers"]), tuple(spans)))
                out.documents.append(document)
    return out


def _qamr(path: Path, part: str) -> Questions:
    """QAMR (Michael et al. 2018): questions on the words of single sentences; those of one article are a document."""
    out = Questions("qamr", alone=True)
    articles: dict[str, list[tuple[str, list[tuple[str, str]]]]] = {}
    files = sorted(path.glob("qamr_*.txt.gz")) if path.is_dir() else [path]
    for name in files:
        rows: list[tuple[str, list[tuple[str, str]]]] = []
        with gzip.open(name, "rt", encoding="utf-8") as file:
            for line in file:
                line = line.rstrip("\n")
                if line.startswith("#"):
                    rows = articles.setdefault(":".join(line.split(":")[:3]), [])
                elif (match := re.match(r"^(.*?\?)\s{2,}(.*)$", line)) and rows:
                    answers = [a.strip() for a in match[2].split("\t") if a.strip()]
                    if answers and answers[0] in rows[-1][0]:
                        rows[-1][1].append((match[1], answers[0]))
                elif line.strip():
                    rows.append((line.strip(), []))
    for sentences in articles.values():
        parts = [Part("paragraph", (Line(i + 1, text),)) for i, (text, _) in enumerate(sentences)]
        if not parts:
            continue
        document, starts = _document("", parts)
        for place, (_, asked) in zip(starts, sentences, strict=True):
            for question, answer in asked:
                if span := place.find(answer):
                    out.questions.append(Question(question, len(out.documents), (answer,), (span,)))
        out.documents.append(document)
    return out


def _folder(path: Path, part: str) -> Questions:
    """A folder of documents with `set.json`: a list of {file, questions, unanswerable}."""
    from memllm_cli.documents import read as read_file

    out = Questions("folder")
    cases = json.loads((path / "set.json").read_text(encoding="utf-8"))
    for number, case in enumerate(cases):
        if not part or _third(number, len(cases)) == part:
            _asked(out, read_file(path / case["file"]), case)
    return out


def _annotated(path: Path, part: str) -> Questions:
    """`QUESTIONS@DOCUMENTS`, JSON lines (gzip): {id, part, questions, unanswerable} and {id, suffix, text}, by id.

    The documents of all parts are there: they are what a question is looked up among.
    """
    from memllm_cli.documents import read_text

    questions, _, documents = str(path).partition("@")
    texts = {str(row["id"]): row for row in _lines(Path(documents or questions))}
    out = Questions("annotated")
    rows = list(_lines(Path(questions)))
    for number, row in enumerate(rows):
        text = texts[str(row["id"])]
        suffix = "." + str(text["suffix"]).removeprefix(".")
        own = str(row.get("part") or _third(number, len(rows)))
        asked = row if part in ("", own) else {"questions": ()}
        _asked(out, read_text(f"{row['id']}{suffix}", text["text"]), asked)
    return out


def _lines(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _asked(out: Questions, document: Document, case: Mapping[str, Any]) -> None:
    """A document with its questions. A list is given by `all`, or by its kind."""
    number = len(out.documents)
    out.documents.append(document)
    for q in case["questions"]:
        every = "all" in q or q.get("kind") == "list"
        answers = tuple(map(str, q["all"] if "all" in q else q["answers"]))
        given = q.get("evidence", "")
        evidence = tuple(
            str(e) for e in [*([given] if isinstance(given, str) else given), *q.get("evidence_more", [])] if e
        )
        found = [_stands(document, a, evidence) for a in answers]
        spans = tuple(dict.fromkeys(s for s in found if s is not None))
        if not every or len(spans) < len(answers):
            spans = spans[:1]
        out.questions.append(Question(q["q"], number, answers, spans, every, q.get("kind", ""), evidence))
    out.questions += [Question(q if isinstance(q, str) else q["q"], number) for q in case.get("unanswerable", ())]


def _stands(document: Document, answer: str, evidence: Sequence[str]) -> tuple[int, int] | None:
    """Where an answer stands: of several places the one whose sentence shares most words with the evidence."""
    wanted = Counter(w for e in evidence for w in re.findall(r"\w+", e.casefold()))
    found = _Place(0, document.text).all(answer)
    if not found:
        return None

    def shared(span: tuple[int, int]) -> tuple[int, int]:
        sentence = next((s for s in document.sentences if s.start <= span[0] < s.end), None)
        text = document.text[sentence.start : sentence.end] if sentence else ""
        words = Counter(re.findall(r"\w+", text.casefold()))
        return (wanted & words).total() - (words - wanted).total() // 2, -span[0]

    return max(found, key=shared)


READERS: Mapping[str, Callable[[Path, str], Questions]] = {
    "squad": _squad, "policyqa": _policyqa, "tatqa": _tatqa, "nq": _nq, "qamr": _qamr, "folder": _folder,
    "annotated": _annotated,
}  # fmt: skip


def _third(number: int, count: int) -> str:
    """Of documents in their order: the last fifth is reported, a tenth before it tuned on."""
    return "report" if number >= 0.8 * count else "tune" if number >= 0.7 * count else "train"


# -- places ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """A part of a document: where it begins and its text there."""

    start: int
    text: str

    def all(self, answer: str) -> list[tuple[int, int]]:
        """Where an answer stands, as whole words if it does."""
        wanted = " ".join(answer.split())
        if not wanted:
            return []
        found = [m.start() for m in re.finditer(re.escape(wanted), self.text)]
        around = ((i, self.text[max(0, i - 1) : i], self.text[i + len(wanted) :][:1]) for i in found)
        whole = [i for i, before, after in around if not before.isalnum() and not after.isalnum()]
        return [(self.start + i, self.start + i + len(wanted)) for i in whole or found]

    def find(self, answer: str, near: float = 0.0) -> tuple[int, int] | None:
        """The one nearest to a share of the text."""
        return min(self.all(answer), key=lambda s: abs(s[0] - self.start - near * len(self.text)), default=None)

    def span(self, original: str, offset: int, answer: str) -> tuple[int, int] | None:
        """The same for an answer that stood at an offset before white space was collapsed."""
        return self.find(answer, offset / max(1, len(original)))


def _document(title: str, parts: Sequence[Part]) -> tuple[Document, list[_Place]]:
    made = assemble(parts)
    top = [b for b in made.blocks if b.parent is None]
    document = Document(f"questions:{title}", title, "text/plain", "", made.text, made.sentences, blocks=made.blocks)
    left = list(top)
    places = []
    for part in parts:  # what is empty leaves no block
        kind = "table" if part.kind == "table" else "paragraph"
        if left and left[0].kind == kind and (kind == "table" or _begins(made.text[left[0].start : left[0].end], part)):
            block = left.pop(0)
            places.append(_Place(block.start, made.text[block.start : block.end]))
        else:
            places.append(_Place(0, ""))
    return document, places


def _begins(text: str, part: Part) -> bool:
    """Whether a block may be a paragraph: they begin with the same letters."""
    own = re.findall(r"\w", " ".join(line.text for line in part.lines))[:8]
    return own == re.findall(r"\w", text)[:8]
