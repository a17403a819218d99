"""kill -9 while documents are read: run again until it ends, and memory is as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import DEMO

if TYPE_CHECKING:
    from tests.e2e.conftest import Home

pytestmark = pytest.mark.e2e
KILLS = 10


@pytest.mark.failure
def test_with_the_real_model(home: Home) -> None:
    documents = [str(DEMO / name) for name in ("lease.md", "side-letter.txt", "meeting-notes.md")]
    chance = random.Random(4)
    began = time.perf_counter()
    assert home.run("--kb", "calm", "ingest", *documents).code == 0
    took = time.perf_counter() - began
    kills = number = 0
    for _ in range(5 * KILLS):
        process = home.start("--kb", f"killed-{number}", "ingest", *documents)
        time.sleep(chance.uniform(0.2, 0.9) * took)
        if process.poll() is None:
            process.kill()
            kills += 1
        else:
            number += 1  # this one has everything: begin another
        process.communicate()
        if kills == KILLS:
            break
    assert kills == KILLS
    calm = home.run("--kb", "calm", "export", "--canonical", "--proposed").out
    assert calm
    for i in range(number + 1):
        done = home.run("--kb", f"killed-{i}", "ingest", *documents)
        assert done.code == 0, done.err
        assert home.run("--kb", f"killed-{i}", "export", "--canonical", "--proposed").out == calm
        assert home.run("--kb", f"killed-{i}", "doctor", "--check").code == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_with_a_scripted_engine(tmp_path: Path) -> None:
    from memllm_cli.memory.care.table import write_canonical
    from tests.failure.work import child, heard, made

    folder = tmp_path / "docs"
    folder.mkdir()
    for i in range(12):
        lines = " ".join(f"The tenant under the Mill {i} Lease {k} is Acorn {i} Ltd." for k in range(4))
        (folder / f"{i:02}.txt").write_text(lines, encoding="utf-8")

    def work(say: Callable[[str], None], place: Path) -> None:
        import io

        from memllm_cli.engine.scripted import ScriptedEngine
        from memllm_cli.memory.values.relations import Relations, read_table
        from memllm_cli.writing.drafts import Freely
        from memllm_cli.writing.ingest import Planned, Read, ingest, plan
        from memllm_cli.writing.sentences import Named, SentenceWriter
        from tests.failure.work import RELATIONS

        memory = made(place)
        *_, planned = plan([folder], memory)
        assert isinstance(planned, Planned)
        engine = ScriptedEngine(play, context=4096, sequences=1)
        relations = Relations(read_table(RELATIONS))
        writer = Freely(SentenceWriter(engine, Named(relations)), relations, 0.0)
        for event in ingest(planned, memory, writer):
            if isinstance(event, Read):
                say(json.dumps({"read": event.path, "facts": event.facts + event.proposals}))
        out = io.StringIO()
        write_canonical(memory, out, proposed=True)
        say(json.dumps({"end": out.getvalue()}))

    def run(place: Path, wait: float | None) -> list[dict[str, object]]:
        pid, pipe = child(lambda say: work(say, place))
        if wait is not None:
            time.sleep(wait)
            os.kill(pid, signal.SIGKILL)
        lines = [json.loads(line) for line in heard(pipe)]
        os.waitpid(pid, 0)
        return lines

    began = time.perf_counter()
    calm = run(tmp_path / "calm", None)
    took = time.perf_counter() - began
    assert sum(int(str(line.get("facts", 0))) for line in calm) > 0
    chance = random.Random(2)
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        acknowledged |= {
            str(x["read"]) for x in run(tmp_path / "killed", chance.uniform(0.1, 0.5) * took) if "read" in x
        }
    last = run(tmp_path / "killed", None)
    again = {str(x["read"]) for x in last if "read" in x}
    assert not acknowledged & again, "what was acknowledged is not read again"
    assert last[-1] == calm[-1]


def play(context: str) -> str:
    """The call for the sentence asked about last."""
    import re

    at = context.rfind("The tenant under the ")
    match = re.match(r"The tenant under the (.*?) is (.*? Ltd)\.", context[at:])
    if at < 0 or match is None:
        return ""
    written = context[at + match.end() :]
    start = written.find("({")
    call = f"({{MEM_WRITE-->{match[1]}>>tenant>>{match[2]}}})"
    done = written[start:] if start >= 0 else ""
    return call[len(done) :] if call.startswith(done) else ""
