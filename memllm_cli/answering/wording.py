"""How an answer is said: its values, and for a question that wants it a yes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search.postings import terms
from memllm_cli.reading.question import asked
from memllm_cli.reading.values import join, says

_DENIES = re.compile(r"n['’]t\b|\b(?:no|not|never|neither|nor|none|without|cannot)\b", re.IGNORECASE)
_BOUNDS = re.compile(
    r"\b(?:than|more|less|fewer|at least|at most|over|under|above|below|before|after|since|until|till|by|from|only|"
    r"just|still|already|yet|ever|always|all|every)\b", re.IGNORECASE,
)  # fmt: skip
"""Words by which a question asks for more than that its words are so."""


def worded(question: str, values: Sequence[str], text: str, of_documents: bool = False) -> tuple[str, str]:
    """What is said, and the answer alone where it is another than the values.

    A question for yes or no gets a yes where it says a value itself and `text` (the facts or, `of_documents`, the
    sentences that carry the answer) all its other words, and neither denies or bounds anything; else it gets what is
    so, and a person sees what follows.
    """
    said = join(values)
    if not asked(question).yes_no:
        return said, ""
    stated = [v for v in values if says(question, v)]
    covered = set(terms(question)) <= set(terms(f"{text} {join(values)}"))
    if stated and covered and not _DENIES.search(f"{question} {text}") and not _BOUNDS.search(question):
        return f"Yes: {join(stated)}", "Yes"
    return f"{'The documents say' if of_documents else 'Memory says'}: {said}", ""


def called(fact: Fact, snapshot: Snapshot) -> str:
    """All names of a fact's relation, and those of its sides."""
    subject, relation, object_ = fact.key
    known = snapshot.relations.by_id.get(relation)
    names = () if known is None else (known.name, known.inverse, *known.aliases)
    return " ".join([*snapshot.texts(fact), *names, *snapshot.aliases(subject), *snapshot.aliases(object_)])
