"""How an answer is said: its values, and for a question that wants it a yes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memllm_cli.reading.question import asked
from memllm_cli.reading.values import join, says

_DENIES = re.compile(r"n['’]t\b|\b(?:no|not|never|neither|nor|none|without|cannot)\b", re.IGNORECASE)


def worded(question: str, values: Sequence[str], text: str = "") -> tuple[str, str]:
    """What is said, and the answer alone where it is another than the values.

    A question for yes or no gets a yes where it says a value itself; else it gets what is so, and a person sees what
    follows. `text` are the sentences that carry an answer of documents: where they or the question deny something,
    nothing is affirmed.
    """
    said = join(values)
    if not asked(question).yes_no:
        return said, ""
    stated = [v for v in values if says(question, v)]
    if stated and not _DENIES.search(f"{question} {text}"):
        return f"Yes: {join(stated)}", "Yes"
    return f"{'The documents say' if text else 'Memory says'}: {said}", ""
