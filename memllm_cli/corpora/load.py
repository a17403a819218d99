"""A corpus by its kind and path, as commands take it: `docred:PATH`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from memllm_cli.corpora import docred, sentences
from memllm_cli.corpora.annotated import Annotated
from memllm_cli.errors import DamagedError, UsageError


def _folder(path: Path) -> list[Annotated]:
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return [text for file in files for text in sentences.tekgen(file)]


READERS: Mapping[str, Callable[[Path], list[Annotated]]] = {
    "redocred": docred.read,
    "docred": lambda path: docred.read(path, exhaustive=False),
    "knowledgenet": sentences.knowledgenet,
    "fewrel": sentences.fewrel,
    "tekgen": _folder,
    "own": sentences.own,
}
"""`redocred` stands for DocRED's format with complete labels, `docred` for the same with incomplete ones,
`own` for what `memllm train label` writes."""


def split(argument: str) -> tuple[str, Path]:
    """Kind and path of `KIND:PATH`. Raises UsageError."""
    kind, colon, path = argument.partition(":")
    if not colon or kind not in READERS:
        raise UsageError(
            f"'{argument}' does not say what kind of data it is.",
            f"Write KIND:PATH with KIND one of {', '.join(READERS)}; or made:COUNT, answered:COUNT, copies:KIND:PATH",
        )
    return kind, Path(path).expanduser()


def load(argument: str) -> list[Annotated]:
    """The texts of `KIND:PATH`. Raises UsageError, NotFound, DamagedError."""
    kind, path = split(argument)
    if path.is_dir() and kind != "tekgen":
        raise UsageError(f"{path} is a folder.", "Give a file.")
    try:
        return READERS[kind](path)
    except (TypeError, KeyError, IndexError, ValueError, AttributeError) as error:
        raise DamagedError(
            f"{path} is not of the kind {kind}: {type(error).__name__}", "See docs/training.md."
        ) from error
