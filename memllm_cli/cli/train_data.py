"""What the commands of `memllm train` share: data as arguments, what is missing, progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memllm_cli.app import App
from memllm_cli.errors import MemllmError, NotFound, UsageError

if TYPE_CHECKING:
    from memllm_cli.corpora.annotated import Annotated as Text
    from memllm_cli.memory.values.relations import Relation
    from memllm_cli.training.adapter_data import Material

DATA = (
    "KIND:PATH (redocred, docred, knowledgenet, fewrel, tekgen, own), made:COUNT[:RELATION], answered:COUNT, or "
    "copies:KIND:PATH for copies with other names; as many as you like."
)
SPOKEN = DATA.replace("; as many", "; for reading also asked:COUNT, chat:PATH, text:PATH, text:KIND:PATH; as many")
MOST = 100_000
"""Documents made at once."""
MADE, ANSWERED, COPIES = "made:", "answered:", "copies:"
ASKED, CHAT, TEXT = "asked:", "chat:", "text:"


def read(
    data: Sequence[str], limit: int, everything: bool, table: Sequence[Relation], seed: int
) -> tuple[list[Text], list[Text]]:
    """Texts to train on and texts to tune on.

    Of Re-DocRED's development split the fixed parts; with `everything` those kept for reports are trained on too.
    Without it every tenth text is tuned on. What is not about texts with relations (`material`) is passed over. Raises
    NotFound when no text has a relation, else as `corpora.load`.
    """
    from memllm_cli.corpora.load import load, split
    from memllm_cli.corpora.splits import part

    texts: list[Text] = []
    tuning: list[Text] = []
    for argument in data:
        if argument.startswith((ASKED, CHAT, TEXT)):
            continue
        if argument.startswith(ANSWERED) and argument.removeprefix(ANSWERED).isdecimal():
            from memllm_cli.training import synthetic

            told = [r for r in table if r.external not in synthetic.HELD_OUT]
            made = synthetic.Documents(told, synthetic.load(), seed)
            count = min(int(argument.removeprefix(ANSWERED)), limit or MOST)
            texts += made.answered(count)
            continue
        if argument.startswith(MADE):
            texts += _made(argument, table, seed)[: limit or None]
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
        tuning = texts[::10]
        texts = [t for i, t in enumerate(texts) if i % 10] or texts
    if not any(text.labels for text in texts):
        raise NotFound("There is nothing to learn in the data.", "Give at least one text with relations.")
    return texts, tuning


def material(
    data: Sequence[str], limit: int, everything: bool, table: Sequence[Relation], seed: int
) -> tuple[Material, Material]:
    """What an adapter is trained on, and what it is tuned on: of questions those with kept-out phrasings and names.

    Raises as `read`.
    """
    from memllm_cli.corpora.due import plainly
    from memllm_cli.corpora.load import READERS
    from memllm_cli.corpora.passages import read_passages
    from memllm_cli.training import synthetic
    from memllm_cli.training.adapter_data import Material, read_talks
    from memllm_cli.training.ask_data import Questions

    told = [r for r in table if r.external not in synthetic.HELD_OUT]
    learned, held = Material(), Material()
    for argument in data:
        rest = argument.partition(":")[2]
        if argument.startswith(ASKED):
            if not rest.isdecimal() or int(rest) > MOST:
                raise UsageError(f"'{argument}' is not asked:COUNT.", "For instance: asked:2000")
            count = min(int(rest), limit or MOST)
            learned.exchanges += Questions(told, synthetic.load(), seed).make(count)
            held.exchanges += Questions(told, synthetic.load(kept_out=True), seed).make(min(count, 50))
        elif argument.startswith(CHAT):
            learned.talks += read_talks(Path(rest).expanduser())[: limit or None]
        elif argument.startswith(TEXT):
            if rest.partition(":")[0] in READERS:
                for texts, passages in zip(read([rest], limit, everything, table, seed), (learned, held), strict=True):
                    passages.passages += [plainly(text) for text in texts]
            else:
                learned.passages += read_passages(Path(rest).expanduser())[: limit or None]
    rest_ = [d for d in data if not d.startswith((ASKED, CHAT, TEXT))]
    if rest_:
        learned.texts, held.texts = read(rest_, limit, everything, table, seed)
    return learned, held


def _made(argument: str, table: Sequence[Relation], seed: int) -> list[Text]:
    from memllm_cli.training import synthetic

    _, count, *rest = argument.split(":", 2)
    name = rest[0] if rest else ""
    told = [r for r in table if r.external not in synthetic.HELD_OUT or r.name == name]
    if not count.isdecimal() or int(count) > MOST:
        raise UsageError(f"'{argument}' is neither made:COUNT nor made:COUNT:RELATION.", "For instance: made:1500")
    if name and name not in {r.name for r in told}:
        raise NotFound(f"No relation is called '{name}'.", "They are spelt as in: memllm relation list")
    return list(synthetic.Documents(told, synthetic.load(), seed).make(int(count), name))


def reports(data: Sequence[str]) -> list[Text]:
    """The documents of Re-DocRED's development split that are kept for reports, if it is among the data."""
    from memllm_cli.corpora.load import load, split
    from memllm_cli.corpora.splits import part

    named = [
        d for d in data if not d.startswith((MADE, ANSWERED, COPIES, ASKED, CHAT, TEXT)) and split(d)[0] == "redocred"
    ]
    return [text for argument in named for text in part(load(argument), "report")]


def files(data: Sequence[str]) -> list[Path]:
    """The files that are named, whose checksums are kept with what is trained."""
    from memllm_cli.corpora.load import READERS, split

    named = [d for d in data if not d.startswith((MADE, ANSWERED, ASKED))]
    paths = []
    for d in named:
        kind, rest = d.split(":", 1)
        of_texts = not d.startswith((CHAT, TEXT)) or rest.partition(":")[0] in READERS
        paths.append(split(rest if kind + ":" in (COPIES, TEXT) else d)[1] if of_texts else Path(rest).expanduser())
    return [path for path in paths if path.is_file()]


def missing(error: ImportError) -> MemllmError:
    """What to say when PyTorch or its company is not installed."""
    return MemllmError(f"Training needs an extra: {error}.", 'Install it: pip install "memllm[train]"')


def reporter(state: App) -> Callable[[Mapping[str, Any]], None]:
    """Prints a line of a run's log."""

    def report(line: Mapping[str, Any]) -> None:
        state.output.note("  ".join(f"{k} {v}" for k, v in line.items()))

    return report
