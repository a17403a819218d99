import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.engine.base import Engine, decode
from memllm_cli.engine.scripted import ScriptedEngine, continuation

CHAT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
READ = "({MEM_READ(France>>capital>>)-->})"


def prompt(engine: Engine, *questions: str) -> list[int]:
    """Questions in the chat format, the last one open; answers in between are `ok`."""
    start, end = engine.special("<|im_start|>"), engine.special("<|im_end|>")
    assert start is not None
    assert end is not None
    ids: list[int] = []
    for i, question in enumerate(questions):
        ids += [start, *engine.tokenize(f"user\n{question}"), end, *engine.tokenize("\n")]
        ids += [start, *engine.tokenize("assistant\n")]
        if i < len(questions) - 1:
            ids += [*engine.tokenize("ok"), end, *engine.tokenize("\n")]
    return ids


def play(engine: Engine, seq: int = 0, limit: int = 60) -> str:
    """Greedy text until the turn ends."""
    pieces: list[bytes] = []
    for _ in range(limit):
        token = int(np.argmax(engine.logits(seq)))
        if token in engine.stops:
            return decode(pieces)
        pieces.append(engine.piece(token))
        engine.feed({seq: [token]})
    raise AssertionError("the turn did not end")


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    engine: Engine = ScriptedEngine([])
    ids = engine.tokenize(text)
    assert decode(engine.piece(i) for i in ids) == text
    assert not set(ids) & {engine.special("<|im_start|>"), engine.special("<|im_end|>")}


def test_markers_are_single_tokens() -> None:
    engine = ScriptedEngine([])
    ids = engine.tokenize("({MEM_WRITE-->New York>>country>>USA;})\n")
    assert [engine.piece(i).decode() for i in ids] == [
        *("({", "MEM_WRITE", "-->", "New", " York", ">>", "country", ">>", "USA", ";", "})", "\n")
    ]


def test_plays_the_turn_that_the_context_asks_for() -> None:
    engine = ScriptedEngine(["First answer.", "Second: ünïcode, 42!"])
    engine.load(0, prompt(engine, "a"))
    assert play(engine) == "First answer."
    engine.load(0, prompt(engine, "a", "b"))
    assert play(engine) == "Second: ünïcode, 42!"
    engine.load(0, prompt(engine, "a", "b", "c"))
    assert play(engine) == ""


def test_result_inserted_into_a_read() -> None:
    engine = ScriptedEngine([f"It is {READ}Paris, I think."])
    engine.load(0, prompt(engine, "capital?"))
    text = ""
    while not text.endswith("-->"):
        token = int(np.argmax(engine.logits(0)))
        text += engine.piece(token).decode()
        engine.feed({0: [token]})
    engine.feed({0: engine.tokenize("Paris;Lyon})")})
    assert play(engine) == "Paris, I think."


def test_call_dropped_from_the_context() -> None:
    engine = ScriptedEngine([f"It is {READ}Paris, {READ}really."])
    start = prompt(engine, "capital?")
    engine.load(0, [*start, *engine.tokenize("It is Paris,")])
    assert play(engine) == f" {READ}really."


def test_forbidden_call_is_left_out() -> None:
    engine = ScriptedEngine([f"It is {READ}Paris."])
    engine.load(0, [*prompt(engine, "capital?"), *engine.tokenize("It is ")])
    row = engine.logits(0).copy()
    assert engine.piece(int(np.argmax(row))) == b"({"
    row[int(np.argmax(row))] = -np.inf
    token = int(np.argmax(row))
    engine.feed({0: [token]})
    assert engine.piece(token) == b"Paris"
    assert play(engine) == "."


