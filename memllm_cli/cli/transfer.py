"""`memllm export` and `memllm import`: facts as a table, everything as JSON lines."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import AS_OF, VALID_AT, moment, valid_day
from memllm_cli.errors import DamagedError, NotFound, StorageError, UsageError
from memllm_cli.files import whole
from memllm_cli.terminal import clean, count, safe

if TYPE_CHECKING:
    from memllm_cli.memory.edit.change import Change, Texts

SHOWN = 20
"""Bad rows and contradictions shown to people; `--json` has all."""


def register(app: typer.Typer) -> None:
    """Add `export` and `import`."""
    app.command("export")(export)
    app.command("import")(import_)


def export(
    context: typer.Context,
    csv: Annotated[bool, typer.Option("--csv", help="Facts as a table that spreadsheets can open.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Everything, history included; import restores it.")] = False,
    canonical: Annotated[bool, typer.Option("--canonical", help="Sorted facts, to compare two memories.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")] = None,
    proposed: Annotated[bool, typer.Option("--proposed", help="Proposals too.")] = False,
    as_of: AS_OF = None,
    valid_at: VALID_AT = None,
) -> None:
    """Write memory out: facts as CSV, everything as JSON lines, or sorted lines to compare.

    Example: memllm export --csv --output facts.csv
    """
    from memllm_cli.memory.care.full_export import write_jsonl
    from memllm_cli.memory.care.table import write_canonical, write_csv

    state: App = context.obj
    if csv + jsonl + canonical != 1:
        raise UsageError("Say what to write: one of --csv, --jsonl, --canonical.", "For instance: memllm export --csv")
    if jsonl and (as_of or valid_at):
        raise UsageError("--jsonl writes all of history.", "Leave out --as-of and --valid-at.")
    memory, day = moment(state.memory(), as_of), valid_day(valid_at)

    def write(out: IO[str]) -> int:
        with state.output.working("writing"):
            if jsonl:
                return write_jsonl(memory, out)
            return (write_csv if csv else write_canonical)(memory, out, proposed, day)

    data = {"format": "csv" if csv else "jsonl" if jsonl else "canonical"}
    if output is not None:
        count = _to_file(output, write)
        state.output.data(data | {"file": str(output), "rows": count})
        state.output.note(f"{count} rows written to {safe(str(output))}")
        return
    buffer = io.StringIO()  # the knowledge base is free again before a slow reader gets a line
    count = write(buffer)
    if state.output.json:
        state.output.data(data | {"rows": count, "content": buffer.getvalue()})
    elif sys.stdout.isatty():
        sys.stdout.write(clean(buffer.getvalue(), lines=True))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(buffer.getvalue().encode())
        sys.stdout.buffer.flush()


def _to_file(path: Path, write: Callable[[IO[str]], int]) -> int:
    """Write a file at once or not at all, readable by the user alone. Raises StorageError."""
    try:
        with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            return write(file)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}.", "Nothing was changed. Choose another --output."
        ) from error


def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A CSV table, facts in JSON or a whole export; - is standard input.")],
    format: Annotated[str, typer.Option("--format", help="csv or jsonl; by the content without it.")] = "",
    as_person: Annotated[bool, typer.Option("--as-person", help="The facts are stated by you.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows of a table all the same.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; store nothing.")] = False,
) -> None:
    """Take in facts from a table or JSON (one operation), or a whole knowledge base into a new one.

    JSON: rows with subject, relation and object, or the entities and relations of an assistant's memory.json.

    Example: memllm import facts.csv
    """
    from memllm_cli.memory.care.full_export import is_everything

    state: App = context.obj
    if format not in ("", "csv", "jsonl"):
        raise UsageError(f"'{format}' is no format.", "Choose csv or jsonl.")
    text = _read(file)
    if not format:
        format = "jsonl" if text.lstrip().startswith(("{", "[", "(")) else "csv"
    if format == "jsonl" and is_everything(text):
        if as_person or skip_bad:
            raise UsageError("--as-person and --skip-bad are for facts alone.", "Leave them out for a whole export.")
        _import_everything(state, text, dry_run)
    else:
        name = "standard input" if file == "-" else os.path.basename(file)
        _import_facts(state, text, format, name, as_person, skip_bad, dry_run)


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).expanduser().read_bytes()
        text = data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {file}.", "Check the path; - reads standard input.") from error
    except IsADirectoryError as error:
        raise UsageError(f"{file} is a folder.", "Documents are read with: memllm ingest FOLDER") from error
    except OSError as error:
        raise StorageError(f"{file} cannot be read: {error.strerror or error}.", "Check who owns it.") from error
    except UnicodeDecodeError as error:
        raise DamagedError(
            f"{file} is not UTF-8 text.", "Save the table as 'CSV UTF-8' and import it again."
        ) from error
    if not text.strip():
        raise DamagedError(f"{file} is empty.", "A table begins: subject,relation,object")
    return text


def _import_everything(state: App, text: str, dry_run: bool) -> None:
    from memllm_cli.memory.care.full_export import read_jsonl, restore
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.paths import lay_out

    everything = read_jsonl(text.split("\n"))
    memory = Memory(state.home.knowledge_base(state.setting("kb").value))
    if not dry_run:
        if not memory.database.exists():
            lay_out(state.home)
        restore(memory, everything)
    counts = {table: len(rows) for table, rows in everything.rows.items()}
    state.output.data({"id": everything.id, "rows": counts, "dry_run": dry_run})
    verb = "would be restored" if dry_run else "restored"
    state.output.line(f"{verb}: {counts['operations']} operations, {counts['assertions']} statements")


def _import_facts(
    state: App, text: str, format: str, name: str, as_person: bool, skip_bad: bool, dry_run: bool
) -> None:
    from memllm_cli.cli.shown import held_back, opened
    from memllm_cli.memory.care.other_json import read_json
    from memllm_cli.memory.care.table import contradictions, is_export, read_csv
    from memllm_cli.serving.data import change_data

    with ExitStack() as stack:
        # What cannot be taken leaves no empty knowledge base behind.
        rows, bad = (read_json if format == "jsonl" else read_csv)(text, opened(state, True, stack).snapshot)
    for row in bad[:SHOWN]:
        state.output.note(f"{safe(name)}, line {row.line}: {safe(row.reason)}")
    if len(bad) > SHOWN:
        state.output.note(f"and {len(bad) - SHOWN} more")
    if bad and not skip_bad:
        first = f"line {bad[0].line}: {bad[0].reason}"
        raise DamagedError(
            f"{len(bad)} of {len(bad) + len(rows)} rows of {name} cannot be imported; {first}.",
            "Nothing was stored. Correct them, or leave them out with --skip-bad.",
        )
    if is_export(text):
        state.output.note("a CSV has no history, documents or undo; a full copy: memllm export --jsonl")
    held = new = ""
    went: list[Texts] = []
    came: list[Texts] = []
    if dry_run or not rows:
        data: dict[str, Any] = {"operation": None, "before": [], "after": [], "held": 0}
        groups: list[list[tuple[str, str, str]]] = []
    else:
        memory = state.memory(create=True)
        with state.output.working("importing"):
            change = memory.import_facts(rows, name, as_person)
            data, groups = change_data(change), contradictions(memory.snapshot, rows)
        held = held_back(change)
        if as_person:
            went, came = replaced(change)
        new = "" if change.stated else f", {len(change.after)} of them new to reads"
    state.output.data(
        data
        | {
            "rows": len(rows),
            "skipped": [{"line": r.line, "reason": r.reason} for r in bad],
            "contradictions": [[list(t) for t in group] for group in groups],
            "dry_run": dry_run,
        }
    )
    state.output.line(f"{count(len(rows), 'fact')} {'would be imported' if dry_run else 'imported'}{new}")
    for sign, colour, facts in (("-", "red", went), ("+", "green", came)):
        for texts in facts[:SHOWN]:
            state.output.line(f"[{colour}]{sign} {safe(' >> '.join(texts))}[/{colour}]")
        if len(facts) > SHOWN:
            state.output.line(f"[{colour}]{sign} {len(facts) - SHOWN} more[/{colour}]")
    for group in groups[:SHOWN]:
        state.output.line("[yellow]contradiction:[/yellow] " + "; ".join(safe(" >> ".join(t)) for t in group))
    if held:
        state.output.note(held)
    if data["operation"]:
        state.output.note(f"operation {data['operation']}; undo with: memllm undo {data['operation']}")
    if bad:
        left = f"{count(len(bad), 'row')} {'was' if len(bad) == 1 else 'were'} left out"
        state.output.err.print(f"[yellow]{left}[/yellow]", highlight=False)
        raise typer.Exit(3)


def replaced(change: Change) -> tuple[list[Texts], list[Texts]]:
    """Of a change the facts that went, and those that came in their place: of the same name and relation."""
    went = list(change.went)
    sides = {(t[0], t[1], "") for t in went} | {("", t[1], t[2]) for t in went}
    return went, [t for t in change.came if {(t[0], t[1], ""), ("", t[1], t[2])} & sides]
