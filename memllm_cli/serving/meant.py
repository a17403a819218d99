"""What callers of every kind name by words: sentences of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memllm_cli.memory.edit.evidence import Evidence
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.search.texts import Texts


def sentences(memory: Memory, texts: Texts, words: str, most: int) -> list[Evidence]:
    """The sentences of documents that fit the words best, one of each passage."""
    from memllm_cli.memory.search.postings import terms

    wanted = set(terms(words))
    spots = []
    for found in texts.search(words, most):
        text, sentences = found.passage.text, found.passage.sentences
        start, end = max(sentences, key=lambda s: (len(wanted & set(terms(text[s[0] : s[1]]))), -s[0]))
        begin, last, block = found.passage.source(start, end)
        spots.append((found.document, begin, last, block))
    return memory.evidence_at(spots)
