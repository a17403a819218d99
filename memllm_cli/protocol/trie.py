"""Prefix trees over token ids. Knows nothing of text: a value is whatever a path stands for."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence


class Node:
    """A place in a trie; `value` is what ends here, `count` how many values end here or below."""

    __slots__ = ("children", "count", "parent", "token", "value")

    def __init__(self, parent: Node | None = None, token: int = -1) -> None:
        self.parent = parent
        self.token = token
        self.children: dict[int, Node] = {}
        self.value: str | None = None
        self.count = 0


class Trie:
    """Values by their token paths. One value has one path, one path one value: the first of each stays."""

    def __init__(self) -> None:
        self.root = Node()
        self.nodes: dict[str, Node] = {}

    def extend(self, node: Node, tokens: Iterable[int]) -> Node:
        """The node that `tokens` lead to from `node`, made where it is missing."""
        for token in tokens:
            child = node.children.get(token)
            if child is None:
                child = node.children[token] = Node(node, token)
            node = child
        return node

    def mark(self, node: Node, value: str) -> bool:
        """Let `value` end at `node`; False when the value or the node is taken, or the node is the root."""
        if value in self.nodes or node.value is not None or node is self.root:
            return False
        node.value = value
        self.nodes[value] = node
        self._count(node, 1)
        return True

    def add(self, tokens: Iterable[int], value: str) -> bool:
        """Add a value by its whole path; False as `mark`."""
        return self.mark(self.extend(self.root, tokens), value)

    def bar(self, at_root: Collection[int], after_value: Collection[int]) -> None:
        """Cut off paths that begin with, or go on after a value with, tokens that mean something else there."""
        for node in [self.root, *self.nodes.values()]:
            if node.value is not None and node.value not in self.nodes:
                continue  # cut off with a branch before it
            for token in at_root if node is self.root else after_value:
                cut = node.children.pop(token, None)
                if cut is None:
                    continue
                self._count(node, -cut.count)
                below = [cut]
                while below:
                    gone = below.pop()
                    below.extend(gone.children.values())
                    if gone.value is not None:
                        del self.nodes[gone.value]

    @staticmethod
    def path(node: Node) -> tuple[int, ...]:
        """The tokens that lead to a node."""
        tokens = []
        while node.parent is not None:
            tokens.append(node.token)
            node = node.parent
        return tuple(reversed(tokens))

    @staticmethod
    def _count(node: Node | None, by: int) -> None:
        while node is not None:
            node.count += by
            node = node.parent


class Walk:
    """A way through a trie in which some values are excluded."""

    def __init__(self, trie: Trie, excluded: Iterable[str] = ()) -> None:
        self.node = trie.root
        self._less: dict[Node, int] = {}
        self._excluded = frozenset(excluded)
        for value in self._excluded:
            node = trie.nodes.get(value)
            while node is not None:
                self._less[node] = self._less.get(node, 0) + 1
                node = node.parent

    @property
    def value(self) -> str | None:
        """The value that ends here, unless it is excluded."""
        value = self.node.value
        return None if value in self._excluded else value

    def next(self) -> list[int]:
        """Tokens that lead on to a value."""
        return [token for token, child in self.node.children.items() if self._open(child)]

    def advance(self, token: int) -> None:
        """Go on. Raises ValueError when no value lies that way."""
        child = self.node.children.get(token)
        if child is None or not self._open(child):
            raise ValueError(f"token {token} is not allowed here")
        self.node = child

    def ahead(self) -> Iterator[tuple[tuple[int, ...], str]]:
        """Values that end here or further on, with the tokens left to them, the fewest first."""
        queue: deque[tuple[Node, tuple[int, ...]]] = deque([(self.node, ())])
        while queue:
            node, tokens = queue.popleft()
            if node.value is not None and node.value not in self._excluded:
                yield tokens, node.value
            queue.extend((c, (*tokens, t)) for t, c in node.children.items() if self._open(c))

    def _open(self, node: Node) -> bool:
        return node.count > self._less.get(node, 0)


def distinct(paths: Sequence[tuple[Sequence[int], str]]) -> Trie:
    """A trie in which no path is empty, the beginning of another, or equal to it; else ValueError."""
    trie = Trie()
    for tokens, value in paths:
        if not trie.add(tokens, value):
            raise ValueError(f"cannot be told from another by its tokens: {value!r}")
    for value, node in trie.nodes.items():
        if node.children:
            raise ValueError(f"is the beginning of another, by its tokens: {value!r}")
    return trie
