"""Texts with the statements they make, and the places of their parts: what the extractor is trained and measured on.

Kinds: `annotated` (our own passages and facts, docs/training.md), `openie` (OIE2016, CaRB: Stanovsky and Dagan 2016,
Bhardwaj et al. 2019), `qasrl` (FitzGerald et al. 2018, Roit et al. 2020), `cuad` (Hendrycks et al. 2021), `gap`
(Webster et al. 2018), `names` (the names of DocRED's things, Yao et al. 2019).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from memllm_cli.documents.sentences import split
from memllm_cli.errors import DamagedError, NotFound

LEAD = -1
"""In the place of a sentence's number: the title and the headings."""


class Place(NamedTuple):
    """Characters `[start, end)` of a sentence by its number, or of the lead."""

    sentence: int
    start: int
    end: int


@dataclass(slots=True)
class Said:
    """A statement. Of what is None nothing is known; an empty tuple says that the text has no words for it."""

    object: Place
    subject: tuple[Place, ...] | None = None
    """The words for the subject."""
    names: tuple[Place, ...] | None = None
    """Where its fullest name stands."""
    relation: tuple[Place, ...] | None = None
    fixed: str = ""
    known: str | None = None
    """Which of `extracting.heads.FIELDS` its relation is; empty for none of them."""
    since: tuple[Place, ...] | None = None
    until: tuple[Place, ...] | None = None
    when: tuple[Place, ...] | None = None
    by: tuple[Place, ...] | None = None
    truth: str | None = None
    marks: tuple[bool, bool] | None = None
    fact: dict[str, Any] = field(default_factory=dict)
    """As it was annotated."""


@dataclass(slots=True)
class Text:
    """A passage: title and headings, what stands before, its sentences and what they state.

    `complete` says that nothing else is stated. `mentions` are words with the places of the fullest name of the same
    thing. `style` is whose way of annotating it follows.
    """

    id: str
    lead: str
    before: tuple[str, ...]
    sentences: tuple[str, ...]
    said: list[Said]
    style: str
    complete: bool = True
    mentions: list[tuple[Place, tuple[Place, ...]]] = field(default_factory=list)
    genre: str = ""
    part: str = "train"


def read(argument: str) -> list[Text]:
    """The texts of `KIND:PATH`, of split sets with `#PART`. Raises NotFound, DamagedError."""
    kind, _, rest = argument.partition(":")
    path, _, part = rest.partition("#")
    reader = _READERS.get(kind)
    if reader is None:
        raise NotFound(f"There is no kind of data '{kind}'.", f"Kinds: {', '.join(_READERS)}")
    try:
        return [t for t in reader(Path(path)) if not part or t.part == part]
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Check the path.") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DamagedError(f"{path} cannot be read as {kind}: {error}", "See docs/training.md.") from error


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from file


# -- our own ------------------------------------------------------------------------------------------------------


def annotated(path: Path) -> Iterator[Text]:
    """Passages with facts, one a line: `id`, `genre`, `part`, `title`, `path`, `before`, `text`, `facts`."""
    for line in _lines(path):
        row = json.loads(line)
        yield located(row)


def located(row: dict[str, Any]) -> Text:
    """A passage of ours with the places of everything that its facts name."""
    text = str(row["text"])
    ranges = split(text)
    sentences = tuple(text[a:b] for a, b in ranges)
    lead = " > ".join(dict.fromkeys(x for x in (row["title"], *row["path"]) if x))
    out = Text(row["id"], lead, tuple(row["before"]), sentences, [], "ours", genre=row["genre"], part=row["part"])
    for fact in row["facts"]:
        if (said := _located(fact, text, ranges, lead)) is not None:
            if row["genre"] == "contract":
                said.known = None  # which of a contract's fields it is, lawyers say elsewhere
            out.said.append(said)
    return out


