"""Which documents of Re-DocRED's development split are trained on, tuned on and reported on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources

from memllm_cli.corpora.annotated import Annotated
from memllm_cli.errors import UsageError

PARTS = ("train", "tune", "report")


def part(texts: Sequence[Annotated], name: str) -> list[Annotated]:
    """Those texts that belong to a part, in the order of its list; texts the list does not know are left out.

    Raises UsageError when the part does not exist.
    """
    if name not in PARTS:
        raise UsageError(f"There is no part '{name}'.", f"Parts: {', '.join(PARTS)}")
    lists = json.loads((resources.files(__package__) / "redocred_dev.json").read_text(encoding="utf-8"))
    by_title = {t.title: t for t in texts}
    return [by_title[title] for title in lists[name] if title in by_title]
