"""What kind of answer a question wants, from its words: a fitting relation must not answer another question."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memllm_cli.memory.values.relations import Relation
from memllm_cli.relation_words import STOP, stem

_NAMES = frozenset({"entity", "text"})
_KINDS = (
    (r"when\b", frozenset({"date", "text"})),
    (r"(who|whom|whose|where)\b", _NAMES),
    (r"how long\b", frozenset({"duration", "number", "text"})),
    (r"how much\b", frozenset({"money", "number", "text"})),
    (r"how many\b", frozenset({"number", "text"})),
    (r"(why\b|how (do|does|did|can|could|should|to|is|are|was|were)\b)", frozenset[str]()),
)
_QUALIFIERS = frozenset(
    "not never former formerly previous previously next future upcoming annual annually yearly monthly weekly daily "
    "quarterly hourly".split()
)
_PAST = frozenset("former formerly previous previously ex erstwhile".split())
_GONE = re.compile(r"\b(?:used to|no longer|any ?more)\b")
"""What says "formerly" in two words."""
_OVER = _PAST | {"until", "till"}
"""Words of a question for what is no more, and of a text that speaks of it: a closed class."""
_YES_NO = re.compile(r"(is|are|was|were|does|do|did|has|have|had|can|will)(?:n't)?\b", re.IGNORECASE)


_LEANS = re.compile(
    r"^(?:and|but|so|then|also|what about|how about)\b|\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|"
    r"that|these|those|there|then|the same)\b", re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """`kinds` of object that can answer (None: any), `qualifiers` that a relation must share, or a yes or no."""

    kinds: frozenset[str] | None
    qualifiers: frozenset[str]
    yes_no: bool

    def fits(self, relation: Relation, known: str) -> bool:
        """Whether a relation, with the name on the side `known`, can answer."""
        if self.kinds is not None and ("entity" if known == "object" else relation.object_type) not in self.kinds:
            return False
        if not self.qualifiers:
            return True
        words = {stem(w) for phrase, _ in relation.phrases() for w in phrase.split()}
        return all(stem(q) in words for q in self.qualifiers)


def asked(question: str) -> Asked:
    """Read a question whose names have been taken out."""
    text = question.replace("’", "'").casefold().strip(" \t\n\"'(¿¡")
    text = re.sub(r"^(and|but|so|or|please|tell me|then)[, ]+", "", text)
    words = {w.strip(".,;:!?\"'()") for w in _GONE.sub("formerly", text).split()}
    qualifiers = words & _QUALIFIERS
    if any(w.endswith("n't") for w in words):
        qualifiers |= {"not"}
    kinds = next((kinds for pattern, kinds in _KINDS if re.match(pattern, text)), None)
    return Asked(kinds, frozenset(qualifiers), bool(_YES_NO.match(text)))


_ASKS = re.compile(
    r"\?\W*$|^\W*(?:(?:and|but|so|or|then|please|now)\W+)*(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|am|"
    r"do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must|tell|show|give|list|find|write|explain|"
    r"summari[sz]e|remind|let|compare|say|draft)\b", re.IGNORECASE,
)  # fmt: skip


def asks(text: str) -> bool:
    """Whether a text asks for something: by its mark, or by a word that begins questions and requests."""
    return _ASKS.search(text.strip()) is not None


def leans(question: str) -> bool:
    """Whether a question leans on the one before ("And its rent?"): it begins as one that goes on, or has a word that
    stands for something said. These words are a closed class of the language."""
    return _LEANS.search(question.strip()) is not None


def foreign(text: str) -> bool:
    """Whether a text asks in a language that the models do not know: a question without a function word of English, or
    one without a letter of its script. What they would make of it by themselves is no answer."""
    asks = text.rstrip("\"'”’»)] ").endswith(("?", "？", "؟")) or not re.search("[A-Za-z]", text)
    return asks and not _ENGLISH & _plain(text)


# Without those that are words of German, French or Spanish too.
_OURS = "can could will would should may let"
_THEIRS = "a an on me i in was as her not am"
_ENGLISH = (STOP | set(_OURS.split())) - set(_THEIRS.split())


def heeded(question: str, text: str) -> bool:
    """Whether a text speaks of what is no more, if a question asks for that: who is head is not the former head."""
    return not _PAST & _plain(question) or bool(_OVER & _plain(text))


def _plain(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", _GONE.sub("formerly", text.casefold())))
