"""The command line: options before the command, and the commands, each imported only when it is run."""

from __future__ import annotations

import sys

try:
    import errno
    import os
    import re
    import signal
    from dataclasses import replace
    from importlib import import_module
    from pathlib import Path
    from typing import Annotated, Any

    import typer

    from memllm_cli import __version__, streams
    from memllm_cli.app import App
    from memllm_cli.errors import Interrupted, MemllmError, StorageError, UsageError
    from memllm_cli.terminal import Output
except KeyboardInterrupt:  # loading takes long enough for somebody to change their mind
    sys.exit(130)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"memllm {__version__}")
        raise typer.Exit


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
    context.obj = replace(context.obj or App(), output=output, home_option=home, kb_option=kb, model_option=model,
                          encoder_option=encoder)  # fmt: skip


COMMANDS = (
    "home", "model", "ingest", "ask", "about", "report", "chat", "fact", "review", "query", "entity", "relation",
    "source", "history", "transfer", "care", "demo", "train", "evaluate", "serve",
)  # fmt: skip
"""Modules of this package; each has `register(app)`, which adds its commands."""


def build(only: str | None = None) -> typer.Typer:
    """The application with all its commands; with `only`, the others have a name and a help text and nothing else.

    Reading the options of every command takes longer than most commands do.
    """
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
    app.callback()(_options)
    for name in COMMANDS:
        import_module(f"memllm_cli.cli.{name}").register(app)
    if only is not None:
        for command in app.registered_commands:
            if command.name != only:
                command.callback = _bare(command.callback)
        for group in app.registered_groups:
            if group.name != only and group.typer_instance is not None:
                group.typer_instance.registered_commands = []
    return app


def _bare(callback: Any) -> Any:
    def bare() -> None:
        raise AssertionError("only for its name and help")

    bare.__doc__ = getattr(callback, "__doc__", None)
    return bare


def chosen(arguments: list[str]) -> str:
    """The command among hoisted arguments; empty when there is none."""
    i = 0
    while i < len(arguments) and arguments[i].startswith("-"):
        i += 2 if arguments[i] in GLOBAL_VALUES else 1
    return arguments[i] if i < len(arguments) else ""


GLOBAL_FLAGS = ("--json", "--quiet", "-q", "--no-input")
GLOBAL_VALUES = ("--kb", "--home", "--model", "--encoder")


_WORDED = re.compile(r"-[^=\s]*\s")
"""The beginning of words that start with a dash, as a name may: no option has a space before its value."""


def hoisted(arguments: list[str]) -> list[str]:
    """Arguments with the flags that hold for every command moved to the front, wherever they were typed, and a space
    before words that would be taken for an option."""
    arguments = [f" {a}" if _WORDED.match(a) else a for a in arguments]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = [a for a in arguments[:end] if a in GLOBAL_FLAGS]
    values: list[str] = []
    rest: list[str] = []
    i = 0
    while i < end:
        a = arguments[i]
        if a in GLOBAL_VALUES and i + 1 < end:
            values += [a, arguments[i + 1]]
            i += 1
        elif a.startswith(tuple(f"{v}=" for v in GLOBAL_VALUES)):
            values.append(a)
        elif a not in GLOBAL_FLAGS:
            rest.append(a)
        i += 1
    return [*flags, *values, *rest, *arguments[end:]]


def run(arguments: list[str] | None = None, app: App | None = None) -> None:
    """Entry point: runs a command and turns errors into a line and an exit code. `app` brings other models with it."""
    output = Output()
    code: Any
    own, said = arguments is None, ""
    if own:
        sys.unraisablehook = _unraisable
        streams.prepare()
    try:
        arguments = hoisted(list(sys.argv[1:] if arguments is None else arguments)) or ["--help"]
        output.json = "--json" in arguments
        output.command = chosen(arguments)
        if output.command in _WORDS:
            arguments = [_utf8(text) for text in arguments]
        command: Any = typer.main.get_command(build(output.command))
        code = command.main(args=arguments, prog_name="memllm", standalone_mode=False, obj=app)
        if own and (lost := streams.unwritten()):
            output.json = False  # it would go the same way
            reason = "no room" if lost.errno in (errno.ENOSPC, errno.EFBIG) else (lost.strerror or "unknown").lower()
            hint = "What was asked is done; send what it says elsewhere."
            raise StorageError(f"The output cannot be written: {reason}.", hint)
    except MemllmError as error:
        output.error(error)
        code = error.exit_code
    except (Interrupted, KeyboardInterrupt, typer.Abort) as error:
        said = str(error)
        code = 130
    except typer.Exit as exit_:
        code = exit_.exit_code
    except Exception as error:
        code = _unexpected(error, output, arguments or [])
    if own:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends now; a Ctrl-C would only show a traceback
    if code == 130:
        output.interrupted(said)
        if own:  # CPython kills itself instead when the interrupt passed through code run from a string
            sys.stdout.flush()
            os._exit(130)
    sys.exit(code if isinstance(code, int) else 0)


_WORDS = frozenset(("about", "ask", "conflicts", "entity", "fact", "log", "query", "relation", "report", "sql"))
"""Commands that take words, which are kept; paths may be any bytes."""


def _utf8(text: str) -> str:
    """An argument as it was typed: in a plain locale Python takes no letter for one."""
    try:
        return os.fsencode(text).decode()
    except UnicodeDecodeError:
        raise UsageError(f"An argument is not UTF-8: {os.fsencode(text).decode(errors='replace')}", "") from None


def _unraisable(lost: Any) -> None:
    """Deliver Ctrl-C again where Python drops it: when it comes during a callback or a finaliser."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    import _thread
    import threading

    again = threading.Timer(0.02, _thread.interrupt_main)
    again.daemon = True
    again.start()


def _unexpected(error: Exception, output: Output, arguments: list[str]) -> int:
    if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
            typer.echo(context.get_help())
            return 0
        at = context.command_path if context is not None else "memllm"
        output.error(UsageError(str(error.format_message()), f"See: {at} --help"))
        return 2
    import traceback
    from datetime import UTC, datetime

    from memllm_cli.paths import find_home, private_folder

    text = "".join(traceback.format_exception(error))
    try:
        log = private_folder(find_home(_home(arguments)).logs) / f"error-{datetime.now(UTC):%Y%m%dT%H%M%S}.txt"
        log.write_text(text, encoding="utf-8")
        where = f"Details: {log}"
    except (OSError, MemllmError):
        where = text.splitlines()[-1]
    output.error(MemllmError(f"This should not have happened: {type(error).__name__}: {error}", where))
    return 1


def _home(arguments: list[str]) -> Path | None:
    """What `--home` says among hoisted arguments."""
    for a, after in zip(arguments, [*arguments[1:], ""], strict=True):
        if a == "--home" or a.startswith("--home="):
            return Path(after if a == "--home" else a.removeprefix("--home="))
    return None


if __name__ == "__main__":
    run()
