"""`memllm ingest`: read documents into the memory."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.documents.readers import FORMATS
from memllm_cli.errors import Interrupted, MemllmError, NotFound, PartlyDone, UsageError
from memllm_cli.terminal import clean, count, interrupts_held, safe

if TYPE_CHECKING:
    from memllm_cli.documents.base import Limits
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.types import Document
    from memllm_cli.writing.drafts import DocumentWriter
    from memllm_cli.writing.ingest import Planned

AGAIN = "run the same command again to go on"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def ingest(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(help=f"Files and folders: {', '.join(f[1:] for f in FORMATS)}; - reads standard input."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count and estimate; store nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Read unchanged documents too.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="The drafter alone: relations it knows by name.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Forget documents read from these folders before that are gone now.")
    ] = False,
    no_draft: Annotated[bool, typer.Option("--no-draft", help="A language model alone, without the drafter.")] = False,
    structure: Annotated[
        bool, typer.Option("--structure", help="Tables, lists and key-value lines alone: no model reads the prose.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Say of each file whether it is new, changed, done, empty or failed.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Read what could not be read before; paths are not needed.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then stay, and keep memory up to date with these folders until Ctrl-C.")
    ] = False,
    table_rows: Annotated[
        int | None,
        typer.Option(min=1, help="Up to how many rows (2,000) a table's cells become facts; more are searched."),
    ] = None,
    name: Annotated[str, typer.Option(help="What standard input is called; a suffix says its kind.")] = "text.txt",
) -> None:
    """Read documents and write the facts they state into memory, each with its sentence.

    What tables, lists and key-value lines say is taken as it stands. In prose the extractor finds what is stated, of
    what, and since or until when; what is denied, planned, asked or only reported is kept for what it is, and is no
    fact (memllm fact list --all). The drafter names the relations it knows. If you chose a model with --model or
    `model use`, that one decides among the drafts instead; --fast is the drafter alone, --structure leaves prose out.

    Each document is committed as one operation; what is committed stays when you press Ctrl-C, and the next run
    skips it. Facts the model is unsure of are kept as proposals, which answers do not use.

    Example: memllm ingest docs/ contract.pdf
    """
    state: App = context.obj
    given = paths or []
    if not all(given):  # an empty path is this folder, and more often a variable that is not set
        raise UsageError("A path is empty.", "Name a file or a folder; this folder is: memllm ingest .")
    if retry_failed:
        from memllm_cli.writing.ingest import failures

        given = [uri for uri in failures(state.memory()) if Path(uri).exists()]
        if not given:
            state.output.line("nothing failed that is still there")
            state.output.data({"documents": [], "failed": []})
            return
    if not given:
        raise UsageError("Name files or folders to read, or - for standard input.", "See: memllm ingest --help")
    if status:
        _status(state, [Path(p) for p in given])
        return
    kind = _kind(state, fast, no_draft, structure)
    if kind != "structure":
        state.check_models()
    text = _standard_input(state, name) if "-" in given else None
    try:
        from memllm_cli.documents.base import DEFAULT_LIMITS

        limits = replace(DEFAULT_LIMITS, table_rows=table_rows or DEFAULT_LIMITS.table_rows)
        files = [Path(p) for p in given if p != "-"]
        if watch:
            _watch(state, files, dry_run, again, kind, limits)
            return
        _ingest(state, files, dry_run, again, kind, prune, text, name, limits)
    except KeyboardInterrupt:
        raise Interrupted(AGAIN) from None


def _watch(state: App, paths: list[Path], dry_run: bool, again: bool, kind: str, limits: Limits) -> None:
    """Read the folders, forget what is gone from them, and stay."""
    from memllm_cli.cli.watch import Watch, watch

    if dry_run or not paths or state.output.json:
        raise UsageError("--watch needs folders, and goes with neither --dry-run nor --json.", "Leave one of them out.")
    watching = Watch(paths)
    with suppress(PartlyDone, NotFound):  # what could not be read was said, and may be mended while we watch
        _ingest(state, paths, False, again, kind, prune=True, limits=limits)
    writer = _writer(state, state.memory(create=True), kind)
    try:
        watch(state, watching, writer, limits, encode_texts)
    finally:
        if writer is not None:
            writer.close()


def _standard_input(state: App, name: str) -> str:
    """The text of standard input. Raises DocumentError for what is no text, as a PDF is."""
    from memllm_cli.documents.clean import declared_charset, decode
    from memllm_cli.documents.readers import by_content

    data = sys.stdin.buffer.read()
    if by_content(data).magic or Path(name).suffix.lower() == ".pdf":
        raise UsageError("A PDF cannot be read from standard input.", "Save it, and name the file.")
    text, notes = decode(data, name, declared_charset(data) if Path(name).suffix.startswith(".htm") else "")
    for note in notes:
        state.output.note(safe(f"{name}: {note}"))
    return text


def _status(state: App, paths: list[Path]) -> None:
    """What is known of each file; nothing is read into memory."""
    from memllm_cli.writing.ingest import statuses

    memory = state.memory() if _exists(state) else None
    with state.output.working("looking"):
        rows = list(statuses(paths, memory))
    state.output.table(("state", "document", "why"), [(s, path, why) for path, s, why in rows])
    counts = Counter(s for _, s, _ in rows)
    state.output.data({"documents": [{"path": p, "state": s, "why": w} for p, s, w in rows], "counts": counts})
    state.output.note(", ".join(f"{n} {s}" for s, n in counts.most_common()))


def _ingest(
    state: App,
    paths: list[Path],
    dry_run: bool,
    again: bool,
    kind: str,
    prune: bool = False,
    text: str | None = None,
    name: str = "",
    limits: Limits | None = None,
) -> None:
    output = state.output
    began = time.perf_counter()
    memory = state.memory() if _exists(state) else None
    try:
        planned = _plan(state, memory, paths, again, prune, text, name, limits)
    except KeyboardInterrupt:
        raise Interrupted("nothing was written") from None
    result: dict[str, Any] = {
        "documents": [],
        "unchanged": list(planned.unchanged),
        "failed": [{"path": p, "reason": r} for p, r in planned.failed],
        "skipped": [{"path": p, "reason": r} for p, r in planned.skipped],
        "moved": [{"path": p, "from": old} for p, old in planned.moved],
        "copies": [{"path": p, "of": other, "same_words": same} for p, other, same in planned.copies],
    }
    if prune and memory is not None:
        result["forgotten"] = _prune(state, memory, paths, dry_run)
    last = 0 if memory is None else memory.snapshot.last_operation
    try:
        _tell(state, planned)
        if dry_run:
            _estimate(state, planned, kind, result)
        elif planned.documents:
            memory = memory or state.memory(create=True)
            _write(state, memory, planned, kind, result)
        if memory is not None and not dry_run:
            result["encoded"] = encode_texts(state, memory)
    except KeyboardInterrupt:
        if memory is not None and not dry_run:
            with suppress(MemllmError):  # somebody else may hold the memory now
                raise Interrupted(_kept(memory, planned, last)) from None
        raise
    if planned.failed and memory is not None and not dry_run:
        from memllm_cli.writing.ingest import note_failures

        note_failures(memory, planned.failed)
    result["seconds"] = round(time.perf_counter() - began, 3)
    if planned.failed:
        total = len(planned.failed) + len(planned.documents) + len(planned.unchanged)
        raise PartlyDone(
            f"{len(planned.failed)} of {count(total, 'document')} could not be read.",
            "The reasons are above; again: memllm ingest --retry-failed" if not output.json else "See data.failed.",
            result,
        )
    output.data(result)


def encode_texts(state: App, memory: Memory) -> int:
    """Encode the passages that have no vectors yet, an earlier run's that was broken off among them; how many."""
    from memllm_cli.memory.search.texts import Texts

    return Texts(memory, state.finder(memory).encoder).complete(state.output.bar("encoding texts"))


