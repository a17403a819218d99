"""An adapter merged into a small GGUF of our own making."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from memllm_cli.errors import DamagedError, MemllmError
from memllm_cli.models import merge as merging
from memllm_cli.models.merge import CONFIGURATION, WEIGHTS, merge, read_adapter

HEADS, KV, WIDTH, INNER = 4, 2, 32, 64
SHAPES = {
    "attn_q": (WIDTH, WIDTH), "attn_k": (WIDTH // 2, WIDTH), "attn_v": (WIDTH // 2, WIDTH),
    "attn_output": (WIDTH, WIDTH), "ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER),
}  # fmt: skip
LAYERS = dict(zip(SHAPES, ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"), strict=True))
Array = NDArray[np.float32]


def make_base(path: Path, architecture: str = "llama") -> dict[str, Array]:
    rng = np.random.default_rng(0)
    tensors = {f"blk.0.{n}.weight": rng.normal(size=s).astype(np.float32) for n, s in SHAPES.items()}
    tensors["output_norm.weight"] = np.ones(WIDTH, np.float32)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV)
    writer.add_token_list(["a", "b"])
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def make_adapter(folder: Path, tensors: dict[str, Array], rank: int = 2, alpha: float = 4.0) -> None:
    folder.mkdir(exist_ok=True)
    header, data = {}, b""
    for name, values in tensors.items():
        raw = values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / CONFIGURATION).write_text(json.dumps({"rank": rank, "alpha": alpha}))


def factors(name: str, rank: int = 2) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    rows, columns = SHAPES[name]
    a, b = rng.normal(size=(rank, columns)), rng.normal(size=(rows, rank))
    return {f"0.{LAYERS[name]}.A": a.astype(np.float32), f"0.{LAYERS[name]}.B": b.astype(np.float32)}


@pytest.fixture
def merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Merges without quantising, which llama.cpp refuses for so small a model."""
    monkeypatch.setattr(merging, "quantise", lambda source, target, kind: source.replace(target))

    def call(adapter: dict[str, Array], rank: int = 2) -> tuple[dict[str, Array], dict[str, Array]]:
        before = make_base(tmp_path / "base.gguf")
        make_adapter(tmp_path / "adapter", adapter, rank)
        merge(tmp_path / "base.gguf", tmp_path / "adapter", tmp_path / "out.gguf", "q8_0")
        reader = gguf.GGUFReader(tmp_path / "out.gguf")
        assert [bytes(p) for p in (reader.fields["tokenizer.ggml.tokens"].parts[-2:])]
        assert reader.fields["llama.attention.head_count_kv"].contents() == KV
        return before, {t.name: np.asarray(t.data, dtype=np.float32) for t in reader.tensors}

    return call


def paired(matrix: Array, heads: int) -> Array:
    """Rows of each head's two halves in turn, as the rotation of llama.cpp wants them."""
    out = np.empty_like(matrix)
    size = len(matrix) // heads
    for head in range(heads):
        for i in range(size // 2):
            out[head * size + 2 * i] = matrix[head * size + i]
            out[head * size + 2 * i + 1] = matrix[head * size + size // 2 + i]
    return out


@pytest.mark.parametrize(("name", "heads"), [("attn_q", HEADS), ("attn_k", KV), ("attn_v", 0), ("ffn_down", 0)])
def test_the_product_of_the_factors_is_added(merged, name: str, heads: int) -> None:  # type: ignore[no-untyped-def]
    adapter = factors(name)
    before, after = merged(adapter)
    a, b = (adapter[f"0.{LAYERS[name]}.{f}"] for f in "AB")
    change: Array = np.float32(2.0) * (b @ a)
    expected = before[f"blk.0.{name}.weight"] + (paired(change, heads) if heads else change)
    assert np.allclose(after[f"blk.0.{name}.weight"], expected, rtol=2e-3, atol=2e-2)
    for other in SHAPES:
        if other != name:
            assert np.allclose(after[f"blk.0.{other}.weight"], before[f"blk.0.{other}.weight"], rtol=2e-3, atol=2e-3)


def test_whole_matrices_take_the_place_of_the_old(merged) -> None:  # type: ignore[no-untyped-def]
    new = np.random.default_rng(2).normal(size=SHAPES["attn_q"]).astype(np.float32)
    _, after = merged({"0.q_proj.W": new}, rank=0)
    assert np.allclose(after["blk.0.attn_q.weight"], paired(new, HEADS), rtol=2e-3, atol=2e-3)


def test_an_adapter_of_another_model_is_refused(merged) -> None:  # type: ignore[no-untyped-def]
    a, b = np.ones((2, 8), np.float32), np.ones((8, 2), np.float32)
    with pytest.raises(DamagedError, match="other sizes"):
        merged({"0.q_proj.A": a, "0.q_proj.B": b})
    with pytest.raises(DamagedError, match=r"has no blk\.7"):
        merged({"7.q_proj.A": a, "7.q_proj.B": b})


def test_what_is_no_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="holds no adapter"):
        read_adapter(tmp_path)
    make_adapter(tmp_path, {"0.q_proj.A": np.ones((2, 8), np.float32)})
    with pytest.raises(DamagedError, match="not complete"):
        read_adapter(tmp_path)
    make_adapter(tmp_path, {"0.lm_head.A": np.ones((2, 8), np.float32)})
    with pytest.raises(DamagedError, match="no layer"):
        read_adapter(tmp_path)


def test_only_llama_is_merged_and_nothing_is_left_behind(tmp_path: Path) -> None:
    make_base(tmp_path / "base.gguf", "gpt2")
    make_adapter(tmp_path / "adapter", factors("attn_v"))
    (tmp_path / "out").mkdir()
    with pytest.raises(MemllmError, match="architecture"):
        merge(tmp_path / "base.gguf", tmp_path / "adapter", tmp_path / "out" / "x.gguf", "q8_0")
    assert list((tmp_path / "out").iterdir()) == []
