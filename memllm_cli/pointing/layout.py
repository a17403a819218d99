"""A question and a passage as the encoder sees them: one sequence of pieces, in training and in use.

The opening mark, the question, two closing marks, the passage's lead and text, a closing mark. The opening mark stands
for "not there".
"""

from __future__ import annotations

from dataclasses import dataclass

from memllm_cli.pieces import Vocabulary, words

LONGEST = 320
"""Pieces of a sequence at most; what is longer loses the end of its text."""
_QUESTION, _LEAD = 64, 48
"""Pieces at most of a question and of a lead, of which the end is kept: the heading nearest to the text."""


@dataclass(frozen=True, slots=True)
class Sequence_:
    """Ids of pieces. Those from `first` on to the last but one are the text's, at `offsets` (start, end) in it."""

    ids: tuple[int, ...]
    first: int
    offsets: tuple[tuple[int, int], ...]


def sequence(question: str, lead: str, text: str, vocabulary: Vocabulary) -> Sequence_:
    """What the encoder reads for a question and a passage."""
    asked = _ids(question, vocabulary)[:_QUESTION]
    above = _ids(lead, vocabulary)[-_LEAD:]
    head = [vocabulary.opening, *asked, vocabulary.closing, vocabulary.closing, *above]
    if above:
        head += vocabulary.pieces(":")
    room = LONGEST - len(head) - 1
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    for word in words(text):
        found = vocabulary.pieces(text[word.start : word.end])
        if len(ids) + len(found) > room:
            break
        ids += found
        offsets += [(word.start, word.end)] * len(found)
    return Sequence_((*head, *ids, vocabulary.closing), len(head), tuple(offsets))


def _ids(text: str, vocabulary: Vocabulary) -> list[int]:
    return [i for w in words(text) for i in vocabulary.pieces(text[w.start : w.end])]