def _located(fact: dict[str, Any], text: str, ranges: Sequence[tuple[int, int]], lead: str) -> Said | None:
    shown = _find(text, fact["e"])
    if not shown:
        return None
    begin, end = shown[0]

    def place(a: int, b: int) -> Place | None:
        for n, (c, d) in enumerate(ranges):
            if c <= a < d:
                return Place(n, a - c, min(b, d) - c)
        return None

    def inside(words: str, near: int | None = None) -> tuple[Place, ...]:
        """The occurrence of some words in the evidence, the nearest to a place."""
        found = [(begin + a, begin + b) for a, b in _find(text[begin:end], words)]
        if not found:
            return ()
        best = min(found, key=lambda f: abs(f[0] - near)) if near is not None else found[0]
        return tuple(p for p in (place(*best),) if p is not None)

    relation = [(begin + a, begin + b) for a, b in _find(text[begin:end], fact["r"])]
    objects = [(begin + a, begin + b) for a, b in _find(text[begin:end], fact["o"])]
    if not objects:
        return None
    beside = relation[0][1] if relation else None
    first, last = min(objects, key=lambda o: abs(o[0] - beside)) if beside is not None else objects[-1]
    at = place(first, last)
    if at is None:
        return None
    words = fact.get("w", fact["s"])
    subject = inside(words, first) if words else ()
    every = tuple(p for a, b in _find(text, fact["s"]) if a <= end and (p := place(a, b)) is not None)
    every += tuple(Place(LEAD, a, b) for a, b in _find(lead, fact["s"]))
    times = {
        k: inside(fact[v]) if fact.get(v) else () for k, v in (("since", "from"), ("until", "until"), ("when", "when"))
    }
    by = (
        inside(fact["by"]) or tuple(p for a, b in _find(text, fact["by"]) if (p := place(a, b)) is not None)
        if fact.get("by")
        else ()
    )
    said = inside(fact["r"], first)
    return Said(
        at, subject, every or subject or (), said or (None if fact["r"] not in _SMALL else ()),
        fact["r"] if fact["r"] in _SMALL and not said else "", "", **times, by=by, truth=fact["t"],
        marks=(bool(fact.get("ended")), bool(fact.get("about"))), fact=fact,
    )  # fmt: skip


_SMALL = frozenset(
    ("is", "has", "in", "of", "at", "on", "by", "for", "from", "to", "with", "called", "part of", "includes")
)


def _find(text: str, words: str) -> list[tuple[int, int]]:
    """Where some words stand in a text, whatever the case and the white space between them, as whole words."""
    parts = [re.escape(w) for w in words.split()]
    if not parts:
        return []
    pattern = r"\s+".join(parts)
    left = r"(?<!\w)" if words.strip()[:1].isalnum() else ""
    right = r"(?!\w)" if words.strip()[-1:].isalnum() else ""
    return [m.span() for m in re.finditer(left + pattern + right, text, re.IGNORECASE)]


# -- open relations -------------------------------------------------------------------------------------------------


def openie(path: Path) -> Iterator[Text]:
    """`text` and `triples` a line; words are set apart by spaces, relations are verbs or what stands around them."""
    for line in _lines(path):
        row = json.loads(line)
        text = str(row["text"])
        said = []
        for subject, relation, object_ in row["triples"]:
            verb = _find(text, relation)
            near = verb[0][1] if verb else None
            objects = _find(text, object_)
            if not objects:
                continue
            o = min(objects, key=lambda f: abs(f[0] - near)) if near is not None else objects[0]
            subjects = _find(text, subject)
            s = min(subjects, key=lambda f: abs(f[0] - o[0])) if subjects else None
            said.append(
                Said(Place(0, *o), (Place(0, *s),) if s else None, None, (Place(0, *verb[0]),) if verb else None)
            )
        if said:
            yield Text(row["id"], "", (), (text,), said, "open")


# -- who did what to whom ---------------------------------------------------------------------------------------------

_PLANNED = frozenset("will would might may could".split())
_PLAIN = frozenset(("", "did", "does", "do", "is", "was", "are", "were", "has", "had", "have"))


def qasrl(path: Path) -> Iterator[Text]:
    """`NAME.csv.gz` with `NAME.sentences.csv.gz` beside it: questions about verbs, answered in the sentence's words."""
    beside = path.with_name(path.name.replace(".csv", ".sentences.csv"))
    texts = {r["qasrl_id"]: r["tokens"].split(" ") for r in csv.DictReader(io.StringIO("".join(_lines(beside))))}
    verbs: dict[str, dict[int, list[dict[str, str]]]] = {}
    for row in csv.DictReader(io.StringIO("".join(_lines(path)))):
        verbs.setdefault(row["qasrl_id"], {}).setdefault(int(row["verb_idx"]), []).append(row)
    for key, of in verbs.items():
        tokens = texts.get(key)
        if tokens is None:
            continue
        starts = [0]
        for token in tokens:
            starts.append(starts[-1] + len(token) + 1)
        said = [s for at, rows in of.items() for s in _roles(rows, at, tokens, starts)]
        if said:
            yield Text(key, "", (), (" ".join(tokens),), said, "roles")


