"""One write call that may hold some of several proposed triples, each once, in any order."""

from __future__ import annotations

from collections.abc import Sequence

from memllm_cli.protocol.constraint import TIGHT, Style, Tokenizer, Tokens
from memllm_cli.protocol.trie import Node, Trie, Walk, distinct


class DraftConstraint:
    """What follows the opening of a call: none, some or all of `choices`, then the close.

    A choice is the text of one triple in pieces, each turned into tokens by itself; two choices of equal tokens count
    as the first. `finished` says which were written, in order.
    """

    def __init__(self, tokenizer: Tokenizer, choices: Sequence[Sequence[str]], style: Style = TIGHT) -> None:
        self._close, self._item = tuple(tokenizer(style.close)), tuple(tokenizer(style.item))
        distinct([(self._close, "close"), (self._item, "item")])
        self._choices = Trie()
        self._telling: set[Node] = set()
        for i, (subject, field, *rest) in enumerate(choices):
            node = self._choices.extend(self._choices.root, [*tokenizer(subject), *tokenizer(field)])
            self._telling.add(node)
            self._choices.mark(self._choices.extend(node, [t for piece in rest for t in tokenizer(piece)]), str(i))
        for value, node in list(self._choices.nodes.items()):  # one that another begins with cannot be told to be over
            if node.children.keys() & {self._close[0], self._item[0]}:
                raise ValueError(f"cannot be told from another by its tokens: {choices[int(value)]!r}")
        self.finished: list[int] = []
        self._walk = self._fresh()
        self._mark: Tokens = ()  # what is left of a mark that was begun
        self._closing = False
        self.done = False

    @property
    def telling(self) -> bool:
        """Whether the relation of a triple begins here."""
        return not self._mark and self._walk.node in self._telling

    @property
    def can_close(self) -> bool:
        """Whether the close may begin here, with the first token of `closing`."""
        return not self.done and not self._mark and self._close[0] in self.allowed()

    @property
    def left(self) -> int:
        """How many choices are not written."""
        return len(self._choices.nodes) - len(self.finished)

    def allowed(self) -> Tokens:
        """Ids that may come next, none when done."""
        if self.done:
            return ()
        if self._mark:
            return self._mark[:1]
        ids = tuple(self._walk.next())
        if self._walk.value is not None:
            return (*ids, self._close[0], *(self._item[:1] if self.left > 1 else ()))
        if self._walk.node.parent is None and not self.finished:
            return (*ids, self._close[0])
        return ids

    def advance(self, token: int) -> None:
        """Take the next token. Raises ValueError when it is not allowed."""
        if token not in self.allowed():
            raise ValueError(f"token {token} is not allowed here")
        if self._mark:
            self._mark = self._mark[1:]
        elif token in self._walk.next():
            self._walk.advance(token)
            return
        else:
            value = self._walk.value
            if value is not None:
                self.finished.append(int(value))
            self._closing = token == self._close[0]
            self._mark = (self._close if self._closing else self._item)[1:]
            self._walk = self._fresh()
        if not self._mark:
            self.done = self._closing

    def closing(self) -> Tokens:
        """The fewest tokens that lead from here to the end."""
        if self.done:
            return ()
        if self._mark and self._closing:
            return self._mark
        if self._mark or (self.finished and self._walk.node.parent is None):
            return self._mark + next(self._walk.ahead())[0] + self._close
        return (() if self._walk.node.parent is None else next(self._walk.ahead())[0]) + self._close

    def _fresh(self) -> Walk:
        return Walk(self._choices, map(str, self.finished))
