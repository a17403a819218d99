"""What the base itself replies to everyday prompts: conversation in which nothing is read."""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator, Sequence
from importlib import resources

import numpy as np

from memllm_cli.engine.base import Engine, decode
from memllm_cli.runtime.prompts import Message, turns
from memllm_cli.runtime.together import Job, Lane, together
from memllm_cli.training.ask_data import Talk

LONGEST = 64
"""Tokens of a reply at most; the end of one that is cut off is not taught."""


def prompts() -> list[str]:
    """Our own everyday prompts to train on; `evaluation` has others."""
    path = resources.files("memllm_cli.training") / "phrasings" / "everyday.csv"
    return [row["prompt"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())]


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
