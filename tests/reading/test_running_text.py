"""Reads in running text: where they open, what they may ask, and that one call is in sight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.formats import Trained
from memllm_cli.reading.running_text import Followed, Forbidden, Policy, Read, Running, Wanted
from memllm_cli.types import Query, Triple

TEXT = [" Mira Olsen was born in", " Tromby, the capital of", " Norland. It rains."]
READS = {
    TEXT[0]: "({MEM_READ( Mira Olsen >> place of birth >> )-->",
    TEXT[0] + TEXT[1]: "({MEM_READ( >> capital >> Tromby )-->",
}


class Recorded(ScriptedEngine):
    """Remembers every context that was loaded."""

    def __init__(self, script: object) -> None:
        super().__init__(script, context=4096)  # type: ignore[arg-type]
        self.seen: list[str] = []

    def load(self, seq: int, tokens: Sequence[int]) -> int:
        count = super().load(seq, tokens)
        self.seen.append(self.text(seq))
        return count


def script(context: str) -> str:
    """Goes on with the text, and reads before names that it does not know."""
    bare = context
    while "({" in bare and "})" in bare:
        bare = bare[: bare.index("({")] + bare[bare.index("})") + 2 :]
    if "({" in bare:
        plain, _, begun = bare.partition("({")
        wanted = READS.get(plain.removeprefix("T:"), "")
        return wanted[len("({" + begun) :] if wanted.startswith("({" + begun) else ")-->"
    said = bare.removeprefix("T:")
    whole = "".join(TEXT)
    if said in READS and not context.endswith("})"):
        return READS[said]
    return whole[len(said) :] if whole.startswith(said) else ""


def follow(engine: ScriptedEngine, policy: Policy) -> Followed:
    tokens, said, so_far = [], [], "T:"
    for piece in TEXT:
        ids = engine.tokenize(piece)
        tokens += ids
        said += [so_far] * len(ids)
        so_far += piece
    return Running(engine, Trained(engine), policy).follow(engine.tokenize("T:"), tokens, said)


@pytest.fixture
def engine() -> Recorded:
    return Recorded(script)


def test_reads_open_where_the_model_wants_them(engine: Recorded, memory: Memory) -> None:
    memory.set(Triple("Mira Olsen", "place of birth", "Tromby"))
    memory.set(Triple("Norland", "capital", "Tromby"))
    followed = follow(engine, Wanted(engine, Finder(memory), Trained(engine)))
    first, second = followed.reads
    assert (first.queries, first.values) == ((Query("Mira Olsen", "place of birth", None),), ("Tromby",))
    assert (second.queries, second.values) == ((Query(None, "capital", "Tromby"),), ("Norland",))
    assert len(engine.tokenize(TEXT[0])) == first.at
    assert np.count_nonzero(followed.cost) == 2
    assert followed.cost.max() < 0.1  # it was sure of both
    assert all(text.count("({") <= 1 for text in engine.seen)  # the first is gone when the second begins


def test_a_memory_that_knows_nothing_leaves_no_trace(engine: Recorded, memory: Memory) -> None:
    memory.set(Triple("Mira Olsen", "mother", "Ada Olsen"))
    followed = follow(engine, Wanted(engine, Finder(memory), Trained(engine)))
    assert [r.values for r in followed.reads] == [("Ada Olsen",)]  # asked for what there is
    memory.remove([f.key for f in memory.snapshot.facts()], "")
    followed = follow(engine, Wanted(engine, Finder(memory), Trained(engine)))
    assert not followed.reads
    assert not followed.cost.any()
    assert followed.chances.max() > 0.9


def test_what_the_text_has_said_is_not_asked_for(engine: Recorded, memory: Memory) -> None:
    memory.set(Triple("Mira Olsen", "place of birth", "Tromby"))
    wanted = Wanted(engine, Finder(memory), Trained(engine))
    context = engine.tokenize("T: Mira Olsen of Tromby was born in")
    assert wanted.read(0, context, "T: Mira Olsen of Tromby was born in") is None


def test_forbidden_calls_give_their_probability_to_the_text(engine: Recorded) -> None:
    followed = follow(engine, Forbidden())
    at = len(engine.tokenize(TEXT[0]))
    assert not followed.reads
    assert followed.chances[at] > 0.9
    raw = Trained(engine)

    class Silent:
        def opens(self, at: int, chance: float) -> bool:
            return False

        def read(self, at: int, context: Sequence[int], text: str) -> Read | None:
            return None

    charged = Running(engine, raw, Silent())
    ids = engine.tokenize("".join(TEXT))
    rows = charged.follow(engine.tokenize("T:"), ids, [""] * len(ids))
    lost = np.log1p(-followed.chances)
    assert np.allclose(followed.tokens, rows.tokens - lost)