def _prune(state: App, memory: Memory, paths: list[Path], dry_run: bool) -> list[dict[str, Any]]:
    """Forget documents under the given folders whose files are gone, as operations of one run."""
    import os
    from uuid import uuid4

    from memllm_cli.documents import file_of

    roots = [os.path.abspath(p) for p in paths]
    gone = [
        d
        for d in memory.snapshot.documents()
        if not d.uri.startswith("stdin:")
        and any(d.uri == root or d.uri.startswith(root.rstrip(os.sep) + os.sep) for root in roots)
        and not os.path.lexists(file_of(d.uri))
    ]
    out, run = [], uuid4().hex
    for document in gone:
        change = memory.forget(document.uri, run=run, dry_run=dry_run)
        verb = "would be forgotten" if dry_run else "forgotten"
        lost = count(len(change.before), "fact")
        state.output.note(f"{safe(document.uri)}: gone; {verb}, {lost} had no other support")
        out.append({"path": document.uri, "facts": len(change.before), "operation": change.operation})
    return out


def _tell(state: App, planned: Planned) -> None:
    """What is left out, and why."""
    output = state.output
    for path, reason in planned.failed:
        output.note(f"[yellow]not read:[/yellow] {safe(path)}: {safe(reason)}")
    for path, reason in planned.skipped:
        output.note(f"skipped: {safe(path)}: {safe(reason)}")
    for path, old in planned.moved:
        output.note(f"{safe(path)}: same text as {safe(old)}, which is gone; read again, the old one stays in memory")
    for path, other, same in planned.copies:
        alike = "a copy" if same else "nearly a copy"
        output.note(f"{safe(path)}: {alike} of {safe(other)}; what both say counts as one source")
    if planned.unchanged:
        output.note(f"{count(len(planned.unchanged), 'document')} unchanged, already in memory")


