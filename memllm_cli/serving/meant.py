"""What callers of every kind name: facts by a pattern, documents by a name, sentences by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memllm_cli.errors import NotFound

if TYPE_CHECKING:
    from memllm_cli.memory.edit.evidence import Evidence
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.history.facts import Fact
    from memllm_cli.memory.history.snapshot import Snapshot
    from memllm_cli.memory.search.texts import Texts


def matching(
    snapshot: Snapshot, pattern: str, proposed: bool | None = False, part: bool = False, every: bool = False
) -> list[Fact]:
    """Facts (or proposals) that a pattern means; with `part`, names need only contain what was typed.

    With `every` also what documents say without stating it.

    Raises UsageError for a malformed pattern and NotFound for a relation that does not exist.
    """
    from memllm_cli.memory.views.query import matching as found
    from memllm_cli.memory.views.query import pattern as meant
    from memllm_cli.protocol.grammar import parse_pattern

    fields = parse_pattern(pattern) if pattern else ("", "", "")
    facts = found(snapshot, meant(snapshot, fields, part), proposed, every)
    return sorted({f.key: f for f in facts}.values(), key=lambda f: f.supports[0].id)


def confined_to(memory: Memory, names: Sequence[str]) -> set[int] | None:
    """The documents of these names, paths or folders; None without any. Raises NotFound."""
    if not names:
        return None
    from memllm_cli.memory.search.texts import confined

    found: set[int] = set()
    for name in names:
        here = confined(memory.snapshot, [name])
        if not here:
            raise NotFound(
                f"No document is called '{name}', and none lies in such a folder.", "See: memllm source list"
            )
        found |= here
    return found


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
