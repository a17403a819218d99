"""Caches beside the database: a payload and a manifest that says whose it is and what it holds.

A manifest carries the knowledge base's id, the last operation the payload knows (its number and time), a count, what
else it depends on (an encoder, dimensions) and the payload's checksum. Both are written to temporary files, verified,
synced and renamed, the manifest last, after the old one was taken away: a payload without manifest is what a save left
that was cut short, one that does not fit its manifest is damaged. Either way the cache is made anew; it may be deleted
at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from memllm_cli.files import sha256, sync_folder
from memllm_cli.memory.disk.files import PART, manifest

FORMAT = 4


class Sidecar:
    """One cache: `NAME` and `NAME.json` in the folder of the knowledge base with the id `kb`.

    `identity` is what it depends on besides. Without an id a cache of any can be looked at or dropped, not saved.
    """

    def __init__(self, folder: Path, name: str, kb: str = "", **identity: Any) -> None:
        self.payload = folder / name
        self.manifest = folder / manifest(name)
        self.identity = {"format": FORMAT, **({"kb": kb} if kb else {}), **identity}

    def read(self) -> dict[str, Any] | None:
        """The manifest, if it belongs to this knowledge base and fits the payload."""
        head = self.head()
        if head is None:
            return None
        try:
            if self.payload.stat().st_size != head.get("size") or sha256(self.payload) != head.get("sha256"):
                return None
        except OSError:
            return None
        return head

    def head(self) -> dict[str, Any] | None:
        """The manifest alone, if it belongs to this knowledge base. The payload is not looked at."""
        try:
            head = json.loads(self.manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(head, dict) or head.pop("check", "") != _check(head):
            return None
        if {k: head.get(k) for k in self.identity} != self.identity:
            return None
        numbers = (head.get("last"), head.get("count"))
        return head if all(type(n) is int and n >= 0 for n in numbers) and isinstance(head.get("kb"), str) else None

    def save(self, write: Callable[[Path], None], verify: Callable[[Path], None], **said: Any) -> bool:
        """Replace the cache by what `write` puts into a file; False when it could not be kept, which is no error.

        `verify` is given the file and raises OSError or ValueError when it is not whole.
        """
        assert "kb" in self.identity, "a cache belongs to a knowledge base"
        fresh = self.payload.with_name(f"{self.payload.name}.{os.getpid()}{PART}")
        note = self.manifest.with_name(f"{self.manifest.name}.{os.getpid()}{PART}")
        try:
            for path in (fresh, note):
                path.touch(mode=0o600)  # nobody else reads what is being written either
            write(fresh)
            verify(fresh)
            head = self.identity | said | {"size": fresh.stat().st_size, "sha256": sha256(fresh)}
            note.write_text(json.dumps(head | {"check": _check(head)}), encoding="utf-8")
            for path in (fresh, note):
                path.chmod(0o600)
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            self.manifest.unlink(missing_ok=True)
            fresh.replace(self.payload)
            note.replace(self.manifest)
            sync_folder(self.payload.parent)
        except (OSError, ValueError, RuntimeError):
            return False
        finally:
            for path in (fresh, note):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        return True

    def drop(self) -> None:
        """Delete the cache."""
        for path in (self.manifest, self.payload):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _check(head: dict[str, Any]) -> str:
    """Checksum of what a manifest says."""
    return hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()
