"""What "I" and "my" mean in a question: the name under which facts about the person who asks are kept."""

from __future__ import annotations

import re

from memllm_cli.memory.values.names import normal
from memllm_cli.reading.link import Linker, mentions

_MY = re.compile(r"\b(?:my|mine|our|ours)\b", re.I)
_I = re.compile(r"\b(?:I|[Mm]e|[Mm]yself|[Ww]e|us)\b")
_AM = re.compile(r"\bam (?=I\b)", re.I)


def of_person(question: str, person: str, linker: Linker) -> str:
    """The question with a person's name for "I" and "my"; "" where neither stands in it, or memory has not the name."""
    if not person or not (_I.search(question) or _MY.search(question)):
        return ""
    said = _MY.sub(lambda _: f"{person}'s", _AM.sub("is ", question))
    said = _I.sub(lambda _: person, said)
    known = mentions(linker.finder.memory.snapshot, said, linker.names(linker.finder.memory.snapshot))
    form = normal(person)
    return said if any(normal(m.surface).startswith(form) for m in known) else ""
