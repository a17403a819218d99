"""What the writing of prose is worth: facts found in annotated passages, against what readers wanted; contracts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from memllm_cli.calibration.extractor import FEATURES, Extracting
from memllm_cli.calibration.logistic import fit
from memllm_cli.corpora.matching import RELATED, Statement, paired, share
from memllm_cli.corpora.statements import Text
from memllm_cli.documents.sentences import split
from memllm_cli.types import Block, Document, Sentence
from memllm_cli.writing.drafts import DocumentWriter, Found
from memllm_cli.writing.extracts import Extracts


def document_of(text: Text, number: int = 0) -> tuple[Document, int]:
    """A passage as a document, its headings above it; and where the passage itself begins."""
    title, *path = text.lead.split(" > ") if text.lead else ["passage"]
    body = ""
    blocks: list[Block] = []
    for level, heading in enumerate(path, 1):
        above = len(blocks) - 1 if blocks else None
        blocks.append(Block("heading", len(body), len(body) + len(heading), level, parent=above, level=level))
        body += heading + "\n"
    under = len(blocks) - 1 if blocks else None
    begin = 0
    for i, line in enumerate((*text.before, *text.sentences)):
        if i == len(text.before):
            begin = len(body)
        blocks.append(Block("paragraph", len(body), len(body) + len(line), len(blocks) + 1, parent=under))
        body += line + "\n"
    sentences = tuple(Sentence(a, b, 1) for a, b in split(body))
    return Document(f"passage-{number}", title, "text/plain", "", body, sentences, blocks=tuple(blocks)), begin


@dataclass(slots=True)
class Counted:
    """Facts of passages: wanted as current, stored as current, found (and with their relation) of those; of what is
    wanted as not current how much was found, how much of it with its truth, how much was stored as current."""

    wanted: int = 0
    stored: int = 0
    found: int = 0
    related: int = 0
    other: int = 0
    other_found: int = 0
    other_right: int = 0
    other_stored: int = 0
    words: int = 0

    def add(self, other: Counted) -> None:
        """Add the figures of other passages."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def figures(self) -> dict[str, float]:
        """In percent, and for each thousand words."""

        def percent(a: int, b: int) -> float:
            return round(100 * a / b, 1) if b else 0.0

        return {
            "wanted": self.wanted, "stored": self.stored, "found": percent(self.found, self.wanted),
            "related": percent(self.related, self.wanted), "precision": percent(self.found, self.stored),
            "not stated": self.other, "kept": percent(self.other_found, self.other),
            "meant right": percent(self.other_right, self.other_found),
            "stored as facts": percent(self.other_stored, self.other),
            "a thousand words": round(1000 * self.stored / self.words, 1) if self.words else 0.0,
        }  # fmt: skip


@dataclass(slots=True)
class Read:
    """One passage: what was wanted, what was found in it."""

    text: Text
    wanted: list[Statement]
    found: list[Found] = field(default_factory=list)


def wanted(text: Text) -> list[Statement]:
    """The annotated facts of a passage."""
    return [
        Statement(s.fact["s"], s.fact["r"], s.fact["o"], s.fact["t"], bool(s.fact.get("ended") or s.fact.get("until")))
        for s in text.said
        if s.fact
    ]


def made(found: Found) -> Statement:
    """What was found, to be compared."""
    t = found.triple
    return Statement(t.subject, t.relation, t.object, found.truth, found.valid_to is not None)


def read(writer: DocumentWriter, texts: Sequence[Text], progress: Callable[[int], None]) -> list[Read]:
    """Passages through the path that `ingest` takes."""
    out = []
    for number, text in enumerate(texts):
        document, begin = document_of(text, number)
        reading = writer.read(document)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                found: tuple[Found, ...] = end.value
                break
        inside = [f for f in found if f.sentences and document.sentences[f.sentences[0]].start >= begin]
        out.append(Read(text, wanted(text), inside))
        progress(number + 1)
    return out


def counted(one: Read) -> Counted:
    """The figures of one passage."""
    stored = [made(f) for f in one.found if f.sure and f.truth == "stated" and f.valid_to is None]
    kept = [made(f) for f in one.found]
    current = [w for w in one.wanted if w.current]
    other = [w for w in one.wanted if not w.current]
    pairs = paired(current, stored)
    more = paired(other, kept)
    free = [s for j, s in enumerate(stored) if j not in {j for _, j in pairs}]
    return Counted(
        len(current), len(stored), len(pairs),
        sum(share(current[i].relation, stored[j].relation) >= RELATED for i, j in pairs),
        len(other), len(more),
        sum(other[i].truth == kept[j].truth and other[i].ended == kept[j].ended for i, j in more),
        len(paired(other, free)), sum(len(s.split()) for s in one.text.sentences),
    )  # fmt: skip


def by_genre(reads: Sequence[Read]) -> dict[str, dict[str, float]]:
    """Figures of each kind of document, and of all."""
    genres: dict[str, Counted] = {}
    total = Counted()
    for one in reads:
        figures = counted(one)
        genres.setdefault(one.text.genre or "other", Counted()).add(figures)
        total.add(figures)
    return {**{g: c.figures() for g, c in sorted(genres.items())}, "all": total.figures()}


def fitted(extracts: Extracts, texts: Sequence[Text], progress: Callable[[int], None]) -> dict[str, Any]:
    """Weights and thresholds for an extractor, from passages that it was not trained on."""
    rows: list[tuple[tuple[float, ...], bool]] = []
    extracts.extracting = Extracting(weights=(9.0, *[0.0] * (len(FEATURES) - 1)), fact=0.0, least=0.0)
    gold = 0
    for number, text in enumerate(texts):
        document, begin = document_of(text, number)
        asked = wanted(text)
        gold += sum(w.current for w in asked)
        inside = [
            (f, features)
            for f, features in extracts.weighed(document)
            if f.sentences and document.sentences[f.sentences[0]].start >= begin
        ]
        matched = {j: asked[i] for i, j in paired(asked, [made(f) for f, _ in inside])}
        for j, (f, features) in enumerate(inside):
            w = matched.get(j)
            right = w is not None and w.current == made(f).current
            rows.append((features, right and share(w.relation, f.triple.relation) >= RELATED if w else False))
        progress(number + 1)
    weights = fit([f for f, _ in rows], [r for _, r in rows])
    plain = Extracting(weights=weights)
    scored = sorted(((plain.weighed(f), r) for f, r in rows), reverse=True)
    curve = []
    for least in [x / 20 for x in range(1, 19)]:
        kept = [r for p, r in scored if p >= least]
        hits = sum(kept)
        precision, recall = hits / max(1, len(kept)), hits / max(1, sum(r for _, r in rows))
        curve.append({"from": least, "kept": len(kept), "precision": round(precision, 3), "recall": round(recall, 3)})
    return {
        "weights": list(weights),
        "features": list(FEATURES),
        "curve": curve,
        "passages": len(texts),
        "wanted": gold,
    }


def counts(reads: Sequence[Read]) -> Counter[str]:
    """How many statements of each truth were found."""
    return Counter(f.truth for one in reads for f in one.found)
