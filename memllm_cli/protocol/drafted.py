"""One write call that may hold some of several proposed triples, each once, in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memllm_cli.protocol.constraint import TIGHT, Style, Tokenizer, Tokens
from memllm_cli.protocol.trie import Node, Trie


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one may be: at a node of the choices, or inside a mark of which `rest` is left.

    `choice` is the triple that the mark follows, -1 for none.
    """

    node: Node | None
    rest: Tokens = ()
    closes: bool = False
    choice: int = -1


class DraftConstraint:
    """What follows the opening of a call: none, some or all of `choices`, then the close.

    A choice is the text of one triple in pieces (subject, mark, relation, mark, object), each turned into tokens by
    itself; two choices of equal tokens count as the first. A name and a mark may begin with the same token: both ways
    are kept until one is left.
    """

    def __init__(self, tokenizer: Tokenizer, choices: Sequence[Sequence[str]], style: Style = TIGHT) -> None:
        self._close, self._item = tuple(tokenizer(style.close)), tuple(tokenizer(style.item))
        self._trie = Trie()
        self._telling: set[Node] = set()
        for i, (subject, field, *rest) in enumerate(choices):
            node = self._trie.extend(self._trie.root, [*tokenizer(subject), *tokenizer(field)])
            self._telling.add(node)
            self._trie.mark(self._trie.extend(node, [t for piece in rest for t in tokenizer(piece)]), str(i))
        self.finished: list[int] = []
        """Numbers of the choices that are written, in order."""
        self.done = False
        self._places = [_Place(self._trie.root)]

    @property
    def telling(self) -> bool:
        """Whether the relation of a triple begins here."""
        return any(place.node in self._telling for place in self._places)

    @property
    def can_close(self) -> bool:
        """Whether the close may begin here, with the first token of the style's."""
        return any(p.closes for place in self._places for p in self._marks(place))

    @property
    def left(self) -> int:
        """How many choices are not written."""
        return len(self._trie.nodes) - len(self.finished)

    def allowed(self) -> Tokens:
        """Ids that may come next, none when done."""
        return tuple(dict.fromkeys(token for place in self._places for token, _ in self._ways(place)))

    def advance(self, token: int) -> None:
        """Take the next token. Raises ValueError when it is not allowed."""
        places = [after for place in self._places for way, after in self._ways(place) if way == token]
        if not places:
            raise ValueError(f"token {token} is not allowed here")
        over = next((p for p in places if p.node is None and not p.rest), None)
        if over is None:
            self._places = places
            return
        if over.choice >= 0:
            self.finished.append(over.choice)
        self.done = over.closes
        self._places = [] if over.closes else [_Place(self._trie.root)]

    def closing(self) -> Tokens:
        """The fewest tokens that lead from here to the end."""
        return () if self.done else min((self._end(place) for place in self._places), key=len)

    def _ways(self, place: _Place) -> Iterator[tuple[int, _Place]]:
        """Tokens that lead on from a place, with where they lead."""
        if place.node is None:
            yield place.rest[0], _Place(None, place.rest[1:], place.closes, place.choice)
            return
        for token, child in place.node.children.items():
            if self._open(child):
                yield token, _Place(child)
        for mark in self._marks(place):
            yield mark.rest[0], _Place(None, mark.rest[1:], mark.closes, mark.choice)

    def _marks(self, place: _Place) -> Iterator[_Place]:
        """The marks that may begin at a place."""
        if place.node is None:
            return
        choice = self._ends(place.node)
        if choice >= 0 or (place.node is self._trie.root and not self.finished):
            yield _Place(None, self._close, True, choice)
        if choice >= 0 and self.left > 1:
            yield _Place(None, self._item, False, choice)

    def _ends(self, node: Node) -> int:
        """The choice that is complete at a node and not yet written, else -1."""
        choice = -1 if node.value is None else int(node.value)
        return -1 if choice in self.finished else choice

    def _open(self, node: Node) -> bool:
        """Whether a choice that is not yet written lies at a node or below."""
        written = 0
        for choice in self.finished:
            above: Node | None = self._trie.nodes[str(choice)]
            while above is not None and above is not node:
                above = above.parent
            written += above is node
        return node.count > written

    def _end(self, place: _Place) -> Tokens:
        if place.node is None:
            return place.rest if place.closes else (*place.rest, *self._shortest(self._trie.root, place.choice))
        if any(mark.closes for mark in self._marks(place)):
            return self._close
        return self._shortest(place.node, -1)

    def _shortest(self, start: Node, without: int) -> Tokens:
        """The way from a node to the end of the nearest choice, and the close."""
        level: list[tuple[Node, Tokens]] = [(start, ())]
        while level:
            for node, tokens in level:
                if tokens and self._ends(node) not in (-1, without):
                    return (*tokens, *self._close)
            level = [(child, (*tokens, t)) for node, tokens in level for t, child in node.children.items()]
        raise AssertionError("a call was gone on with that has nothing left to say")
