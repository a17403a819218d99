"""Chat, where nothing is asked of memory and the model talks: seconds from the prompt to the first token beside a bare
llama-cpp-python loop on the same tokens; what looking up costs before it; peak memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from typing import Any

from benchmarks.common import ROOT, Row, home

TURNS = 10


def run() -> list[Row]:
    """First and tenth turn; the memory of a process that answers ten questions."""
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.chat"], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout
    first, bare_first, look_first, tenth, bare_tenth, look_tenth, peak = map(float, output.split()[-7:])
    return [
        Row("chat, first turn: seconds from prompt to first token / bare loop", first, bare_first, aim=1.2),
        Row("chat, first turn: seconds of looking up before it", look_first, 0.0, aim=1.0),
        Row("chat, tenth turn: seconds from prompt to first token / bare loop", tenth, bare_tenth, aim=1.2),
        Row("chat, tenth turn: seconds of looking up before it", look_tenth, 0.0, aim=1.0),
        Row("chat: peak memory in MB", peak, 0.0, aim=700.0),
    ]


def main() -> None:
    """In a process of its own, so that its peak memory is chat's: prints seven numbers."""
    from memllm_cli.answering.answer import Answerer
    from memllm_cli.answering.options import Options
    from memllm_cli.app import App
    from memllm_cli.evaluation import everyday
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.search.find import Finder
    from memllm_cli.reading.events import Done, Text
    from memllm_cli.reading.reads import Conversation
    from memllm_cli.types import Triple

    with home() as folder:
        memory = Memory(folder / "kb" / "bench")
        memory.create(ROOT / "kb" / "relations.csv")
        for i in range(TURNS):
            memory.set(Triple(f"Country {chr(65 + i)}land", "capital", f"City {chr(65 + i)}ton"))
        state = App(home_option=ROOT)
        catalog = state.catalog()
        format = state.reader()
        engine = format.engine
        answerer = Answerer(engine, Finder(memory, state.open_encoder), Options(), format, state.decider())
        fed: list[tuple[float, list[int]]] = []
        load = engine.load

        def watched_load(seq: int, tokens: Any) -> int:
            fed.append((time.perf_counter(), list(tokens)))
            return load(seq, tokens)

        engine.load = watched_load  # type: ignore[method-assign]
        conversation = Conversation()
        firsts: list[float] = []
        looked: list[float] = []
        prompts: list[list[int]] = []
        for prompt_ in everyday.prompts():
            fed.clear()
            began = time.perf_counter()
            first = 0.0
            for event in answerer.ask(prompt_, conversation):
                if isinstance(event, Text) and not first:
                    first = time.perf_counter()
                if isinstance(event, Done) and event.outcome != "talk":
                    conversation.drop_last()
                    fed.clear()
            if not fed:  # the program said it, or memory has nothing on it
                continue
            if len(firsts) == TURNS:
                break
            written, prompt = fed[0]
            firsts.append(first - written)
            looked.append(written - began)
            prompts.append(prompt)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
        engine.close()
        bare = _bare(str(catalog.ready("").path), prompts)
        print(firsts[0], bare[0], looked[0], firsts[-1], bare[-1], looked[-1], peak)


def _bare(path: str, prompts: list[list[int]]) -> list[float]:
    """The same prompts through `llama_cpp.Llama`, which keeps the common prefix; seconds to the first token."""
    from llama_cpp import Llama

    model = Llama(path, n_ctx=2048, n_batch=512, verbose=False)
    seconds = []
    for prompt in prompts:
        began = time.perf_counter()
        next(iter(model.generate(prompt, temp=0.0)))
        seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    main()
