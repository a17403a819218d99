"""What can be completed while typing: commands and their words, names that have facts, relations inside `/set`."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.literals import ENTITY
from memllm_cli.terminal import clean

MOST = 50
WORDS = 6  # words before the cursor that may begin a name
DOCUMENTS = ("/in", "/without")
"""Commands that take a document."""
SHORTEST = 2  # characters before names are offered


class Names:
    """Names with visible facts, sorted without regard to case; rebuilt when the snapshot is another one.

    With `proposed` None also those that only proposals have.
    """

    def __init__(self, proposed: bool | None = False) -> None:
        self._proposed = proposed
        self._of: Snapshot | None = None
        self._names: list[tuple[str, str]] = []
        self._relations: list[tuple[str, str]] = []
        self.facts = 0
        """How many facts there are."""

    def refresh(self, snapshot: Snapshot) -> None:
        """Take the names of a snapshot; costs nothing when it is the one already taken."""
        if snapshot is self._of:
            return
        keys = [fact.key for fact in snapshot.facts(self._proposed)]
        self.facts = len(keys)
        ids = {i for key in keys for i in (key[0], key[2])}
        entities = (i for i in ids if snapshot.entity(i).kind == ENTITY)
        self._names = _sorted(s for i in entities for s in snapshot.surfaces(i))
        self._relations = _sorted(n for r in snapshot.relations.by_id.values() for n in (r.name, r.inverse))
        self._of = snapshot

    def starting(self, text: str) -> list[str]:
        """Names that begin with `text`, at most `MOST`."""
        return _starting(self._names, text)

    def relations(self, text: str) -> list[str]:
        """Names of relations, from either side, that begin with `text`."""
        return _starting(self._relations, text)

    def containing(self, text: str) -> list[str]:
        """Names that hold `text` anywhere, at most `MOST`."""
        text = text.casefold()
        out = []
        for folded, name in self._names:
            if text in folded:
                out.append(name)
                if len(out) == MOST:
                    break
        return out

    def all(self) -> Sequence[str]:
        """All of them."""
        return [name for _, name in self._names]


def _sorted(names: Iterable[str]) -> list[tuple[str, str]]:
    plain = {p for n in names if (p := " ".join(clean(n).split()))}
    return sorted((p.casefold(), p) for p in plain)


def _starting(names: list[tuple[str, str]], text: str) -> list[str]:
    text = text.casefold()
    out: list[str] = []
    for folded, name in names[bisect_left(names, (text,)) :]:
        if not folded.startswith(text) or len(out) == MOST:
            break
        out.append(name)
    return out


class ChatCompleter(Completer):
    """Completes a line of the chat. `commands` maps a command to the words it may be followed by, `titles` says what
    documents are called."""

    def __init__(
        self,
        names: Names,
        commands: Mapping[str, Sequence[str]],
        on: Callable[[], bool] = lambda: True,
        titles: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.names = names
        self.commands = commands
        self.titles = titles
        self._on = on

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Completions at the cursor, the ones for the longest stretch of words first."""
        if not self._on():
            return
        before = document.text_before_cursor
        if before.startswith("/") and not re.search(r"\s", before):
            for command in self.commands:
                if command.startswith(before):
                    yield Completion(command, -len(before))
            return
        command, _, rest = before.partition(" ")
        for word in self.commands.get(command, ()):
            if word.startswith(rest):
                yield Completion(word, -len(rest))
        if command in DOCUMENTS:
            for title in self.titles():
                if title.casefold().startswith(rest.casefold()) and rest != title:
                    yield Completion(title, -len(rest))
        if command == "/set" and rest.count(">>") == 1:
            typed = rest.rpartition(">>")[2].lstrip()
            for name in self.names.relations(typed):
                yield Completion(name, -len(typed))
            return
        yield from self._names_at(before if command not in self.commands else rest)

    def _names_at(self, text: str) -> Iterator[Completion]:
        starts = [m.start() for m in re.finditer(r"(?<![^\s\"'“‘(])[^\s\"'“‘(]", text)][-WORDS:]
        seen: set[str] = set()
        for start in starts:
            typed = text[start:]
            if len(typed) < SHORTEST or "\n" in typed:
                continue
            for name in self.names.starting(typed):
                if name not in seen and name != typed:
                    seen.add(name)
                    yield Completion(name, -len(typed))
                if len(seen) == MOST:
                    return
