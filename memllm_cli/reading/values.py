"""Values and texts that say them: what a grounded answer states, and of evidence what carries it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.values.names import normal
from memllm_cli.reading.events import ReadResult, Source
from memllm_cli.types import Triple

CIRCLE = 16
"""Tokens that end an answer when they are said again."""


def circles(tokens: Sequence[int], length: int = CIRCLE) -> bool:
    """Whether the last `length` tokens have been said before: small models go on like that for ever."""
    last = list(tokens[-length:])
    return len(last) == length and any(
        list(tokens[i : i + length]) == last for i in range(len(tokens) - 2 * length + 1)
    )


def telling(evidence: Sequence[Evidence], fact: Triple) -> tuple[Evidence, ...]:
    """Evidence in its order, but what names the object first, and of that what names the subject too.

    Of two sentences one may only say what the other is about: "Its capital is Sylvania City."
    """
    return tuple(
        sorted(evidence, key=lambda e: (not says(e.sentence, fact.object), not says(e.sentence, fact.subject)))
    )


def carrying(evidence: Sequence[Evidence], value: str) -> tuple[Evidence, ...]:
    """Of evidence the first, which tells most, and what has the answer in it; not what only says who is meant."""
    return tuple(e for n, e in enumerate(evidence) if n == 0 or says(e.said, value))


def best(result: ReadResult) -> list[Source]:
    """The sources a grounded answer states, one a value.

    Of a side that takes many values all that have the best authority: what a person stated leaves out what others
    state beside it, and what a table states leaves out what a model wrote. Of a side that takes one, the first.
    """
    if not result.sources:
        return []
    top = result.sources[0]
    if not top.many:
        return [top]
    kept = [s for s in result.sources if s.hit.fact.authority == top.hit.fact.authority]
    near = [s for s in kept if s.hit.fact.key[1] == top.hit.fact.key[1] and s.hit.distance <= top.hit.distance]
    return list({s.hit.value: s for s in reversed(near)}.values())[::-1]


def says(text: str, value: str) -> bool:
    """Whether a text holds a value: its words side by side, in any order ("4,200 EUR" holds "EUR 4,200")."""
    wanted = sorted(_words(value))
    if not wanted:
        return value.strip() in text
    words = _words(text)
    return any(sorted(words[i : i + len(wanted)]) == wanted for i in range(len(words) - len(wanted) + 1))


def _words(text: str) -> list[str]:
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", normal(text))
    for sign, code in (("€", " eur "), ("$", " usd "), ("£", " gbp ")):
        text = text.replace(sign, code)
    return re.findall(r"\w+", text)


def join(values: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`; each value once."""
    values = list(dict.fromkeys(values))
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
