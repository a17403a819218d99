"""Conversations that are kept: one file each, to be gone on with and to be read.

A file is JSON lines, a turn a line, so that what was said last is there after a crash; only the user may read it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from memllm_cli.errors import NotFound
from memllm_cli.prompts import Message


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation: its name, when something was last said, the first question and how many there are."""

    name: str
    at: datetime
    first: str
    questions: int


class Sessions:
    """The conversations with one knowledge base, in a folder that is made when the first is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def every(self) -> list[Session]:
        """All, the newest last."""
        found = []
        for path in sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else ():
            asked = [m.text for m in self._read(path) if m.role == "user"]
            if asked:
                at = datetime.fromtimestamp(path.stat().st_mtime)
                found.append(Session(path.stem, at, " ".join(asked[0].split()), len(asked)))
        return sorted(found, key=lambda s: (s.at, s.name))

    def load(self, name: str = "") -> tuple[str, list[Message]]:
        """A conversation's name and turns; without a name the one in which something was said last. Raises NotFound."""
        every = self.every()
        if not every:
            raise NotFound("There is no conversation to go on with.", "Begin one: memllm chat")
        if not name:
            name = every[-1].name
        if all(s.name != name for s in every):
            raise NotFound(f"There is no conversation {name}.", "See: memllm chat --sessions")
        return name, self._read(self.folder / f"{name}.jsonl")

    def new(self) -> str:
        """The name of one that begins now."""
        name = datetime.now().strftime("%Y-%m-%d-%H%M%S")
        more = 1
        while (self.folder / f"{name}.jsonl").exists():
            more += 1
            name = f"{name[:17]}-{more}"
        return name

    def keep(self, name: str, messages: list[Message]) -> None:
        """Write a conversation as it is now. One that cannot be written is not kept: talk goes on."""
        if not messages:
            return
        path = self.folder / f"{name}.jsonl"
        text = "".join(json.dumps({"role": m.role, "text": m.text}, ensure_ascii=False) + "\n" for m in messages)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            other = path.with_suffix(".new")
            with os.fdopen(os.open(other, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            other.replace(path)
        except OSError:
            return

    def _read(self, path: Path) -> list[Message]:
        """The turns of a file; a line that is none, as after a crash, is left out."""
        out: list[Message] = []
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        for line in lines:
            try:
                turn = json.loads(line)
                if turn["role"] in ("user", "assistant"):
                    out.append(Message(turn["role"], str(turn["text"])))
            except (ValueError, KeyError, TypeError):
                continue
        return out


def as_markdown(name: str, messages: list[Message]) -> str:
    """A conversation as a page: questions as headings, answers below them."""
    lines = [f"# {name}", ""]
    for message in messages:
        lines += [f"## {' '.join(message.text.split())}" if message.role == "user" else message.text, ""]
    return "\n".join(lines)
