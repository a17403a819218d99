"""What the commands of `memllm train` share: data as arguments, what is missing, progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memllm_cli.cli.context import Context
from memllm_cli.errors import MemllmError, NotFound

if TYPE_CHECKING:
    from memllm_cli.corpora.annotated import Annotated as Text
    from memllm_cli.memory.relations import Relation

DATA = (
    "KIND:PATH (redocred, docred, knowledgenet, fewrel, tekgen, own), made:COUNT, or copies:KIND:PATH for copies with "
    "other names; as many as you like."
)
MADE, COPIES = "made:", "copies:"


def read(
    data: Sequence[str], limit: int, everything: bool, table: Sequence[Relation], seed: int
) -> tuple[list[Text], list[Text]]:
    """Texts to train on and texts to tune on.

    Of Re-DocRED's development split the fixed parts; with `everything` those kept for reports are trained on too.
    Without it every tenth text is tuned on. Raises NotFound when no text has a relation, else as `corpora.load`.
    """
    from memllm_cli.corpora.load import load, split
    from memllm_cli.corpora.splits import part

    texts: list[Text] = []
    tuning: list[Text] = []
    for argument in data:
        if argument.startswith(MADE) and (count_ := argument.removeprefix(MADE)).isdigit():
            from memllm_cli.training import synthetic

            told = [r for r in table if r.external not in synthetic.HELD_OUT]
            texts += synthetic.Documents(told, synthetic.load(), seed).make(int(count_))
            continue
        source = argument.removeprefix(COPIES)
        found = load(source)
        if split(source)[0] == "redocred":
            chosen = part(found, "train") + (part(found, "report") if everything else [])
            tuning += part(found, "tune")[: limit or None] if source == argument else []
            found = chosen or found
        found = found[: limit or None]
        if source != argument:
            from memllm_cli.training.counterfactual import Copies

            found = list(Copies(found, seed).make(found))
        texts += found
    if not tuning:
        texts, tuning = [t for i, t in enumerate(texts) if i % 10], texts[::10]
    if not any(text.labels for text in texts):
        raise NotFound("There is nothing to learn in the data.", "Give at least one text with relations.")
    return texts, tuning


def files(data: Sequence[str]) -> list[Path]:
    """The files that are named, whose checksums are kept with what is trained."""
    from memllm_cli.corpora.load import split

    paths = [split(d.removeprefix(COPIES))[1] for d in data if not d.startswith(MADE)]
    return [path for path in paths if path.is_file()]


def missing(error: ImportError) -> MemllmError:
    """What to say when PyTorch or its company is not installed."""
    return MemllmError(f"Training needs an extra: {error}.", 'Install it: pip install "memllm[train]"')


def reporter(state: Context) -> Callable[[Mapping[str, Any]], None]:
    """Prints a line of a run's log."""

    def report(line: Mapping[str, Any]) -> None:
        state.output.note("  ".join(f"{k} {v}" for k, v in line.items()))

    return report
