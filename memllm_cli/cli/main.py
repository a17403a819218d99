"""The command line: options before the command, and the commands, each imported only when it is run."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from memllm_cli import __version__
from memllm_cli.cli.context import Context
from memllm_cli.errors import MemllmError
from memllm_cli.terminal import Output

app = typer.Typer(
    name="memllm",
    help="A local language model with a memory of facts you can see, correct and undo.",
    epilog='Start with:  memllm ingest docs/   then   memllm ask "What is the notice period of the lease?"',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"memllm {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    home: Annotated[Path | None, typer.Option(help="Folder with kb/ and models/.")] = None,
    kb: Annotated[str | None, typer.Option(help="Knowledge base to use (or MEMLLM_KB).")] = None,
    model: Annotated[str | None, typer.Option(help="Model of the catalog, or a path to a GGUF.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder of the catalog, or st:NAME.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON envelope.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no progress.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    output = Output(command=context.invoked_subcommand or "", json=json, quiet=quiet, input=not no_input)
    context.obj = Context(output, home, kb, model, encoder)


COMMANDS = ("home", "model", "ingest", "ask", "chat", "fact", "relation", "source", "history", "transfer", "demo")
"""Modules of this package; each has `register(app)`, which adds its commands."""


def build() -> typer.Typer:
    """The application with all its commands."""
    for name in COMMANDS:
        import_module(f"memllm_cli.cli.{name}").register(app)
    return app


GLOBAL_FLAGS = ("--json", "--quiet", "-q", "--no-input")


def hoisted(arguments: list[str]) -> list[str]:
    """Arguments with the flags that hold for every command moved to the front, wherever they were typed."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = [a for a in arguments[:end] if a in GLOBAL_FLAGS]
    values: list[str] = []
    rest: list[str] = []
    i = 0
    while i < end:
        a = arguments[i]
        if a in ("--kb", "--home", "--model", "--encoder") and i + 1 < end:
            values += [a, arguments[i + 1]]
            i += 1
        elif a.startswith(("--kb=", "--home=", "--model=", "--encoder=")):
            values.append(a)
        elif a not in GLOBAL_FLAGS:
            rest.append(a)
        i += 1
    return [*flags, *values, *rest, *arguments[end:]]


def run(arguments: list[str] | None = None) -> None:
    """Entry point: runs a command and turns errors into a line and an exit code."""
    arguments = hoisted(list(sys.argv[1:] if arguments is None else arguments))
    command: Any = typer.main.get_command(build())
    output = Output(json="--json" in arguments)
    try:
        code = command.main(args=arguments, prog_name="memllm", standalone_mode=False)
    except MemllmError as error:
        output.error(error)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        output.err.print("[dim]interrupted[/dim]")
        code = 130
    except typer.Exit as exit_:
        code = exit_.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except Exception as error:
        code = _unexpected(error, output)
    sys.exit(code if isinstance(code, int) else 0)


def _unexpected(error: Exception, output: Output) -> int:
    if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
        from memllm_cli.errors import UsageError

        output.error(UsageError(str(error.format_message()), "See: memllm --help"))
        return 2
    import traceback
    from datetime import UTC, datetime

    from memllm_cli.paths import find_home, private_folder

    text = "".join(traceback.format_exception(error))
    try:
        log = private_folder(find_home().logs) / f"error-{datetime.now(UTC):%Y%m%dT%H%M%S}.txt"
        log.write_text(text, encoding="utf-8")
        where = f"Details: {log}"
    except OSError:
        where = text.splitlines()[-1]
    output.error(MemllmError(f"This should not have happened: {type(error).__name__}: {error}", where))
    return 1


if __name__ == "__main__":
    run()
