"""The GGUF writer, on a tiny encoder made here."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from memllm_cli.errors import DamagedError, MemllmError, StorageError
from memllm_cli.models.encoder_gguf import write_minilm_gguf
from memllm_cli.tensors import read_safetensors

WIDTH, INNER, BLOCKS = 32, 64, 2
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "paris", "##ian", "lyon", "a"]
CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 2,
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "vocab_size": len(WORDS),
    "layer_norm_eps": 1e-12,
}


def tensors() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (16, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for block in range(BLOCKS):
        head = f"encoder.layer.{block}"
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes[f"{head}.{name}.weight"] = (WIDTH, WIDTH)
            shapes[f"{head}.{name}.bias"] = (WIDTH,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{head}.{name}.weight"] = shapes[f"{head}.{name}.bias"] = (WIDTH,)
        shapes[f"{head}.intermediate.dense.weight"] = (INNER, WIDTH)
        shapes[f"{head}.intermediate.dense.bias"] = (INNER,)
        shapes[f"{head}.output.dense.weight"] = (WIDTH, INNER)
        shapes[f"{head}.output.dense.bias"] = (WIDTH,)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_safetensors(path: Path, values: dict[str, Any], header: dict[str, Any] | None = None) -> None:
    entries: dict[str, Any] = {"__metadata__": {"format": "np"}}
    data = b""
    for name, value in values.items():
        start = len(data)
        data += value.tobytes()
        entries[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [start, len(data)]}
    text = json.dumps(entries | (header or {})).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    write_safetensors(folder / "model.safetensors", tensors())
    return folder


def test_what_is_written_can_be_read(folder: Path, tmp_path: Path) -> None:
    import gguf

    target = tmp_path / "out.gguf"
    write_minilm_gguf(folder, target)
    reader = gguf.GGUFReader(target)

    def field(name: str) -> Any:
        return reader.fields[name].contents()

    assert field("general.architecture") == "bert"
    assert field("bert.block_count") == BLOCKS
    assert field("bert.attention.causal") is False
    assert field("bert.pooling_type") == 1
    assert field("tokenizer.ggml.tokens")[2:8] == ["[CLS]", "[SEP]", "[MASK]", "▁paris", "ian", "▁lyon"]
    assert field("tokenizer.ggml.token_type") == [3, 3, 3, 3, 3, 1, 1, 1, 1]
    assert field("tokenizer.ggml.seperator_token_id") == 3
    by_name = {tensor.name: tensor for tensor in reader.tensors}
    assert len(by_name) == len(tensors())
    bias = tensors()["encoder.layer.1.output.dense.bias"]
    assert np.array_equal(by_name["blk.1.ffn_down.bias"].data, bias)
    weight = tensors()["encoder.layer.1.output.dense.weight"]
    stored = by_name["blk.1.ffn_down.weight"]
    back = gguf.quants.dequantize(stored.data, stored.tensor_type)
    assert np.abs(back - weight).max() < np.abs(weight).max() / 127
    assert np.array_equal(by_name["position_embd.weight"].data, tensors()["embeddings.position_embeddings.weight"])


def test_same_input_same_bytes(folder: Path, tmp_path: Path) -> None:
    kinds: tuple[Literal["q8_0", "f16"], ...] = ("q8_0", "f16")
    for kind in kinds:
        write_minilm_gguf(folder, tmp_path / "a.gguf", kind)
        write_minilm_gguf(folder, tmp_path / "b.gguf", kind)
        assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gguf", "b.gguf", "encoder"]


def test_vocabulary_from_the_tokenizer_file(folder: Path, tmp_path: Path) -> None:
    write_minilm_gguf(folder, tmp_path / "a.gguf")
    (folder / "vocab.txt").unlink()
    vocabulary = {word: i for i, word in reversed(list(enumerate(WORDS)))}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
    write_minilm_gguf(folder, tmp_path / "b.gguf")
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


def test_broken_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.gguf"
    whole = tensors()

    write_safetensors(folder / "model.safetensors", {k: v for k, v in whole.items() if "query" not in k})
    with pytest.raises(DamagedError, match="missing"):
        write_minilm_gguf(folder, target)
    write_safetensors(folder / "model.safetensors", whole | {"embeddings.LayerNorm.bias": np.zeros(3, np.float32)})
    with pytest.raises(DamagedError, match="wrong shape"):
        write_minilm_gguf(folder, target)
    write_safetensors(folder / "model.safetensors", whole)
    (folder / "vocab.txt").write_text("\n".join(WORDS[:-1]))
    with pytest.raises(DamagedError, match="promised"):
        write_minilm_gguf(folder, target)
    (folder / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(DamagedError, match="lacks"):
        write_minilm_gguf(folder, target)
    (folder / "config.json").write_text(json.dumps(CONFIG | {"hidden_act": "relu"}))
    with pytest.raises(MemllmError, match="no BERT"):
        write_minilm_gguf(folder, target)
    (folder / "config.json").write_text("{")
    with pytest.raises(DamagedError, match="not JSON"):
        write_minilm_gguf(folder, target)
    assert [p.name for p in tmp_path.iterdir()] == ["encoder"]


def test_nowhere_to_write(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        write_minilm_gguf(folder, tmp_path / "nowhere" / "out.gguf")


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 12]},
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 10**9]},
        {"dtype": "F32", "shape": [-4], "data_offsets": [16, 0]},
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
        {"shape": [1]},
        "text",
        None,
    ],
)
def test_entries_that_do_not_fit(tmp_path: Path, entry: Any) -> None:
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {"good": np.zeros(8, np.float32)}, {"bad": entry})
    with pytest.raises(DamagedError, match="'bad' is wrong"):
        read_safetensors(path)


@pytest.mark.parametrize(
    "data", [b"", b"short", (10**12).to_bytes(8, "little"), b"\x03" + bytes(7) + b"[1]", b"\xff" * 40]
)
def test_files_that_are_no_safetensors(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="safetensors"):
        read_safetensors(path)


def test_bfloat16(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    header = json.dumps({"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\x80\x3f\x00\xc0")
    assert read_safetensors(path)["x"].tolist() == [1.0, -2.0]
