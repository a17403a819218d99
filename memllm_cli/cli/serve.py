"""`memllm mcp` and `memllm serve`: the memory for other programs on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.errors import UsageError
from memllm_cli.terminal import safe

if TYPE_CHECKING:
    from memllm_cli.serving.service import Service

PORT = 8642
ALLOW = Annotated[bool, typer.Option("--allow-writes", help="Let callers propose, set, forget and undo.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("mcp")(mcp)
    app.command("serve")(serve)


def mcp(context: typer.Context, allow_writes: ALLOW = False) -> None:
    """Let an assistant read the memory through the Model Context Protocol, over standard input and output.

    The assistant starts this command itself; docs/mcp.md says how to tell it.

    Example: memllm --kb tour mcp
    """
    try:
        from memllm_cli.serving.mcp import run
    except ModuleNotFoundError as error:  # of version 1 the package is there, and its server is not
        if (error.name or "").split(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise UsageError(
            "The Model Context Protocol needs the package mcp, version 2.", 'Install it: pip install "memllm[mcp]"'
        ) from None
    run(_service(context.obj, "mcp", allow_writes))


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="127.0.0.1, ::1 or localhost: this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any that is free.")] = PORT,
    token: Annotated[
        str | None, typer.Option(envvar="MEMLLM_TOKEN", help="What callers must send; one is made without it.")
    ] = None,
    allow_writes: ALLOW = False,
) -> None:
    """Let programs on this machine read the memory over HTTP, and chat with it as with an OpenAI server.

    Every request needs the token. docs/mcp.md lists the addresses.

    Example: memllm serve --port 8642
    """
    import sys
    from secrets import token_urlsafe

    from memllm_cli.serving.http import open_door

    state: App = context.obj
    if token is not None and not (token.isascii() and token.isprintable() and token.strip() == token and token):
        raise UsageError("That token cannot stand in a header.", "Take letters and digits, or none: one is made.")
    secret = token or token_urlsafe(24)
    service = _service(state, "serve", allow_writes)
    server = open_door(service, host, port, secret)
    state.output.line(safe(f"{server.url}  (for OpenAI clients: {server.url}/v1)"))
    if token is None:
        state.output.line(f"token: {secret}")
    state.output.data({"url": server.url, "token": secret if token is None else None, "writes": allow_writes})
    sys.stdout.flush()  # whoever started this in a pipe waits for it
    state.output.note("Ctrl-C ends it")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        state.output.note("stopped")
    finally:
        server.server_close()
        service.close()


def _service(state: App, door: str, writes: bool) -> Service:
    """The memory in use, for callers, answering as the settings say."""
    from memllm_cli.answering.options import Options
    from memllm_cli.cli.ask import style_for
    from memllm_cli.serving.service import Service

    return Service(state, Options(style=style_for(state, None), person=state.person()), door, writes)
