"""`memllm ingest --watch`: folders kept up to date, a line a change.

Folders are looked through every few seconds instead of asking the system to report changes: that works on every
system and on drives of a network, and a thousand files take some milliseconds. A file is read when it has stayed the
same from one look to the next, so that none is read while a program writes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.app import App
from memllm_cli.documents.base import Limits
from memllm_cli.errors import BusyError, NotFound
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.writing.drafts import DocumentWriter

EVERY = 2.0
"""Seconds between two looks."""
Seen = dict[str, tuple[int, int]]
"""Files by their path: when they were changed (ns), and their bytes."""


class Watch:
    """What has changed in some folders since it was read."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = roots
        self.known = self.before = look(roots)

    def changed(self) -> tuple[list[str], list[str]]:
        """Look again: files that are new or other than read and have settled, and those that are gone twice."""
        now = look(self.roots)
        settled = [p for p, s in now.items() if s != self.known.get(p) and s == self.before.get(p)]
        gone = [p for p in self.known if p not in now and p not in self.before]
        self.before = now
        return settled, gone

    def done(self, path: str) -> None:
        """A file was taken in as it was at the last look."""
        if path in self.before:
            self.known[path] = self.before[path]
        else:
            self.known.pop(path, None)


def look(roots: Sequence[Path]) -> Seen:
    """The files that are there, as they are now."""
    from memllm_cli.documents import find

    out: Seen = {}
    for root in roots:
        try:
            files = find([root]).files
        except NotFound:  # a folder that is gone, and may come back
            continue
        for path in files:
            try:
                info = path.stat()
            except OSError:
                continue
            out[str(path)] = info.st_mtime_ns, info.st_size
    return out


def watch(
    state: App,
    watching: Watch,
    writer: DocumentWriter | None,
    limits: Limits,
    encode: Callable[[App, Memory], object],
    every: float = EVERY,
) -> None:
    """Keep memory up to date with folders until Ctrl-C; `encode` makes the vectors of what is new. Raises
    KeyboardInterrupt then."""
    folders = count(len(watching.roots), "path")
    state.output.line(f"watching {folders}, {count(len(watching.known), 'file')}; Ctrl-C ends it")
    while True:
        time.sleep(every)
        settled, gone = watching.changed()
        for path in (*settled, *gone):
            try:
                said = _forget(state, path) if path in gone else _read(state, path, writer, limits, encode)
            except BusyError:  # somebody else writes: tried again after the next look
                continue
            watching.done(path)
            if said:
                state.output.line(f"{datetime.now():%H:%M:%S} {safe(Path(path).name)}: {said}")


def _read(
    state: App, path: str, writer: DocumentWriter | None, limits: Limits, encode: Callable[[App, Memory], object]
) -> str:
    from memllm_cli.writing.ingest import Planned, Read, ingest, note_failures, plan

    memory = state.memory(create=True)
    planned = next(p for p in plan([Path(path)], memory, limits=limits) if isinstance(p, Planned))
    if planned.failed:
        note_failures(memory, planned.failed)
        return f"not read: {safe(planned.failed[0][1])}"
    said = ""
    for event in ingest(planned, memory, writer):
        if isinstance(event, Read):
            said = f"{count(event.facts, 'fact')}, {count(event.proposals, 'proposal')}"
            said += "".join(f"; {safe(note)}" for note in event.notes)
    if said:
        encode(state, memory)
    return said


def _forget(state: App, path: str) -> str:
    import os

    from memllm_cli.documents import file_of

    memory = state.memory(create=True)
    uri = os.path.realpath(path)
    of_it = [d.uri for d in memory.snapshot.documents() if file_of(d.uri) == uri]
    lost = sum(len(memory.forget(one).before) for one in of_it)
    return f"gone; {count(lost, 'fact')} had no other support" if of_it else ""
