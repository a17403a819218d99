"""A question that leans on those before it, in full: the ways in which it may be meant.

Nothing is decided here. What a question leans on is tried after the question as it stands, and an answer to it has to
be as sure as any other, and another one than was given before. The words that are looked for are closed classes of the
language: what joins, what asks, what stands for a name, what says the year before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.names import is_role, normal
from memllm_cli.prompts import Message
from memllm_cli.reading.link import Linker, mentions, names_another
from memllm_cli.reading.question import leans

_OF_IT = re.compile(r"\b(?:its|their|his|hers)\b", re.I)
_IT = re.compile(r"\b(?:it|they|them|he|him|she|her)\b", re.I)
_SOMEBODY = re.compile(r"\b(?:he|him|his|she|her|hers)\b", re.I)
_JOINS = re.compile(r"^(?:(?:and|but|or|so|then)\b[\s,]*)*(?:(?:what|how) about\b\s*)?", re.I)
_SAME = re.compile(r"^(?:what|how much|how many|who) (?:is|was|are|were) (?:it|that|this|they|those)\b\s*(?=\w)", re.I)
_ASKS = r"(?:who|whom|whose|what|which|when|where|why|how(?: much| many| long| old| often| far)?)"
_DOES = r"(?:is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)"
_BARE = re.compile(rf"(?:(?:for|by|at|in|on|from|to|since|until) )?{_ASKS}(?: for| not)?", re.I)
"""A word that asks, by itself."""
_SENTENCE = re.compile(rf"\b(?:{_ASKS}|{_DOES})\b", re.I)
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_BEFORE = re.compile(
    r"(?:in )?(?:the (?:year before(?: that)?|previous year|prior year)|a year (?:earlier|before))", re.I
)
_AFTER = re.compile(r"(?:in )?(?:the (?:year after(?: that)?|next year|following year)|a year later)", re.I)
_RUN = re.compile(r"(?<=[\s(])[A-Z0-9][\w&.'’-]*(?: (?:of |the |and )?[A-Z0-9][\w&.'’-]*)*")
"""A name as it is written in mid-sentence."""
_PHRASE = re.compile(
    r"\b(?:the|its|his|her|their|a|an)\s+(?:[\w%'’-]+\s){0,4}?[\w%'’-]+"
    rf"(?=\s+(?:of|for|in|at|on|from|to|under|with|by|that|who|which|{_DOES})\b|\s*[?,]|$)", re.I,
)  # fmt: skip
_ORDINAL = re.compile(r"\bthe (first|second|third|fourth|fifth|last)(?: one)?\b(?! \w+ (?:of|in)\b)", re.I)
_ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "last": -1}
_PREPOSITION = r"(?:for|in|at|on|from|to|under|with|by|after|before|since|until|during)"
SHORT = 6
"""Words of a question at most that only puts something else in the place of what was asked before."""


def in_full(question: str, before: Sequence[Message], linker: Linker, asked: str = "", said: str = "") -> list[str]:
    """The question with what it may lean on: the question before it with something else in its place, the name that was
    talked about (where it has no name itself), the last answer.

    A question that is a sentence of its own leans on nothing. `asked` is the question before it in full (else the last
    of `before`), `said` its answer, "" for none.
    """
    if not (leans(question) or _ORDINAL.search(question)) and re.search(rf"\b{_DOES}\b", question, re.I):
        return []  # a sentence of its own
    snapshot = linker.finder.memory.snapshot
    asked = asked or next((m.text for m in reversed(before) if m.role == "user"), "")
    if (item := _item(question, said)) is not None:
        return [item]
    ways = _changed(question, asked, linker, snapshot) if asked else []
    if len(question.split()) > 1 and not names_another(question) and not _named(question, linker, snapshot):
        topics = [_topic(before, role, linker, snapshot) for role in ("user", "assistant")]
        if _SOMEBODY.search(question):
            topics.reverse()
        ways += [_about(question, topic) for topic in dict.fromkeys(topics) if topic]
    return [*dict.fromkeys(ways), *([f"{said.rstrip('. ')}. {question}"] if said else [])]


def of_topic(question: str, text: str, linker: Linker) -> str:
    """A question that names nothing of its own, about the name that a text is about; else as it is."""
    snapshot = linker.finder.memory.snapshot
    if names_another(question) or _named(question, linker, snapshot):
        return question
    topic = _named(text, linker, snapshot)
    leans_on = _IT.search(question) or _OF_IT.search(question) or len(question.split()) < SHORT
    return _about(question, topic) if topic and leans_on else question


def _changed(question: str, asked: str, linker: Linker, snapshot: Snapshot) -> list[str]:
    """The question before with something else in it: another year, name or thing, or another word that asks."""
    core = _SAME.sub("", _JOINS.sub("", question.strip())).strip(" ?!.")
    if not core or len(core.split()) > SHORT:
        return []
    asked = asked.strip().rstrip(" ?!.")
    if _BARE.fullmatch(core):
        body = re.search(rf"\b{_DOES}\b.*", asked, re.I)
        return [f"{core[:1].upper()}{core[1:]} {body.group()}?"] if body and body.start() > 0 else []
    years = _YEAR.findall(asked)
    for pattern, step in ((_BEFORE, -1), (_AFTER, 1)):
        if pattern.fullmatch(core):
            return [f"{_YEAR.sub(lambda m: str(int(m.group()) + step), asked)}?"] if years else []  # noqa: B023
    if _SENTENCE.search(core) or not (leans(question) or question.rstrip().endswith("?")):
        return []
    if year := re.fullmatch(rf"(?:(?:in|for|from|of|as of|on)\s+)?({_YEAR.pattern})", core):
        return [f"{asked.replace(years[-1], year[1])}?"] if years else [f"{asked} in {year[1]}?"]
    if any(w[:1].isupper() or w[:1].isdigit() for w in core.split()):
        known = _named(asked, linker, snapshot)
        names = [known] if known and known in asked else []
        names += [m.group() for m in _RUN.finditer(asked) if m.group() not in names]
        bare = re.sub(r"^(?:for|in|at|on|from|by|to|of)\s+(?=[A-Z0-9])", "", core)
        return [f"{asked.replace(name, bare)}?" for name in names[:2]]
    leads = re.match(rf"{_PREPOSITION}\s+", core, re.I)
    core = core[leads.end() :] if leads else core
    phrases = [p for p in _PHRASE.finditer(asked) if not leads or asked[: p.start()].endswith(f" {leads.group()}")]
    if phrases:
        plain = next((p for p in phrases if not re.search(r"\b[A-Z]", p.group())), phrases[0])
        bare = core if re.match(r"(?:the|its|his|her|their|a|an)\s", core, re.I) else f"the {core}"
        return [f"{asked[: plain.start()]}{bare}{asked[plain.end() :]}?"]
    return [f"{asked} {leads.group()}{core}?"] if leads else []


def _item(question: str, said: str) -> str | None:
    """The question about one of several things that were answered: "When was the second one founded?" """
    match = _ORDINAL.search(question)
    items = [i for i in re.split(r",\s+(?:and\s+)?|\s+and\s+", said) if i]
    if match is None or len(items) < 2:
        return None
    place = _ORDINALS[match[1].casefold()]
    return f"{question[: match.start()]}{items[place]}{question[match.end() :]}" if place < len(items) else None


def _topic(before: Sequence[Message], role: str, linker: Linker, snapshot: Snapshot) -> str:
    """The name that was talked about last by one of the two: of the answers, by the last one alone."""
    turns = [m for m in reversed(before) if m.role == role]
    return next((n for m in (turns if role == "user" else turns[:1]) if (n := _named(m.text, linker, snapshot))), "")


def _about(question: str, topic: str) -> str:
    bare = _JOINS.sub("", question.strip()).rstrip(" ?!.")
    for pattern, name in ((_OF_IT, f"{topic}'s"), (_IT, topic)):
        said, count = pattern.subn(lambda _, name=name: name, bare, count=1)  # type: ignore[misc]
        if count:
            return f"{said}?"
    return f"{bare} of {topic}?"


def _named(text: str, linker: Linker, snapshot: Snapshot) -> str:
    """The longest name of a text that is one of its own; "" where there is none, or only words that memory knows."""
    names = [snapshot.name(m.entities[0]) for m in mentions(snapshot, text, linker.names(snapshot))]
    own = [n for n in names if n[:1].isupper() and not is_role(normal(n))]
    return max(own, key=len, default="")
