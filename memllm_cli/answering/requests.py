"""What a person asks for that is no question: what memory has about a name, what a document says.

These are words to the program, as commands are. Where nothing comes of one it is read as a question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_POLITE = r"(?:please |can you |could you |would you )*"
_ABOUT = re.compile(
    rf"{_POLITE}(?:tell me(?: all| everything| more)?(?: you know)? about|what (?:do you|does memory|does the memory) "
    r"(?:know|have) (?:about|on)|what is known (?:about|of)) (?P<name>.+)", re.IGNORECASE,
)  # fmt: skip
_SUMMARY = re.compile(
    rf"{_POLITE}(?:summari[sz]e|sum up|give (?:me )?a summary of|a summary of|summary of) (?P<name>.+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: `about` a name, or a `summary` of a document of that name."""

    kind: str
    name: str


def requested(text: str) -> Request | None:
    """The request that a text is; None for everything else."""
    plain = " ".join(text.split()).strip(" .!?\"'“”")
    for kind, pattern in (("about", _ABOUT), ("summary", _SUMMARY)):
        if (match := pattern.fullmatch(plain)) is not None:
            name = re.sub(r"^(?:the|my|our)\s+(?:document|file|text)\s+", "", match["name"], flags=re.IGNORECASE)
            return Request(kind, name.strip(" \"'“”"))
    return None
