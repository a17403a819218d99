"""Everyday prompts that want no read, and how likely a model finds one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib import resources

from memllm_cli.engine.base import Engine
from memllm_cli.engine.measure import perplexity
from memllm_cli.reading.formats import Trained


def prompts(tune: bool = False) -> list[str]:
    """Our own prompts to report on, or to tune on; those of `training/phrasings` are others."""
    path = resources.files("memllm_cli.evaluation") / ("everyday_tune.csv" if tune else "everyday.csv")
    return [row["prompt"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())]


def opening(engine: Engine, format: Trained, prompt: str) -> float:
    """Log probability that the reply to a prompt begins with a read."""
    engine.load(0, format.prompt((), prompt))
    return float(engine.pick(0, [format.opening])[0])


def plain(engine: Engine, passages: Sequence[str]) -> float:
    """Perplexity of text as it is, one passage after the other."""
    return perplexity(engine, [t for passage in passages for t in engine.tokenize(f"{passage}\n\n")])
