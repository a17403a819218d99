import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memllm_cli.protocol import (
    ImpossibleError,
    WriteCall,
    WriteConstraint,
    collapse,
    parse,
)
from memllm_cli.types import Triple


class Pieces:
    """A tokenizer that takes the longest known piece; a character is a piece of its own."""

    def __init__(self, *pieces: str) -> None:
        self._pieces = pieces
        self._sorted = sorted(range(len(pieces)), key=lambda i: -len(pieces[i]))
        self._base = 0x110000

    def __call__(self, text: str) -> list[int]:
        ids, at = [], 0
        while at < len(text):
            for i in self._sorted:
                if text.startswith(self._pieces[i], at):
                    ids.append(self._base + i)
                    at += len(self._pieces[i])
                    break
            else:
                ids.append(ord(text[at]))
                at += 1
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(chr(t) if t < self._base else self._pieces[t - self._base] for t in tokens)


PAIRS = ("th", "he", "in", " a", " c", "an", "er", " S", "is", "'s", ". ", ", ", "ab", "bc", "a b", "ar", " of")
TOKENIZERS = {
    "characters": Pieces(),
    "pairs, marks whole": Pieces("({", "})", "-->", ">>", ";", "MEM", "_WRITE", *PAIRS),
    "pairs, marks in parts": Pieces("--", "MEM_", ">", *PAIRS),
    "close whole, the rest not": Pieces("})", "(", *PAIRS),
    "marks that begin alike": Pieces("--", ">>", "a;", "b}", "b})", *PAIRS),
}
RELATIONS = ("capital", "capital of", "Capital", "part of", "bad;one", "")
HOSTILE = [
    "",
    "}) ; >> {",
    "one",
    "one One ONE",
    "({MEM_WRITE-->a>>b>>c}) a b",
    "Paris; France's capital, is (was) old-Lutetia >> and }) ({ here",
    "a a a b",
    "Springfield,\n  Illinois lies near St. Louis (Missouri) in the U.S.",
    "x\x00y z \ud800 w \u2028 v",
    "--> - -- ) ( a- -b",
]
sentences = st.sampled_from(HOSTILE) | st.text(alphabet="abA .,;>{}()-'s\n", max_size=14) | st.text(max_size=14)


def key(text: str) -> str:
    return collapse(text).strip().casefold()


def keys(triple: Triple) -> tuple[str, str, str]:
    return key(triple.subject), key(triple.relation), key(triple.object)


def check(
    constraint: WriteConstraint, text: str, sentence: str, offset: int, extra: Sequence[str], written: Sequence[Triple]
) -> None:
    call = parse(text)
    assert isinstance(call, WriteCall)
    assert call.triples == tuple(w.triple for w in constraint.triples)
    assert text == constraint.text()
    seen = [keys(t) for t in (*written, *call.triples)]
    assert len(set(seen[len(written) :]) - set(seen[: len(written)])) == len(call.triples)
    for found in constraint.triples:
        assert found.triple.relation in RELATIONS
        assert key(found.triple.subject) != key(found.triple.object)
        for name, span in ((found.triple.subject, found.subject), (found.triple.object, found.object)):
            if span is None:
                assert name in extra
            else:
                assert collapse(sentence[span.start - offset : span.end - offset]) == name


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(TOKENIZERS)),
    sentences,
    st.lists(st.sampled_from(["user", "USER", "a b", "Title; x", "A"]), max_size=3),
    st.booleans(),
    st.integers(0, 2**32),
    st.integers(1, 60),
)
def test_every_way_ends_in_a_call(
    name: str, sentence: str, extra: list[str], allow_empty: bool, seed: int, patience: int
) -> None:
    tokenizer = TOKENIZERS[name]
    chance = random.Random(seed)
    written = [Triple("A", "CAPITAL", "b"), Triple("user", "part of", "A"), Triple("z", "z", "z")]
    try:
        constraint = WriteConstraint(tokenizer, sentence, 7, RELATIONS, extra, written, allow_empty, max_words=3)
    except ImpossibleError:
        assert not allow_empty
        return
    tokens: list[int] = []
    while not constraint.done and len(tokens) < 400:
        allowed = constraint.allowed()
        assert allowed
        assert len(set(allowed)) == len(allowed)
        closing = constraint.closing()
        assert closing[0] in allowed
        assert not constraint.can_close or tokenizer.decode(closing) == "})"
        forbidden = next(i for i in range(10_000) if i not in allowed)
        with pytest.raises(ValueError, match="not allowed"):
            constraint.advance(forbidden)
        if len(tokens) >= patience:
            break
        # closing is put off as long as anything else is possible, so that what can be written runs out
        others = [t for t in allowed if not (constraint.can_close and t == closing[0])] or list(allowed)
        token = chance.choice(others)
        tokens.append(token)
        constraint.advance(token)
    for token in (rest := constraint.closing()):
        assert not constraint.done
        constraint.advance(token)
    assert constraint.done
    assert constraint.allowed() == () == constraint.closing()
    check(constraint, tokenizer.decode([*tokens, *rest]), sentence, 7, extra, written)
    if not allow_empty:
        assert constraint.triples
    with pytest.raises(ValueError, match="complete"):
        constraint.advance(0)


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_closing_from_every_state_gives_a_call(name: str) -> None:
    tokenizer = TOKENIZERS[name]
    sentence = "Sylvania City's mayor, (an abc) b"
    chance = random.Random(3)

    def fresh() -> WriteConstraint:
        return WriteConstraint(tokenizer, sentence, 0, RELATIONS, ["user"], allow_empty=False, max_words=3)

    walked: list[int] = []
    leader = fresh()
    while not leader.done and len(walked) < 150:
        follower = fresh()
        for token in walked:
            follower.advance(token)
        rest = follower.closing()
        for i, token in enumerate(rest):
            assert len(follower.closing()) == len(rest) - i
            follower.advance(token)
        assert follower.done
        check(follower, tokenizer.decode([*walked, *rest]), sentence, 0, ["user"], [])
        walked.append(chance.choice(leader.allowed()))
        leader.advance(walked[-1])


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_closing_is_the_shortest_way(name: str) -> None:
    """Compared with all ways there are, on a small case."""
    tokenizer = TOKENIZERS[name]

    def at(walked: Sequence[int]) -> WriteConstraint:
        made = WriteConstraint(tokenizer, "abc thin d", 0, ["in", "part of"], (), (), False, max_words=1)
        for token in walked:
            made.advance(token)
        return made

    def shortest(walked: tuple[int, ...]) -> int:
        constraint = at(walked)
        if constraint.done:
            return 0
        if constraint.can_close:
            return len(constraint.closing())
        return 1 + min(shortest((*walked, token)) for token in constraint.allowed())

    walked: tuple[int, ...] = tuple(at(()).closing()[:-20])
    for depth in range(3):
        assert len(at(walked).closing()) == shortest(walked), depth
        walked = (*walked, at(walked).allowed()[-1])