def test_constraint_that_forbids_the_script() -> None:
    engine = ScriptedEngine(["({MEM_WRITE-->Paris>>capital of>>France}) Done."])
    engine.load(0, [*prompt(engine, "x"), *engine.tokenize("({MEM_WRITE-->Paris>>")])
    lawful = [*engine.tokenize("located"), *engine.tokenize("twinned")]
    assert engine.tokenize("capital")[0] not in lawful
    scores = engine.pick(0, lawful)
    assert scores.shape == (2,)
    engine.feed({0: [lawful[int(np.argmax(scores))]]})
    assert play(engine) == ">>France}) Done."


def test_space_before_a_name_does_not_matter() -> None:
    assert continuation("({MEM_WRITE--> Paris >> country >> France})", "({MEM_WRITE-->Pa") == (
        "ris >> country >> France})"
    )
    engine = ScriptedEngine(["({MEM_WRITE--> Paris>>country>>France})"])
    engine.load(0, [*prompt(engine, "x"), *engine.tokenize("({MEM_WRITE-->")])
    lawful = [*engine.tokenize("Lyon"), *engine.tokenize("Paris")]
    assert int(np.argmax(engine.pick(0, lawful))) == 1


def test_function_is_asked_again_for_each_context() -> None:
    asked: list[str] = []

    def script(text: str) -> str:
        asked.append(text)
        return continuation("one two", text.rpartition("-->")[2])

    engine = ScriptedEngine(script, sequences=2)
    engine.load(0, engine.tokenize("go-->"))
    engine.fork(0, 1)
    assert play(engine, 0) == play(engine, 1) == "one two"
    assert asked[:3] == ["go-->", "go-->one", "go-->one two"]


def test_text_the_script_does_not_know_is_passed_over() -> None:
    assert continuation("Hello there.", "Well, Hello") == " there."
    assert continuation("Hello.", "Nothing of it ") == "Hello."
    assert continuation("Hello.", "Hello. And more") == ""
    assert continuation(READ, "unknown") == READ


@given(st.text(alphabet="ab({})>;- ", max_size=30), st.data())
def test_any_beginning_is_continued_to_the_whole(turn: str, data: st.DataObject) -> None:
    plain = turn.replace("({", "").replace("})", "")
    if "({" in plain or "})" in plain:
        return
    cut = data.draw(st.integers(0, len(plain)))
    assert plain[:cut] + continuation(plain, plain[:cut]) == plain


def test_protocol_of_sequences() -> None:
    engine = ScriptedEngine(["Hi there"], sequences=2, context=40)
    with pytest.raises(ValueError, match="no logits"):
        engine.logits(0)
    with pytest.raises(ValueError, match="at least one"):
        engine.load(0, [])
    ids = prompt(engine, "a b")
    assert engine.load(0, ids) == len(ids)
    assert engine.load(0, ids) == 1
    assert list(engine.tokens(0)) == ids
    engine.feed({0: engine.tokenize("Hi"), 1: []})
    assert engine.tokens(1) == ()
    engine.rewind(0, len(ids))
    with pytest.raises(ValueError, match="no logits"):
        engine.pick(0, [1])
    with pytest.raises(ValueError, match="do not fit"):
        engine.feed({0: ids * 5})
    with pytest.raises(ValueError, match="ids go from"):
        engine.feed({0: [10_000]})


def test_log_probabilities_are_over_the_whole_vocabulary() -> None:
    engine = ScriptedEngine(["Hi"])
    engine.load(0, prompt(engine, "a"))
    row = engine.logits(0)
    every = engine.pick(0, range(len(engine._words)))
    rest = np.exp(row[len(every) :] - row.max()).sum()
    assert float(np.exp(every).sum()) + float(rest) == pytest.approx(1.0, abs=1e-4)


def test_vocabulary_may_grow_past_its_first_size() -> None:
    engine = ScriptedEngine(["Hi"])
    engine.load(0, prompt(engine, "a"))
    engine.logits(0)
    ids = engine.tokenize(" ".join(f"w{i}" for i in range(6000)))
    assert engine.pick(0, ids).shape == (len(ids),)
    assert engine.piece(int(np.argmax(engine.logits(0)))) == b"Hi"