def _kept(memory: Memory, planned: Planned, last: int) -> str:
    """What is in memory after an interrupt; the memory is asked, since a commit may have come after the last event."""
    uris = {d.uri for d in planned.documents}
    operations = memory.snapshot.operations()
    done = {o.source for o in operations if o.id > last and o.kind == "ingest" and o.source in uris}
    kept, total = len(done) + len(planned.unchanged), len(uris) + len(planned.unchanged)
    are = "is" if kept == 1 else "are"
    return f"{kept} of {count(total, 'document')} {are} in memory; {AGAIN}"


def _kind(state: App, fast: bool, no_draft: bool, structure: bool) -> str:
    """Which of `app.WRITERS` reads the prose; `structure` is none."""
    if fast + no_draft + structure > 1:
        raise UsageError("--fast, --no-draft and --structure exclude each other.", "Give one of them.")
    if structure:
        return "structure"
    catalog = state.catalog()
    own = state.setting("model").value not in ("", catalog.default)  # a model that was chosen, and not trained
    if no_draft:
        adapter = catalog.adapted(state.setting("adapter").value)
        return "free" if own or adapter is None or "write" not in adapter.tasks else "alone"
    if fast:
        return "draft"
    return "prompted" if own else "extract"


def _exists(state: App) -> bool:
    return (state.home.knowledge_base(state.setting("kb").value) / "facts.duckdb").is_file()


def _plan(
    state: App,
    memory: Memory | None,
    paths: list[Path],
    again: bool,
    prune: bool = False,
    text: str | None = None,
    name: str = "",
    limits: Limits | None = None,
) -> Planned:
    with interrupts_held():  # numpy is loaded
        from memllm_cli.documents.base import DEFAULT_LIMITS
        from memllm_cli.writing.ingest import Planned, plan
    with state.output.working("reading documents") as say:
        try:
            for step in plan(paths, memory, again, text, name, limits or DEFAULT_LIMITS):
                if isinstance(step, Planned):
                    return step
                say(f"reading {safe(Path(step).name)}")
        except NotFound:
            if prune and all(p.exists() for p in paths):  # a folder that is empty by now
                return Planned((), (), (), ())
            raise
    raise AssertionError("a plan ends with what is planned")


def _writer(state: App, memory: Memory | None, kind: str) -> DocumentWriter | None:
    if kind == "structure":
        return None
    from memllm_cli.memory.values.relations import Relations, read_table
    from memllm_cli.writing.verdicts import audited

    table = memory.snapshot.relations if memory else Relations(read_table(state.home.shipped("kb/relations.csv")))
    writer = state.document_writer(table, kind)
    return writer if memory is None else audited(memory, writer)


SAMPLE = 48  # sentences that an estimate rests on


