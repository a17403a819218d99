"""`memllm doctor`, `reindex`, `backup`, `restore` and `purge`: looking after a knowledge base."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.errors import DamagedError, NotFound, StorageError, UsageError
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from memllm_cli.memory.edit.memory import Memory


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("doctor")(doctor)
    app.command("reindex")(reindex)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("purge")(purge)


def doctor(
    context: typer.Context,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Only look; delete nothing. What a killed command left in the journal is taken in."
        ),
    ] = False,
) -> None:
    """Look the installation and the knowledge base over, and mend what can be rebuilt.

    Example: memllm doctor
    """
    from importlib import metadata
    from platform import python_version

    from memllm_cli import __version__
    from memllm_cli.memory.care.doctor import BAD, NOTE, OK, REPAIRED, Finding, examine
    from memllm_cli.memory.edit.memory import Memory

    state: App = context.obj
    libraries = ("duckdb", "hnswlib", "llama-cpp-python", "numpy")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in libraries)
    findings = [Finding(OK, f"memllm {__version__}, Python {python_version()}, {versions}")]
    findings += _models(state)
    memory = Memory(state.home.knowledge_base(state.setting("kb").value))
    memory.database.lock.waiting = lambda holder: state.output.note(f"waiting for {safe(holder)}…")
    if memory.database.exists():
        findings += examine(memory, repair=not check)
    else:
        findings.append(Finding(NOTE, f"there is no knowledge base '{memory.name}' yet"))
    colours = {OK: "green", REPAIRED: "yellow", BAD: "red", NOTE: "dim"}
    for f in findings:
        state.output.line(f"[{colours[f.state]}]{f.state:8}[/{colours[f.state]}] {safe(f.what)}")
        if f.hint:
            state.output.line(f"         [dim]{safe(f.hint)}[/dim]")
    state.output.data([{"state": f.state, "what": f.what, "hint": f.hint} for f in findings])
    bad = sum(f.state == BAD for f in findings)
    if bad:
        state.output.err.print(f"[red]{count(bad, 'problem')}[/red]", highlight=False)
        raise typer.Exit(1)


def _models(state: App) -> list[Any]:
    """Whether the model files are there and are what the catalog says."""
    from memllm_cli.errors import MemllmError
    from memllm_cli.memory.care.doctor import BAD, NOTE, OK, Finding

    out = []
    catalog = state.catalog()
    kinds = {"model": catalog.default, "encoder": catalog.encoder, "drafter": catalog.drafter,
             "adapter": catalog.adapter}  # fmt: skip
    for kind, default in kinds.items():
        name = state.setting(kind).value or default
        if name not in catalog.entries:
            out.append(Finding(NOTE, f"{kind} {name}: yours"))
            continue
        try:
            there = catalog.built(catalog.entry(name)) is not None
            out.append(Finding(OK if there else NOTE, f"{kind} {name}: {'made and whole' if there else 'not made yet'}",
                               "" if there else "memllm model build"))  # fmt: skip
        except MemllmError as error:
            out.append(Finding(BAD, f"{kind} {name}: {error.message}", error.hint))
    return out


def reindex(
    context: typer.Context,
    encode: Annotated[
        bool, typer.Option("--encode", help="Encode all names and texts again; with --encoder by another.")
    ] = False,
) -> None:
    """Rebuild what stands beside the database: the packed history, the index of names, the index of words.

    Example: memllm reindex
    """
    from memllm_cli.memory.disk.files import drop_caches
    from memllm_cli.memory.search.find import Finder
    from memllm_cli.memory.search.texts import Texts

    state: App = context.obj
    memory = state.memory()
    finder: Finder = state.finder(memory)
    finder.encoder()  # a missing model shows before anything goes
    drop_caches(memory.database.folder)
    memory.outdate()
    names = finder.reindex(encode or state.encoder_option is not None)
    texts = Texts(memory, finder.encoder)
    if encode:
        texts.forget_vectors()
    passages = texts.complete(state.output.bar("encoding texts"))
    state.output.data({"names": names, "passages": passages, "encoder": memory.snapshot.encoder})
    state.output.line(f"{count(names, 'name')} indexed, encoder {safe(str(memory.snapshot.encoder))}")
    if passages:
        state.output.line(f"{count(passages, 'passage')} encoded")


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write; .gz is added when it has no ending.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write everything to one file, history and documents included, and read it back to be sure.

    It is compressed text that any later version can restore. It is not encrypted.

    Example: memllm backup lease-2026-11-22.gz
    """
    from memllm_cli.files import whole
    from memllm_cli.memory.care.backup import check, write

    state: App = context.obj
    memory = state.memory()
    if not file.name:
        raise UsageError("The file has no name.", "For instance: memllm backup facts.gz")
    path = file if file.suffix else file.with_suffix(".gz")
    if path.exists() and not force:
        raise UsageError(f"{path} is there already.", "Choose another name, or replace it with --force.")
    try:
        with whole(path) as part:
            rows = write(memory, part)
            check(part)
    except OSError as error:
        said = error.strerror or str(error)
        raise StorageError(
            f"{path} cannot be written: {said}.", "Nothing was changed. Choose another place."
        ) from error
    size = path.stat().st_size
    state.output.data({"file": str(path), "rows": rows, "bytes": size})
    state.output.line(f"{count(rows, 'row')} written to {safe(str(path))} ({size / 1e6:.2f} MB), read back and whole")


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `memllm backup` or `memllm export --jsonl` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of what the knowledge base holds now.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Make a knowledge base out of a backup. With --replace what was there is backed up beside it first.

    Example: memllm --kb lease restore lease-2026-11-22.gz
    """
    from memllm_cli.memory.care.backup import read
    from memllm_cli.memory.care.full_export import restore as fill
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.paths import lay_out

    state: App = context.obj
    try:
        everything = read(file)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {file}.", "Check the path.") from error
    except OSError as error:
        raise DamagedError(f"{file} cannot be read: {error.strerror or error}.", "Try another backup.") from error
    memory = Memory(state.home.knowledge_base(state.setting("kb").value))
    kept = None
    if memory.database.exists() and replace:
        if not yes:
            if not state.output.interactive:
                raise UsageError(f"'{memory.name}' would be replaced.", "Add --yes.")
            if not state.output.confirm(f"Replace all that '{memory.name}' holds?"):
                state.output.note("nothing was changed")
                return
        kept = _set_aside(memory)
        memory = Memory(memory.database.folder)
    elif not memory.database.exists():
        lay_out(state.home)
    fill(memory, everything, empty=not (replace and memory.database.exists()))
    counts = {table: len(rows) for table, rows in everything.rows.items()}
    state.output.data({"id": everything.id, "rows": counts, "kept": kept and str(kept)})
    state.output.line(f"restored: {counts['operations']} operations, {counts['assertions']} statements")
    if kept is not None:
        state.output.note(f"what was there before: {safe(str(kept))}")


def _set_aside(memory: Memory) -> Path:
    """Back up what a knowledge base holds, beside its folder; one that cannot be read is moved there as it is."""
    from datetime import UTC, datetime

    from memllm_cli.files import whole
    from memllm_cli.memory.care.backup import check, write

    folder = memory.database.folder
    path = folder.parent / f"{memory.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}.before-restore.gz"
    try:
        with whole(path) as part:
            write(memory, part)
            check(part)
    except DamagedError:
        path = path.with_suffix("").with_suffix(".damaged")
        folder.rename(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}.", "Nothing was changed.") from error
    return path


def purge(
    context: typer.Context,
    document: Annotated[str, typer.Argument(help="Path, file name or title of a document.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be erased; erase nothing.")] = False,
) -> None:
    """Erase a document for good: its text, the facts that rest on it alone, and their history. No undo brings it back.

    To drop its facts and be able to undo that: memllm source forget.

    Example: memllm purge lease.md
    """
    from memllm_cli.cli.source import named
    from memllm_cli.memory.care.purge import purge as erase

    state: App = context.obj
    memory = state.memory()
    uri = named(memory.snapshot, document, every=True)
    plan = erase(memory, uri, dry_run=True)
    said = (
        f"{safe(os.path.basename(uri))}: {count(plan.versions, 'version')} of its text, "
        f"{count(plan.statements, 'statement')}, {count(plan.names, 'name')} that nothing else uses, "
        f"{count(plan.operations, 'operation')} of the history"
    )
    data = {
        "uri": uri, "versions": plan.versions, "statements": plan.statements, "names": plan.names,
        "operations": plan.operations, "dry_run": dry_run,
    }  # fmt: skip
    if dry_run:
        state.output.data(data)
        state.output.line(f"would be erased: {said}")
        return
    if not yes:
        state.output.note(said)
        if not state.output.interactive:
            raise UsageError("That cannot be undone.", "Look with --dry-run, then erase with --yes.")
        if not state.output.confirm("Erase all that for good?"):
            state.output.note("nothing was erased")
            return
    erase(memory, uri)
    state.output.data(data)
    state.output.line(f"erased: {said}")
    state.output.note("not reached: the file itself, backups and exports made before, and what a chat showed of it")
