"""What the base itself replies to everyday prompts: conversation in which nothing is read."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Generator, Iterator, Sequence
from importlib import resources

import numpy as np

from memllm_cli.engine.base import Engine, decode
from memllm_cli.prompts import Message, turns
from memllm_cli.training.ask_data import Talk
from memllm_cli.writing.together import Job, Lane, together

LONGEST = 64
"""Tokens of a reply at most; the end of one that is cut off is not taught."""


BEGUN = 12
"""Tokens of a reply to a filled pattern: what is learned there is that nothing is read."""
_SLOT = re.compile(r"\{([A-Z]+)\}")


def prompts() -> list[str]:
    """Our own everyday prompts to train on; `evaluation` has others."""
    return [row["prompt"] for row in _rows("everyday.csv")]


def patterned(count: int, seed: int = 0) -> list[str]:
    """So many everyday prompts out of patterns, whose slots hold common things and invented names; no two equal."""
    fillers: dict[str, list[str]] = {}
    for row in (*_rows("topics.csv"), *_rows("fillers.csv")):
        fillers.setdefault(row["kind"], []).append(row["text"])
    patterns = [row["pattern"] for row in _rows("patterns.csv")]
    rng = random.Random(f"{seed}/patterns")
    out: dict[str, None] = {}
    for i in range(20 * count):
        if len(out) == count:
            break
        out[_SLOT.sub(lambda m: rng.choice(fillers[m[1]]), patterns[i % len(patterns)])] = None
    return list(out)


def _rows(name: str) -> list[dict[str, str]]:
    path = resources.files("memllm_cli.training") / "phrasings" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def replies(engine: Engine, asked: Sequence[str], longest: int = LONGEST) -> Iterator[Talk]:
    """Each prompt with the likeliest reply, in order of completion."""

    def job(prompt: str) -> Job[Talk]:
        def work(lane: Lane) -> Generator[list[int], None, Talk]:
            yield turns(engine, [Message("user", prompt)])
            said: list[int] = []
            complete = False
            while len(said) < longest and not complete:
                token = int(np.argmax(lane.logits()))
                complete = token in engine.stops
                if not complete:
                    said.append(token)
                    yield [token]
            return Talk(prompt, decode(map(engine.piece, said)).strip("\ufffd").strip(), complete)

        return work

    return (talk for talk in together(engine, map(job, asked)) if talk.reply)
