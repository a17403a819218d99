"""Which tokens may come next while a call is open, so that no malformed call can be produced.

Knows token ids and the texts they were made from, nothing of engines, logits or memory. It rests on one thing: the
pieces of tokens put one after another spell the texts they were made from, put one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from memllm_cli.protocol.calls import WriteCall, render
from memllm_cli.protocol.grammar import ARROW, CLOSE, FIELD, ITEM, OPEN, WRITE, collapse, is_field
from memllm_cli.protocol.spans import Span, Step, runs
from memllm_cli.protocol.trie import Node, Trie, Walk, distinct
from memllm_cli.types import Triple

Tokens = tuple[int, ...]


class Tokenizer(Protocol):
    """Ids of a text, with no special tokens. Called often with the same words: keep its answers."""

    def __call__(self, text: str, /) -> Sequence[int]:
        """Token ids whose pieces, joined, are exactly `text`."""


class Constraint(Protocol):
    """What decoding under constraint asks."""

    @property
    def done(self) -> bool:
        """Whether the text is complete."""

    def allowed(self) -> Tokens:
        """Ids that may come next, none when done. A single one may be fed without asking the model."""

    def advance(self, token: int) -> None:
        """Take the next token. Raises ValueError when it is not allowed."""

    def closing(self) -> Tokens:
        """The fewest tokens that lead from here to a complete text."""


class ImpossibleError(ValueError):
    """No text satisfies the constraint."""


@dataclass(frozen=True, slots=True)
class WrittenTriple:
    """A triple of a constrained call; a span is where its name first stands, None for one of the extra names."""

    triple: Triple
    subject: Span | None
    object: Span | None


def _key(text: str) -> str:
    return collapse(text).strip().casefold()


class _Names:
    """A trie of names, with the names that differ by case alone grouped under one key."""

    def __init__(self) -> None:
        self.trie = Trie()
        self.spans: dict[str, Span | None] = {}
        self.variants: dict[str, list[str]] = {}
        self.by_length: list[tuple[Tokens, str]] = []

    def seal(self, at_root: Iterable[int], after: Iterable[int]) -> None:
        self.trie.bar(frozenset(at_root), frozenset(after))
        for name in self.trie.nodes:
            self.variants.setdefault(_key(name), []).append(name)
        self.by_length = list(Walk(self.trie).ahead())

    def walk(self, excluded_keys: Iterable[str]) -> Walk:
        return Walk(self.trie, (name for key in excluded_keys for name in self.variants.get(key, ())))


@dataclass(frozen=True, slots=True)
class Style:
    """How the marks of a write stand in the text: `lead` comes before each name."""

    lead: str = ""
    opening: str = OPEN + WRITE + ARROW
    field: str = FIELD
    item: str = ITEM
    close: str = CLOSE


TIGHT = Style()


class WriteConstraint:
    """One write call about one sentence: `({MEM_WRITE-->` then triples, or none, then `})`.

    Subjects and objects are runs of up to `max_words` words of the sentence, or one of `extra_names` (`user`, the
    document's title); relations are those of `relations`. Names and relations that cannot stand in a call are left
    out. No triple is written twice, nor one of `written`, nor one that relates a name to itself; all of this
    regardless of case. `usable` says which spans may be names. `offset` is where the sentence begins in its
    document: spans count from there.

    Raises ImpossibleError when `allow_empty` is false and there is no triple to write, and ValueError when the
    tokenizer gives the marks no tokens, or tokens that cannot be told apart.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        sentence: str,
        offset: int,
        relations: Sequence[str],
        extra_names: Sequence[str] = (),
        written: Iterable[Triple] = (),
        allow_empty: bool = True,
        max_words: int = 8,
        usable: Callable[[str], bool] | None = None,
        style: Style = TIGHT,
    ) -> None:
        self._lead = style.lead
        cache: dict[str, Tokens] = {}

        def tokens(text: str) -> Tokens:
            if text not in cache:
                cache[text] = tuple(tokenizer(text))
            return cache[text]

        self._field, self._item, self._close = tokens(style.field), tokens(style.item), tokens(style.close)
        self._opener = distinct([(tokens(style.opening), "open")]).root
        self._fielder = distinct([(self._field, "field")]).root
        self._closer = distinct([(self._close, "close")]).root
        self._ender = distinct([(self._item, "item"), (self._close, "close")]).root
        self._allow_empty = allow_empty
        self._names, self._relations = _Names(), _Names()
        self._read_names(tokens, runs(sentence, offset, max_words), extra_names, usable)
        for relation in relations:
            if is_field(relation):
                self._relations.trie.add(tokens(style.lead + relation), relation)
        # A mark is recognised by its first token: no name goes on with that one.
        self._names.seal(self._close[:1] if allow_empty else (), (self._field[0], self._item[0], self._close[0]))
        self._relations.seal((), self._field[:1])

        self._others = len(self._names.variants) - 1  # names a name can be related to
        self._used: dict[str, dict[str, set[str]]] = {}  # by subject and relation, objects written
        self._left = (self._others + 1) * len(self._relations.variants) * self._others
        for triple in written:
            self._use(triple)
        if self._left <= 0 and not allow_empty:
            raise ImpossibleError("there is nothing to write about this sentence")

        self._written: list[WrittenTriple] = []
        self._subject = self._relation = ""
        self._part = ""  # subject, relation or object while in one of them
        self._walk = Walk(Trie())
        self._mark: Node | None = self._opener  # while within a mark
        self._done = False

    def _read_names(
        self,
        tokens: Callable[[str], Tokens],
        found: Iterable[list[Step]],
        extra: Sequence[str],
        usable: Callable[[str], bool] | None,
    ) -> None:
        trie = self._names.trie
        for steps in found:
            node = trie.root
            for i, step in enumerate(steps):
                piece = tokens(step.chunk if i else self._lead + step.chunk)
                if not piece:
                    break
                node = trie.extend(node, piece)
                if step.surface is None or (usable is not None and not usable(step.surface)):
                    continue
                if trie.mark(node, step.surface):
                    self._names.spans[step.surface] = step.span
        for name in extra:
            if is_field(name):
                trie.add(tokens(self._lead + name), name)

    @property
    def done(self) -> bool:
        """Whether the call is complete."""
        return self._done

    @property
    def triples(self) -> tuple[WrittenTriple, ...]:
        """What has been written so far, whole triples only."""
        return tuple(self._written)

    @property
    def can_close(self) -> bool:
        """Whether `})` may begin with the next token, which is then `closing()[0]`."""
        mark = self._follow() if self._mark is None else None
        return mark is not None and self._close[0] in mark.children and mark is not self._fielder

    @property
    def telling(self) -> bool:
        """Whether a relation begins with the next token."""
        return self._mark is None and self._part == "relation" and self._walk.node.parent is None

    def text(self) -> str:
        """The call in its canonical form, with the whole triples so far."""
        return render(WriteCall(tuple(w.triple for w in self._written)))

    def allowed(self) -> Tokens:
        """Ids that continue the call, none when it is done."""
        if self._done:
            return ()
        if self._mark is not None:
            return tuple(self._mark.children)
        follow = self._follow()
        return (*(follow.children if follow else ()), *self._walk.next())

    def advance(self, token: int) -> None:
        """Take the next token. Raises ValueError when it is not allowed."""
        if self._done:
            raise ValueError("the call is complete")
        if self._mark is None:
            follow = self._follow()
            if follow is None or token not in follow.children:
                self._walk.advance(token)
                return
            self._commit()
            self._mark = follow
        mark = self._mark.children.get(token)
        if mark is None:
            raise ValueError(f"token {token} is not allowed here")
        self._mark = mark
        if mark.value is not None:
            self._enter(mark.value)

    def closing(self) -> Tokens:
        """The fewest tokens that lead from here to a complete call."""
        if self._done:
            return ()
        if self._mark is not None:
            ends = _below(self._mark)
            if "close" in ends:
                return ends["close"]
            ((mark, rest),) = ends.items()
            if mark == "open" and self._allow_empty:
                return rest + self._close
            if mark != "field":
                return rest + self._whole_triple(self._names.by_length)
            if self._part == "subject":
                return rest + _found(self._after_subject(self._subject, self._relations.by_length))
            return rest + _found(self._shortest_object(self._subject, self._relation)) + self._close
        if self.can_close:
            return self._close
        if self._part == "subject":
            return self._whole_triple(self._walk.ahead())
        if self._part == "relation":
            return _found(self._after_subject(self._subject, self._walk.ahead()))
        return next(self._walk.ahead())[0] + self._close

    def _follow(self) -> Node | None:
        """The marks that may begin here, where a name is complete."""
        if self._part == "subject" and not self._written and self._walk.node.parent is None:
            return self._closer if self._allow_empty else None
        if self._walk.value is None:
            return None
        if self._part != "object":
            return self._fielder
        return self._ender if self._left > 1 else self._closer

    def _commit(self) -> None:
        """Take the name that is complete here."""
        value = self._walk.value
        if value is None:
            return  # an empty call closes before any name
        if self._part == "subject":
            self._subject = value
        elif self._part == "relation":
            self._relation = value
        else:
            triple = Triple(self._subject, self._relation, value)
            spans = self._names.spans
            self._written.append(WrittenTriple(triple, spans.get(triple.subject), spans.get(value)))
            self._use(triple)

    def _enter(self, mark: str) -> None:
        """Go on after a whole mark."""
        if mark == "close":
            self._done, self._mark = True, None
            return
        self._mark = None
        if mark in ("open", "item"):
            self._part = "subject"
            full = self._others * len(self._relations.variants)
            exhausted = [s for s, by in self._used.items() if sum(map(len, by.values())) >= full]
            self._walk = self._names.walk(exhausted if self._left > 0 else self._names.variants)
        elif self._part == "subject":
            self._part = "relation"
            used = self._used.get(_key(self._subject), {})
            self._walk = self._relations.walk([r for r, o in used.items() if len(o) >= self._others])
        else:
            self._part = "object"
            self._walk = self._names.walk(self._taken(self._subject, self._relation))

    def _use(self, triple: Triple) -> None:
        """Count a triple as written, if it is one that could be."""
        s, r, o = map(_key, (triple.subject, triple.relation, triple.object))
        names = self._names.variants
        if s in names and o in names and s != o and r in self._relations.variants:
            objects = self._used.setdefault(s, {}).setdefault(r, set())
            self._left -= o not in objects
            objects.add(o)

    def _taken(self, subject: str, relation: str) -> set[str]:
        """Keys of the names that cannot be the object."""
        s = _key(subject)
        return {s, *self._used.get(s, {}).get(_key(relation), ())}

    def _shortest_object(self, subject: str, relation: str) -> Tokens | None:
        taken = self._taken(subject, relation)
        return next((path for path, name in self._names.by_length if _key(name) not in taken), None)

    def _after_subject(self, subject: str, relations: Iterable[tuple[Tokens, str]]) -> Tokens | None:
        """The shortest way from within a relation to the end; None when all is written about the subject.

        Takes relations with the tokens left to them, the fewest first.
        """
        best: Tokens | None = None
        least = len(self._field) + len(self._names.by_length[0][0]) + len(self._close)
        for path, relation in relations:
            if best is not None and len(path) + least >= len(best):
                break
            object_ = self._shortest_object(subject, relation)
            if object_ is not None:
                way = path + self._field + object_ + self._close
                best = way if best is None or len(way) < len(best) else best
        return best

    def _whole_triple(self, subjects: Iterable[tuple[Tokens, str]]) -> Tokens:
        """The shortest way from within a subject to the end; subjects as in `_after_subject`."""
        best: Tokens | None = None
        shortest = len(self._relations.by_length[0][0]) + len(self._names.by_length[0][0])
        least = 2 * len(self._field) + shortest + len(self._close)
        for path, subject in subjects:
            if best is not None and len(path) + least >= len(best):
                break
            rest = self._after_subject(subject, self._relations.by_length)
            if rest is not None:
                way = path + self._field + rest
                best = way if best is None or len(way) < len(best) else best
        return _found(best)


def _found(way: Tokens | None) -> Tokens:
    """A way that is there because no part is entered that cannot be finished."""
    if way is None:
        raise AssertionError("a part of the call was entered that cannot be finished")
    return way


def _below(mark: Node) -> dict[str, Tokens]:
    """What marks this place may still become, with the tokens left to each."""
    ends: dict[str, Tokens] = {}
    places: list[tuple[Node, Tokens]] = [(mark, ())]
    while places:
        node, tokens = places.pop()
        if node.value is not None:
            ends[node.value] = tokens
        places.extend((child, (*tokens, token)) for token, child in node.children.items())
    return ends
