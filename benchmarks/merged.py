"""The adapter merged into the model, beside the same adapter put on the untouched model when it is loaded.

`python -m benchmarks.merged [--count 60]`: how alike the two are, how well both answer, how fast they are (in turns).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import ROOT, alternating
from memllm_cli.answering.answer import Answerer
from memllm_cli.app import App
from memllm_cli.calibration.reads import read_weights
from memllm_cli.cli.evaluate_read import exchanges
from memllm_cli.engine.llama import LlamaEngine
from memllm_cli.evaluation import ask
from memllm_cli.memory.search.find import Finder
from memllm_cli.models.merge import paired, read_adapter
from memllm_cli.protocol import asking
from memllm_cli.reading.formats import Trained

SAID = "The quick brown fox jumps over the lazy dog, and a harbour town in the north keeps two archives. "


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.merged", description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="questions")
    count = parser.parse_args().count
    state = App(home_option=ROOT)
    catalog = state.catalog()
    entry = catalog.adapted(state.setting("adapter").value)
    if entry is None or "read" not in entry.tasks:
        raise SystemExit("There is no trained reader.")
    folder = catalog.source(entry).parent
    weights = read_weights(folder / "adapter.json", asking.FORMAT)
    merged = state.load(catalog.made(entry, print), 2048)
    base, about = state.open_engine(catalog.default), catalog.entry(catalog.default)
    assert isinstance(base, LlamaEngine)
    assert isinstance(merged, LlamaEngine)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "adapter.gguf"
        write_lora(catalog.source(about), folder, path)
        put_on(base, path)
        print(f"adapter beside the model: {path.stat().st_size / 1e6:.0f} MB more on disk and in memory")
        tokens = merged.tokenize(SAID * 20)[:400]
        difference = np.abs(scores(merged, tokens) - scores(base, tokens)).mean()
        print(f"mean difference of a token's log probability: {difference:.4f} nats")
        kept_out, unasked = exchanges(state, "report", 0, count, 1000)
        questions = ask.distinct(kept_out, count)
        with state.scratch() as memory:
            ask.remember(memory, questions, unasked)
            finder = Finder(memory, state.open_encoder)
            for name, engine in (("merged", merged), ("beside", base)):
                answerer = Answerer(engine, finder, format=Trained(engine, weights))
                print(name, ask.with_memory(answerer, questions, lambda n: None).figures(), flush=True)
        for name, run in (("prompt", prompt), ("generation", generation)):
            a, b = alternating(partial(run, merged, tokens), partial(run, base, tokens), 5)
            print(f"{name}: beside takes {b / a:.2f} of the time of merged", flush=True)


def write_lora(base: Path, folder: Path, target: Path) -> None:
    """The adapter in a folder as llama.cpp takes it (a GGUF of the type `adapter`, `.lora_a` and `.lora_b`)."""
    import gguf

    adapter, reader = read_adapter(folder), gguf.GGUFReader(base)
    count, fewer = (int(reader.fields[f"llama.attention.{key}"].contents()) for key in ("head_count", "head_count_kv"))
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    rank = next(iter(adapter.changes.values())).factors["A"].shape[0]
    writer.add_float32("adapter.lora.alpha", adapter.scale * rank)
    for name, change in adapter.changes.items():
        a, b = change.factors["A"], change.factors["B"]
        if heads := {"attn_q": count, "attn_k": fewer}.get(name.split(".")[2], 0):
            b = paired(b, heads)
        writer.add_tensor(f"{name}.lora_a", a.astype(np.float16))
        writer.add_tensor(f"{name}.lora_b", b.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def put_on(engine: LlamaEngine, path: Path) -> None:
    """Let a loaded model use an adapter."""
    import ctypes

    llama: Any = engine._llama
    adapter = llama.llama_adapter_lora_init(engine._model, os.fsencode(path))
    if not adapter:
        raise SystemExit("llama.cpp does not take the adapter.")
    adapters, scales = (type(adapter) * 1)(adapter), (ctypes.c_float * 1)(1.0)
    if llama.llama_set_adapters_lora(engine._ctx, adapters, 1, scales):
        raise SystemExit("llama.cpp does not take the adapter.")


def scores(engine: LlamaEngine, tokens: list[int]) -> Any:
    """The log probability of each token after those before it."""
    found = []
    engine.load(0, tokens[:1])
    for token in tokens[1:]:
        found.append(float(engine.pick(0, [token])[0]))
        engine.feed({0: [token]})
    return np.array(found)


def prompt(engine: LlamaEngine, tokens: list[int]) -> float:
    """Seconds to read a prompt."""
    began = time.perf_counter()
    engine.rewind(0, 0)
    engine.load(0, tokens)
    engine.pick(0, [0])
    return time.perf_counter() - began


def generation(engine: LlamaEngine, tokens: list[int]) -> float:
    """Seconds to go on by 64 tokens."""
    engine.load(0, tokens)
    began = time.perf_counter()
    for token in tokens[:64]:
        engine.feed({0: [token]})
        engine.pick(0, [0])
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
