"""What an adapter is trained on: the streams of its tasks, from texts, questions, conversations and passages."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memllm_cli.corpora.annotated import Annotated
from memllm_cli.corpora.exchange import Exchange
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.memory.values.relations import Relation
from memllm_cli.training import write_data
from memllm_cli.training.adapter_base import Base
from memllm_cli.training.ask_data import Talk, asked, plain, talked
from memllm_cli.training.read_data import Reading
from memllm_cli.training.streams import Stream

TASKS = ("write", "read")


@dataclass(slots=True)
class Material:
    """What there is to learn from. `exchanges`, `talks` and `passages` teach reading alone."""

    texts: list[Annotated] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    passages: list[str] = field(default_factory=list)


def prepare(
    material: Material, table: Sequence[Relation], base: Base, tasks: Collection[str], seed: int = 0
) -> dict[str, list[Stream]]:
    """The streams by what they teach: `write`, `read`, `ask`, `talk`, `text`."""
    names = write_data.names(table)
    out: dict[str, list[Stream]] = {}
    if "write" in tasks:
        out["write"] = write_data.prepare(material.texts, table, base.tokenize, base.start)
    if "read" in tasks:
        reading = Reading(material.texts, names, seed)
        out["read"] = list(reading.streams(material.texts, base.tokenize, base.start))
        before = [t for t in material.talks if t.complete]
        out["ask"] = list(asked(material.exchanges, before, base.tokenize, base.turns, seed))
        out["talk"] = list(talked(material.talks, base.turns))
        out["text"] = list(plain(material.passages, base.tokenize, base.start))
    return {kind: streams for kind, streams in out.items() if streams}


def shown(stream: Stream, base: Base) -> str:
    """A stream as text, each branch on a line of its own after the words it follows."""
    text = base.text(stream.ids[: stream.branches[0].start] if stream.branches else stream.ids)
    lines = [
        f"  …{base.text(stream.ids[max(0, b.at - 6) : b.at])}{base.text(stream.ids[b.start : b.end])}"
        for b in stream.branches
    ]
    return "\n".join([text, *lines])


def read_talks(path: Path) -> list[Talk]:
    """Conversations of a file of JSON lines, as `memllm train replies` writes it. Raises NotFound, DamagedError."""
    out: list[Talk] = []
    try:
        for line in path.read_text(encoding="utf-8").strip("\n").split("\n"):
            row = json.loads(line)
            out.append(Talk(str(row["prompt"]), str(row["reply"]), bool(row["complete"])))
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Make it: memllm train replies --out FILE") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} is not a list of prompts and replies: {error}", "Make it again.") from error
    return out