def _estimate(state: App, planned: Planned, kind: str, result: dict[str, Any]) -> None:
    """Write from a few sentences without keeping anything, to know the speed on this machine."""
    if not planned.documents:
        state.output.line("0 documents to read")
        result.update(count=0, sentences=0, tokens=0, expected_seconds=0.0)
        return
    writer = _writer(state, None, kind)
    texts = [d.sentence(i) for d in planned.documents for i in range(len(d.sentences))]
    seconds, tokens = 0.0, 0
    if writer is not None:
        sample = texts[:: max(1, len(texts) // SAMPLE)]
        began = time.perf_counter()
        for _ in writer.read(_as_document(sample)):
            pass
        seconds = (time.perf_counter() - began) * sum(map(len, texts)) / max(1, sum(map(len, sample)))
        tokens = sum(map(writer.tokens, texts))
        writer.close()
    result.update(count=len(planned.documents), sentences=len(texts), tokens=tokens, expected_seconds=round(seconds, 1))
    state.output.line(
        f"{count(len(planned.documents), 'document')}, {count(len(texts), 'sentence')}, "
        f"{count(tokens, 'token')}, about {_time(seconds)}"
    )


def _as_document(sentences: list[str]) -> Document:
    from memllm_cli.types import Document, Sentence

    places, at = [], 0
    for sentence in sentences:
        places.append(Sentence(at, at + len(sentence), 1))
        at += len(sentence) + 1
    return Document("stdin:sample", "", "text/plain", "", " ".join(sentences), tuple(places))


def _write(state: App, memory: Memory, planned: Planned, kind: str, result: dict[str, Any]) -> None:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from memllm_cli.writing.ingest import Read, has_prose
    from memllm_cli.writing.ingest import ingest as run

    output = state.output
    writer = _writer(state, memory, kind) if any(map(has_prose, planned.documents)) else None
    facts = proposals = 0
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total} sentences"),
        TextColumn("{task.fields[facts]}"), TextColumn("{task.fields[rate]:.0f} tok/s"), TimeRemainingColumn(),
        console=output.err, transient=True, disable=output.quiet or output.json or not output.err.is_terminal,
    )  # fmt: skip
    began = time.perf_counter()
    try:
        with bar:
            task = bar.add_task("starting", total=max(1, planned.sentences), facts="", rate=0.0)
            for event in run(planned, memory, writer):
                if isinstance(event, Read):
                    facts, proposals = facts + event.facts, proposals + event.proposals
                    name = clean(Path(event.path).name)
                    result["documents"].append(
                        {"path": event.path, "title": event.title, "facts": event.facts, "proposals": event.proposals,
                         "sentences": event.sentences, "operation": event.operation, "held": event.held,
                         "notes": list(event.notes), "silent": event.silent, "words": event.words}
                    )  # fmt: skip
                    said = f"{count(event.facts, 'fact')}, {count(event.proposals, 'proposal')}"
                    said = said if event.facts or event.proposals else "nothing found"
                    output.note(f"{safe(name)}: {said}, {count(event.sentences, 'sentence')}")
                    if event.held:
                        why = "you removed or replaced them before; see: memllm log"
                        output.note(f"  {count(event.held, 'fact')} held back: {why}")
                    for note in event.notes:
                        output.note(f"  {safe(note)}")
                else:
                    name = clean(Path(event.path).name)
                    bar.update(
                        task, description=safe(name), completed=event.done, facts=count(facts, "fact"), rate=event.rate
                    )
    finally:
        if writer is not None:
            writer.close()
    seconds = time.perf_counter() - began
    silent, words = (sum(d[k] for d in result["documents"]) for k in ("silent", "words"))
    result.update(facts=facts, proposals=proposals, tokens=writer.meter.tokens if writer else 0)
    speed = f"{writer.meter.rate:.0f} tokens/s, " if writer else ""
    output.line(
        f"{count(len(result['documents']), 'document')} read: {count(facts, 'fact')}, {count(proposals, 'proposal')} "
        f"({speed}{_time(seconds)})"
    )
    if words:
        output.note(f"{100 * silent / words:.0f} % of their {words:,} words gave neither; see: memllm source show")
    if facts:
        output.note("see them: memllm fact list    take the whole run back: memllm undo --run")


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