def _roles(rows: Sequence[dict[str, str]], verb: int, tokens: Sequence[str], starts: Sequence[int]) -> Iterator[Said]:
    def spans(row: dict[str, str]) -> list[Place]:
        pairs = [tuple(map(int, r.split(":"))) for r in row["answer_range"].split("~!~")]
        return [Place(0, starts[a], starts[b] - 1) for a, b in pairs if b > a]

    def true(row: dict[str, str], key: str) -> bool:
        return row[key] == "True"

    subjects: dict[bool, list[Place]] = {False: [], True: []}
    for row in rows:
        if row["wh"] in ("who", "what") and not row["subj"]:
            subjects[true(row, "is_passive")] += spans(row)
    verbs = (Place(0, starts[verb], starts[verb + 1] - 1),)
    seen: set[Place] = set()
    for row in rows:
        if row["wh"] in ("who", "what") and not row["subj"]:
            continue
        of = tuple(dict.fromkeys(subjects[true(row, "is_passive")]))
        if not of:
            continue
        aux = row["aux"].removesuffix("n't")
        truth = (
            "denied"
            if true(row, "is_negated")
            else "planned"
            if aux in _PLANNED
            else "stated"
            if aux in _PLAIN
            else None
        )
        for place in spans(row):
            if place not in seen:
                seen.add(place)
                yield Said(place, of, None, verbs, truth=truth)


# -- which name --------------------------------------------------------------------------------------------------------


def gap(path: Path) -> Iterator[Text]:
    """A pronoun with two names, of which one or none is meant; tab-separated."""
    for row in csv.DictReader(io.StringIO("".join(_lines(path))), delimiter="\t"):
        text = row["Text"]
        ranges = split(text)

        def place(offset: int, words: str, ranges: list[tuple[int, int]] = ranges) -> Place | None:
            return next(
                (Place(n, offset - a, offset - a + len(words)) for n, (a, b) in enumerate(ranges) if a <= offset < b),
                None,
            )

        right = [
            p
            for n in "AB"
            if row[f"{n}-coref"].upper() == "TRUE" and (p := place(int(row[f"{n}-offset"]), row[n])) is not None
        ]
        pronoun = place(int(row["Pronoun-offset"]), row["Pronoun"])
        if pronoun is not None and right:
            yield Text(
                row["ID"], "", (), tuple(text[a:b] for a, b in ranges), [], "names", False, [(pronoun, tuple(right))]
            )


def names(path: Path) -> Iterator[Text]:
    """DocRED's things: every mention that is not the longest name of its thing points to it."""
    for row in json.loads(path.read_text(encoding="utf-8")):
        sentences = tuple(" ".join(s) for s in row["sents"])
        starts = []
        for words in row["sents"]:
            at = [0]
            for word in words:
                at.append(at[-1] + len(word) + 1)
            starts.append(at)
        mentions = []
        for thing in row["vertexSet"]:
            places = [
                (
                    m["name"],
                    Place(m["sent_id"], starts[m["sent_id"]][m["pos"][0]], starts[m["sent_id"]][m["pos"][1]] - 1),
                )
                for m in thing
            ]
            longest = max(len(n) for n, _ in places)
            full = tuple(p for n, p in places if len(n) == longest)
            mentions += [(p, full) for n, p in places if len(n) < longest]
        if mentions:
            yield Text(row["title"], row["title"], (), sentences, [], "names", False, mentions)


# -- contracts ---------------------------------------------------------------------------------------------------------

CONTRACT = {
    "Document Name": "document name", "Parties": "party", "Agreement Date": "agreement date",
    "Effective Date": "effective date", "Expiration Date": "expiration date", "Renewal Term": "renewal term",
    "Notice Period To Terminate Renewal": "notice period", "Governing Law": "governing law",
}  # fmt: skip
"""The questions about contracts that are used, and our names for them."""
REPORTED = 60
"""Contracts at the end of the file that are kept for reports, and as many half before them for tuning."""


