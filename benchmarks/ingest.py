"""Ingest against a bare loop that replays the very batches it sent to llama.cpp."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.common import ROOT, Row, home


def run() -> list[Row]:
    """The demo's documents through plan, writing and commit; then only the engine's calls again."""
    from memllm_cli.app import App
    from memllm_cli.engine.base import Engine
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.writing.drafts import Freely
    from memllm_cli.writing.ingest import Planned, ingest, plan
    from memllm_cli.writing.sentences import CONTEXT, Named, SentenceWriter

    calls: list[tuple[str, tuple[object, ...]]] = []

    class Recorder:
        """Passes everything on, and keeps the calls that cost time."""

        def __init__(self, engine: Engine) -> None:
            self._engine = engine

        def __getattr__(self, name: str) -> object:
            return getattr(self._engine, name)

        def load(self, seq: int, tokens: Sequence[int]) -> int:
            calls.append(("load", (seq, list(tokens))))
            return self._engine.load(seq, tokens)

        def feed(self, batch: Mapping[int, Sequence[int]]) -> None:
            calls.append(("feed", ({k: list(v) for k, v in batch.items()},)))
            self._engine.feed(batch)

        def fork(self, source: int, target: int) -> None:
            calls.append(("fork", (source, target)))
            self._engine.fork(source, target)

    with home() as folder:
        memory = Memory(folder / "kb" / "bench")
        memory.create(ROOT / "kb" / "relations.csv")
        engine = App(home_option=ROOT).open_engine("", CONTEXT, 9)
        engine.feed({0: engine.tokenize("warm up")})
        relations = memory.snapshot.relations
        writer = Freely(SentenceWriter(Recorder(engine), Named(relations)), relations)  # type: ignore[arg-type]
        began = time.perf_counter()
        *_, planned = plan([Path(ROOT / "kb" / "demo")], memory)
        assert isinstance(planned, Planned)
        for _ in ingest(planned, memory, writer):
            pass
        ours = time.perf_counter() - began
        for seq in range(engine.sequences):
            engine.rewind(seq, 0)
        began = time.perf_counter()
        for name, arguments in calls:
            getattr(engine, name)(*arguments)
        bare = time.perf_counter() - began
        engine.close()
    return [Row("ingest --no-draft: wall time / the same batches replayed", ours, bare, aim=1.4)]