def write_all(constraint: WriteConstraint, tokenizer: Pieces) -> set[Triple]:
    """Go on for as long as it can be avoided to close."""
    while not constraint.done:
        close = constraint.closing()[0] if constraint.can_close else None
        constraint.advance(next((t for t in constraint.allowed() if t != close), close or 0))
    return {w.triple for w in constraint.triples}


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_every_triple_can_be_written_once_and_then_the_call_must_close(name: str) -> None:
    constraint = WriteConstraint(TOKENIZERS[name], "x y z", 0, ["r", "q"], max_words=1)
    names = ("x", "y", "z")
    expected = {Triple(s, r, o) for s in names for r in ("r", "q") for o in names if s != o}
    assert write_all(constraint, TOKENIZERS[name]) == expected


def test_what_was_written_before_is_not_written_again_whatever_its_case() -> None:
    tokenizer = TOKENIZERS["characters"]
    before = [Triple("X", "R", "y"), Triple("y", "r", "z"), Triple("y", "r", "X")]
    constraint = WriteConstraint(tokenizer, "x y z", 0, ["r"], (), before, max_words=1)
    assert write_all(constraint, tokenizer) == {
        Triple("x", "r", "z"),
        Triple("z", "r", "x"),
        Triple("z", "r", "y"),
    }


def test_nothing_to_write() -> None:
    tokenizer = TOKENIZERS["pairs, marks whole"]
    for sentence, relations in (("one One", ["r"]), ("", ["r"]), ("a b", []), ("a b", ["x;y"])):
        with pytest.raises(ImpossibleError):
            WriteConstraint(tokenizer, sentence, 0, relations, allow_empty=False, max_words=1)
        constraint = WriteConstraint(tokenizer, sentence, 0, relations, max_words=1)
        tokens = []
        while not constraint.done:
            (token,) = constraint.allowed()
            tokens.append(token)
            constraint.advance(token)
        assert tokenizer.decode(tokens) == "({MEM_WRITE-->})"


def test_a_chosen_call_with_spans() -> None:
    tokenizer = TOKENIZERS["pairs, marks whole"]
    sentence = "Sylvania\n City is  the capital of Freedonia."
    constraint = WriteConstraint(tokenizer, sentence, 100, ["capital of"], ["user"])
    text = "({MEM_WRITE-->Sylvania City>>capital of>>Freedonia;user>>capital of>>the capital})"
    tokens = [t for chunk in _chunks(text) for t in tokenizer(chunk)]
    for token in tokens:
        constraint.advance(token)
    assert constraint.done
    assert constraint.text() == text
    first, second = constraint.triples
    assert first.subject is not None
    assert sentence[first.subject.start - 100 : first.subject.end - 100] == "Sylvania\n City"
    assert second.subject is None


def _chunks(text: str) -> list[str]:
    """The pieces that a constraint asks the tokenizer for, of the call in the test above."""
    out = ["({MEM_WRITE-->"]
    rest = text.removeprefix(out[0]).removesuffix("})")
    for i, item in enumerate(rest.split(";")):
        out += [";"] * (i > 0)
        for j, field in enumerate(item.split(">>")):
            words = field.split(" ")
            whole = [field] if j == 1 else [words[0], *(" " + w for w in words[1:])]
            out += [">>"] * (j > 0) + whole
    return [*out, "})"]


def test_a_tokenizer_that_begins_every_piece_alike_is_resolved_for_the_mark() -> None:
    """Such a tokenizer leaves one way only: what is read is still what was chosen."""

    def odd(text: str) -> list[int]:
        return [1, *map(ord, text)]

    constraint = WriteConstraint(odd, "ab cd", 0, ["rel"], allow_empty=False, extra_names=["user"])
    spelled = ""
    while not constraint.done:
        token = constraint.closing()[0]
        assert token in constraint.allowed()
        constraint.advance(token)
        spelled += "" if token == 1 else chr(token)
    assert parse(spelled) == WriteCall(tuple(w.triple for w in constraint.triples))


def test_marks_without_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="told"):
        WriteConstraint(lambda text: [] if text == ";" else [5], "a b", 0, ["r"])
