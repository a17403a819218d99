"""A question that leans on those before it, in full: with the name that was talked about.

Nothing is decided here. What a question leans on is tried after the question as it stands, and an answer to it has to
be as sure as any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.names import is_role, normal
from memllm_cli.prompts import Message
from memllm_cli.reading.link import Linker, mentions, names_another

_OF_IT = re.compile(r"\b(?:its|their|his|hers)\b", re.I)
_IT = re.compile(r"\b(?:it|they|them|he|him|she|her)\b", re.I)
_SOMEBODY = re.compile(r"\b(?:he|him|his|she|her|hers)\b", re.I)
_JOINS = re.compile(r"^(?:and|but|or|so)\b[\s,]*", re.I)


def in_full(question: str, before: Sequence[Message], linker: Linker) -> list[str]:
    """The question with the name that it may be about, the likelier first: of the newest question before it that has
    one, of the last answer. Nothing for a question that names something itself, and where nothing was named.
    """
    snapshot = linker.finder.memory.snapshot
    if len(question.split()) < 2 or names_another(question) or _named(question, linker, snapshot):
        return []
    asked = next((n for m in reversed(before) if m.role == "user" and (n := _named(m.text, linker, snapshot))), "")
    said = next((_named(m.text, linker, snapshot) for m in reversed(before) if m.role == "assistant"), "")
    topics = (said, asked) if _SOMEBODY.search(question) else (asked, said)
    return [_about(question, topic) for topic in dict.fromkeys(topics) if topic]


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
