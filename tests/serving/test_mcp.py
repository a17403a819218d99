"""A session of the SDK's own client with `memllm mcp` in a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("mcp", reason="comes with the extra mcp")
from mcp import Client, MCPError, StdioServerParameters

from memllm_cli.cli import main
from tests.conftest import ROOT
from tests.serving.door import app

from .conftest import PAGE, SENTENCE

READ = ["search_facts", "get_fact", "search_text", "ask", "about"]
WRITE = ["propose_fact", "set_fact", "forget_fact", "undo"]


def talk(home: Path, session: Callable[[Client], Awaitable[None]], *options: str, mode: str = "auto") -> None:
    """Talk with a server on a home until the session ends."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MEMLLM_")}
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tests.serving.door", "--home", str(home), "mcp", *options],
        env=kept | {"MEMLLM_POINTER": "none", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )

    async def run() -> None:
        with anyio.fail_after(60):
            async with Client(server, mode=mode) as client:
                await session(client)

    anyio.run(run)


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


def said(result: Any) -> str:
    (content,) = result.content
    return str(content.text)


def test_without_version_two_of_the_package_a_line_says_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)  # as in version 1
    monkeypatch.delitem(sys.modules, "memllm_cli.serving.mcp", raising=False)
    with pytest.raises(SystemExit) as ended:
        main.run(["--home", str(home), "mcp"], app())
    assert ended.value.code == 2
    assert 'pip install "memllm[mcp]"' in capfd.readouterr().err


def test_a_session_that_reads(home: Path) -> None:
    async def session(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert [t.name for t in tools] == READ
        assert all(t.annotations and t.annotations.read_only_hint and t.description for t in tools)
        found = await called(client, "search_facts", query="Freedonia >> capital >>")
        assert found["rows"][0]["evidence"][0]["sentence"] == SENTENCE
        answer = await called(client, "ask", question="What is the capital of Freedonia?", in_document="page.md")
        assert (answer["answer"], answer["outcome"]) == ("Sylvania City", "fact")
        assert answer["evidence"][0]["line"] == 1
        (document,) = (await client.list_resources()).resources
        assert document.name == "A page"
        (content,) = (await client.read_resource(document.uri)).contents
        assert getattr(content, "text", "") == PAGE
        with pytest.raises(MCPError, match="no document 99"):
            await client.read_resource("memllm://document/99")
        wrong = await client.call_tool("about", {"name": "Atlantis"})
        assert wrong.is_error
        assert said(wrong).splitlines() == [
            "Memory has nothing about 'Atlantis'.",
            "Look for words of it with search_text.",
        ]
        misfit = await client.call_tool("about", {"name": 7})
        assert misfit.is_error
        assert said(misfit).startswith("These arguments do not fit about: name: ")
        assert (await client.call_tool("set_fact", {"fact": "a >> capital >> b"})).is_error

    talk(home, session)


def test_a_session_that_writes_and_takes_it_back(home: Path) -> None:
    async def session(client: Client) -> None:
        assert [t.name for t in (await client.list_tools()).tools] == READ + WRITE
        change = await called(client, "set_fact", fact="Rufus Town >> capital of >> Freedonia")
        assert change["before"] == [["Freedonia", "capital", "Sylvania City"]]
        assert change["after"] == [["Freedonia", "capital", "Rufus Town"]]
        assert (await called(client, "ask", question="What is the capital of Freedonia?"))["answer"] == "Rufus Town"
        undone = await called(client, "undo", operation=change["operation"])
        assert undone["after"] == change["before"]

    talk(home, session, "--allow-writes", mode="legacy")  # as clients speak that know no newer version