def cuad(path: Path) -> Iterator[Text]:
    """Stretches of contracts around what lawyers marked, with what they answered."""
    rows = [json.loads(line) for line in _lines(path)]
    for number, row in enumerate(rows):
        left = len(rows) - number
        part = "report" if left <= REPORTED else "tune" if left <= REPORTED + REPORTED // 2 else "train"
        text = str(row["text"])
        ranges = split(text)
        around: dict[int, list[Said]] = {}
        for question, label in CONTRACT.items():
            for place_ in _marked(row, question, text):
                at = next((n for n, (a, b) in enumerate(ranges) if a <= place_[0] < b), None)
                if at is None or place_[1] > ranges[at][1]:
                    continue
                a = ranges[at][0]
                place = Place(at, place_[0] - a, place_[1] - a)
                around.setdefault(at, []).append(Said(place, (), (), known=label, truth="stated"))
        done: set[int] = set()
        for at in sorted(around):
            if at in done:
                continue
            first, last = max(0, at - 4), min(len(ranges), at + 8)
            inside = [n for n in around if first <= n < last and n not in done]
            done.update(inside)
            said = [_moved(s, first) for n in inside for s in around[n]]
            sentences = tuple(text[a:b] for a, b in ranges[first:last])
            yield Text(f"{row['name']}:{first}", "contract.txt", (), sentences, said, "ours", False, part=part)


def _moved(said: Said, first: int) -> Said:
    o = said.object
    return Said(Place(o.sentence - first, o.start, o.end), (), (), known=said.known, truth=said.truth)


def _marked(row: dict[str, Any], question: str, text: str) -> Iterator[tuple[int, int]]:
    """Where what was answered stands in the clauses that were marked."""
    answer = row["answers"].get(question)
    clauses = _clauses(row["clauses"].get(question))
    if not clauses or not answer:
        return
    for clause in clauses:
        spots = _find(text, clause)
        if not spots:
            continue
        begin, end = spots[0]
        for a, b in _answered(question, str(answer), text[begin:end]):
            yield begin + a, begin + b


def _clauses(raw: Any) -> list[str]:
    import ast

    if not raw:
        return []
    found = ast.literal_eval(raw) if isinstance(raw, str) else raw
    return [str(c) for c in found]


_PARTY = re.compile(r"\s*\([^)]*\)")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_NUMBER = re.compile(r"(\d+)\s*-?\s*(day|week|month|year)s?", re.IGNORECASE)


def _answered(question: str, answer: str, clause: str) -> list[tuple[int, int]]:
    if question == "Document Name":
        return [(0, len(clause))]
    if question == "Parties":
        wanted = [_PARTY.sub("", p).strip(" .,") for p in answer.split(";")]
        return [m for p in wanted if p for m in _find(clause, p)[:1]]
    if question == "Governing Law":
        return [m for p in re.split(r"[;,]", answer) if p.strip() for m in _find(clause, p.strip())[:1]]
    if question in ("Renewal Term", "Notice Period To Terminate Renewal"):
        out = []
        for number, unit in _NUMBER.findall(answer):
            pattern = rf"(?:[\w-]+\s*\(\s*)?\b{number}\b\s*\)?[\s-]*(?:\w+\s+)?{unit}s?"
            spelled = rf"\b{_SPELLED.get(int(number), 'none')}\b(?:\s*\(\s*{number}\s*\))?[\s-]*(?:\w+\s+)?{unit}s?"
            found = re.search(spelled, clause, re.IGNORECASE) or re.search(pattern, clause, re.IGNORECASE)
            if found:
                out.append(found.span())
        return out
    parts = answer.split("/")
    if len(parts) != 3 or not all(p.isdigit() for p in parts) or not 1 <= int(parts[0]) <= 12:
        return []
    month, day, year = map(int, parts)
    name = _MONTHS[month - 1]
    written = rf"(?:(?:this\s+)?{day}\s*(?:st|nd|rd|th)?\s*(?:day\s+of\s+)?{name}\w*\.?,?\s+(?:\d\d)?{year:02d}\b)"
    american = rf"(?:{name}\w*\.?\s+{day}\s*(?:st|nd|rd|th)?,?\s+(?:\d\d)?{year:02d}\b)"
    plain = rf"(?:\b0?{month}[/.-]0?{day}[/.-](?:\d\d)?{year:02d}\b)"
    return [m.span() for m in [re.search(f"{written}|{american}|{plain}", clause, re.IGNORECASE)] if m]


_SPELLED = dict(
    enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
) | {30: "thirty", 45: "forty-five", 60: "sixty", 90: "ninety", 120: "one hundred twenty", 180: "one hundred eighty"}

_READERS: dict[str, Callable[[Path], Iterator[Text]]] = {
    "annotated": annotated, "openie": openie, "qasrl": qasrl, "cuad": cuad, "gap": gap, "names": names,
}  # fmt: skip
