"""A model as the catalog lists it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One model or encoder of `models/catalog.toml`."""

    name: str
    task: str
    """`generate`, `encode`, `draft`, `adapt`, `point`, or `base` for what one of ours was tuned from."""
    architecture: str
    parameters: int
    licence: str
    context: int
    template: str
    description: str
    package: str
    """Distribution that carries the file, or empty."""
    repository: str
    """Hugging Face repository, or empty."""
    file: str
    """Path inside the package or repository; for an encoder the folder's weights."""
    size: int
    sha256: str
    build: str
    """Quantisation the program builds from the file (`q4_0`), or empty to use it as it is."""
    base: str = ""
    """For a drafter the encoder, for an adapter the language model that it was tuned from."""
    tasks: tuple[str, ...] = ()
    """What an adapter was trained for: `write`, `read`."""
    extra: tuple[tuple[str, str], ...] = ()
    """Further files beside `file`, with their checksums."""


def read_entry(name: str, row: dict[str, Any]) -> Entry:
    """An entry from its row of the catalog. Raises KeyError, TypeError, ValueError."""
    source = row["source"]
    return Entry(
        name=name,
        task=str(row["task"]),
        architecture=str(row["architecture"]),
        parameters=int(row["parameters"]),
        licence=str(row["licence"]),
        context=int(row["context"]),
        template=str(row.get("template", "")),
        description=str(row.get("description", "")),
        package=str(source.get("package", "")),
        repository=str(source.get("repository", "")),
        file=str(source["file"]),
        size=int(source["size"]),
        sha256=str(source["sha256"]),
        build=str(row.get("build", "")),
        base=str(row.get("base", "")),
        tasks=tuple(map(str, row.get("tasks", ()))),
        extra=tuple((str(file), str(digest)) for file, digest in source.get("extra", {}).items()),
    )
