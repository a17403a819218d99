"""Annotated texts as streams that teach reading in running text (MemLLM, section 3.3; docs/format.md)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from memllm_cli.corpora.annotated import Annotated
from memllm_cli.corpora.due import Due, due, pieces
from memllm_cli.protocol import asking, is_field, written
from memllm_cli.training.streams import Branch, Stream, Tokenize

TRUNK = 512
"""Tokens of a text at most."""
RESULTS = 8
"""Values that are returned to a read at most."""
DISTRACTED = 0.3
"""Share of reads that return values which are none of the text's, as a large memory does."""
MISSED = 0.15
"""Share of reads whose results lack the name that follows, as those of a memory that knows too little."""
AGAIN = 0.2
"""Weight of text that a branch teaches too."""


class Reading:
    """Makes streams of texts, with what other texts hold as distractors; the same seed makes the same ones."""

    def __init__(self, texts: Sequence[Annotated], names: Mapping[str, str], seed: int = 0) -> None:
        self.names, self.seed = names, seed
        self._others: dict[str, list[str]] = {}
        for text in texts:
            for one in due(text, names, random.Random(0)):
                for relation, values in zip(one.relations, one.values, strict=True):
                    self._others.setdefault(relation, []).extend(values)

    def streams(
        self, texts: Sequence[Annotated], tokenize: Tokenize, start: Sequence[int], longest: int = TRUNK
    ) -> Iterator[Stream]:
        """One stream a text; texts without reads too, so that reading is not expected everywhere."""
        for text in texts:
            rng = random.Random(f"{self.seed}/{text.title}/{len(text.text)}")
            stream = self._stream(text, due(text, self.names, rng), tokenize, start, longest, rng)
            if stream is not None:
                yield stream

    def results(self, one: Due, rng: random.Random) -> list[str]:
        """What a memory returns: the true values, sometimes others, in no order; mostly the target is among them."""
        here, full = one.target
        gold = full if is_field(full) and rng.random() < 0.5 else here
        out = [v for values in one.values for v in values if v not in one.target]
        if rng.random() < DISTRACTED + MISSED:
            for relation in one.relations:
                others = self._others.get(relation, [])
                out += rng.sample(others, min(len(others), rng.randint(1, 3)))
        out = [v for v in dict.fromkeys(out) if v != gold]
        rng.shuffle(out)
        out = out[: RESULTS - 1]
        if not out or rng.random() >= MISSED:
            out.append(gold)
        rng.shuffle(out)
        return out

    def _stream(
        self,
        text: Annotated,
        reads: Sequence[Due],
        tokenize: Tokenize,
        start: Sequence[int],
        longest: int,
        rng: random.Random,
    ) -> Stream | None:
        cuts = {one.at: one for one in reads}
        ids = [*start, *tokenize(written.header(text.title))]
        weights = [0.0] * len(ids)
        stretches: list[tuple[int, Due | None, list[int]]] = []  # place in the trunk, read before it, tokens
        for piece, at in pieces(text, sorted(cuts)):
            tokens = list(tokenize(piece))
            if len(ids) + len(tokens) > longest:
                break
            read = cuts.get(at)
            if read is not None or not stretches:
                stretches.append((len(ids), read, []))
            stretches[-1][2].extend(tokens)
            begun = any(r is not None for _, r, _ in stretches)
            weights += [AGAIN if begun else 1.0] * len(tokens)
            ids += tokens
        branches = []
        for at, read, tokens in stretches:
            if read is None:
                continue
            weights[at] = 0.0  # a read is due there, and nothing else
            begin = len(ids)
            opening, rest = list(tokenize(asking.OPENING)), list(tokenize(asking.REST))
            told = [t for p in asking.queries(read.queries) for t in tokenize(p)]
            returned = [t for p in asking.results(self.results(read, rng)) for t in tokenize(p)]
            ids += [*opening, *rest, *told, *returned, *tokens]
            weights += [1.0] * len(opening) + [0.0] * len(rest) + [1.0] * len(told)
            weights += [0.0] * len(returned) + [1.0] * len(tokens)
            branches.append(Branch(begin, len(ids), at))
        return Stream(tuple(ids), tuple(weights), len(branches), tuple(branches)) if any(weights) else None
