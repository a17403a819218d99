"""`memllm serve` as programs meet it: the openai client, and plain requests that it must refuse."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from memllm_cli.errors import UsageError
from memllm_cli.serving import http
from memllm_cli.serving.completions import harmless, heard
from memllm_cli.serving.service import Service
from tests.conftest import ROOT

from .conftest import SENTENCE

TOKEN = "a-token-of-the-test"
ASKED = "What is the capital of Freedonia?"
Serving = Callable[[bool], Service]


@contextmanager
def opened(service: Service, host: str = "127.0.0.1") -> Iterator[http.Door]:
    door = http.open_door(service, host, 0, TOKEN)
    thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield door
    finally:
        door.shutdown()
        thread.join()
        door.server_close()


@pytest.fixture
def reading(serving: Serving) -> Iterator[http.Door]:
    with opened(serving(False)) as door:
        yield door


@pytest.fixture
def writing(serving: Serving) -> Iterator[http.Door]:
    with opened(serving(True)) as door:
        yield door


def asked(door: http.Door, path: str, body: Any = None, method: str | None = None, **headers: str) -> tuple[int, Any]:
    """Status and data of one request."""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Authorization": f"Bearer {TOKEN}"} | headers
    request = Request(door.url + path, data, {k: v for k, v in given.items() if v}, method=method)
    try:
        with urlopen(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_openai_client_asks_whole_and_in_pieces(reading: http.Door) -> None:
    openai = pytest.importorskip("openai", reason="comes with the extra dev")
    with openai.OpenAI(base_url=f"{reading.url}/v1", api_key=TOKEN, max_retries=0) as client:
        assert [m.id for m in client.models.list()] == ["memllm"]
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": ASKED}]
        whole = client.chat.completions.create(model="memllm", messages=messages)
        text = whole.choices[0].message.content
        assert text == f'Sylvania City\n\nSources:\n- page.md, line 1: "{SENTENCE}"'
        assert whole.memllm["evidence"][0]["sentence"] == SENTENCE
        chunks = list(client.chat.completions.create(model="any", messages=messages, stream=True))
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == text
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert chunks[-1].memllm["answer"] == "Sylvania City"
        with pytest.raises(openai.BadRequestError, match="no messages"):
            client.chat.completions.create(model="memllm", messages=None)
    with (
        openai.OpenAI(base_url=f"{reading.url}/v1", api_key="another", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_what_is_read(reading: http.Door) -> None:
    status, found = asked(reading, f"/facts?query={quote('Freedonia >> capital >>')}")
    assert (status, found["rows"][0]["object"]) == (200, "Sylvania City")
    status, why = asked(reading, f"/facts/why?fact={quote('Freedonia >> capital >>')}")
    assert why["facts"][0]["evidence"][0]["sentence"] == SENTENCE
    assert why["history"][0]["what"] == "ingest"
    (document,) = asked(reading, "/documents")[1]["documents"]
    assert asked(reading, f"/documents/{document['id']}")[1]["text"].startswith(SENTENCE)
    assert asked(reading, "/texts?query=capital&limit=1")[1]["texts"][0]["line"] == 1
    assert asked(reading, "/about?name=Freedonia")[1]["names"] == ["Freedonia"]
    assert asked(reading, "/ask", {"question": ASKED, "in_document": "page.md"})[1]["answer"] == "Sylvania City"


def test_what_is_written_is_taken_back(writing: http.Door) -> None:
    status, change = asked(writing, "/facts", {"fact": "Rufus Town >> capital of >> Freedonia"})
    assert (status, change["before"]) == (200, [["Freedonia", "capital", "Sylvania City"]])
    assert asked(writing, "/ask", {"question": ASKED})[1]["answer"] == "Rufus Town"
    assert asked(writing, "/undo", {"operation": change["operation"]})[1]["after"] == change["before"]
    assert asked(writing, "/facts", {"fact": "Freedonia >> anthem >> Hail", "proposed": True})[1]["proposed"]
    gone = asked(writing, f"/facts?fact={quote('Freedonia >> capital >>')}", method="DELETE")[1]
    assert gone["before"] == change["before"]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/facts?query=x", None, {"Authorization": ""}, 401),
        ("/facts?query=x", None, {"Authorization": "Bearer wrong"}, 401),
        ("/facts?query=x", None, {"Authorization": f"Basic {TOKEN}"}, 401),
        ("/ask", b"{" + b" " * 3_000_000, {"Authorization": ""}, 401),
        ("/facts?query=x", None, {"Host": "rebound.example"}, 403),
        ("/facts?query=x", None, {"Host": "127.0.0.1.rebound.example:80"}, 403),
        ("/ask", b"{" + b" " * 3_000_000, {}, 413),
        ("/facts", {"fact": "Freedonia >> capital >> Rufus Town"}, {}, 403),
        ("/undo", {}, {}, 403),
        ("/ask", b"no json", {}, 400),
        ("/ask", b"[" * 200_000, {}, 400),
        ("/ask", [1], {}, 400),
        ("/ask", {"question": 7}, {}, 400),
        ("/ask", {"question": ""}, {}, 400),
        ("/facts?query=x&limit=many", None, {}, 400),
        ("/v1/chat/completions", {"messages": [{"role": "assistant", "content": "x"}]}, {}, 400),
        ("/v1/chat/completions", {"messages": ["x"], "stream": True}, {}, 400),
        ("/facts/why?fact=Atlantis%20%3E%3E%20capital%20%3E%3E", None, {}, 404),
        ("/documents/99", None, {}, 404),
        ("/nowhere", None, {}, 404),
    ],
)
def test_what_is_refused(reading: http.Door, path: str, body: Any, headers: dict[str, str], status: int) -> None:
    got, data = asked(reading, path, body, **headers)
    assert got == status
    assert data["error"]["message"]
    assert asked(reading, "/v1/models")[0] == 200  # and the next one is served


def test_a_refused_body_is_no_next_request(reading: http.Door) -> None:
    inner = f"GET /documents HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    outer = f"POST /ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(inner)}\r\n\r\n".encode()
    with socket.create_connection(reading.server_address[:2], timeout=20) as connection:  # type: ignore[arg-type]
        connection.sendall(outer + inner)
        said = b""
        while piece := connection.recv(65536):
            said += piece
    assert said.count(b"HTTP/1.1 ") == 1
    assert said.startswith(b"HTTP/1.1 401 ")


def test_a_connection_is_kept_for_the_next_request(reading: http.Door) -> None:
    connection = HTTPConnection("127.0.0.1", reading.server_port, timeout=20)
    for _ in range(2):
        connection.request("POST", "/ask", json.dumps({"question": ASKED}), {"Authorization": f"Bearer {TOKEN}"})
        reply = connection.getresponse()
        assert json.load(reply)["answer"] == "Sylvania City"
        assert not reply.will_close
    connection.close()


def test_a_caller_that_goes_away_keeps_nobody_waiting(reading: http.Door) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": ASKED}], "stream": True})
    for _ in range(2):
        connection = HTTPConnection("127.0.0.1", reading.server_port, timeout=20)
        connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {TOKEN}"})
        connection.close()
    assert asked(reading, "/ask", {"question": ASKED})[1]["answer"] == "Sylvania City"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
def test_only_this_machine_is_listened_on(serving: Serving, host: str) -> None:
    with pytest.raises(UsageError, match="other machines"):
        http.open_door(serving(False), host, 0, TOKEN)


def test_a_port_that_is_taken_is_told(reading: http.Door, serving: Serving) -> None:
    with pytest.raises(UsageError, match="cannot be listened on"):
        http.open_door(serving(False), "127.0.0.1", reading.server_port, TOKEN)


def test_a_document_cannot_load_a_picture() -> None:
    assert harmless("see ![x](http://a.example/) and <img>") == "see !\\[x](http://a.example/) and \\<img>"
    assert harmless("[x](http://a.example/)", last="!") == "\\[x](http://a.example/)"
    assert harmless("[1] plain") == "[1] plain"


def test_the_last_message_is_asked_after_those_before_it() -> None:
    parts = [{"type": "text", "text": "And its"}, {"type": "image_url"}, {"type": "text", "text": "anthem?"}]
    question, conversation = heard(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": ASKED},
            {"role": "assistant", "content": "Sylvania City\n\nSources:\n- page.md, line 1"},
            {"role": "user", "content": parts},
        ]
    )
    assert question == "And its\nanthem?"
    assert [(m.role, m.text) for m in conversation.messages] == [("user", ASKED), ("assistant", "Sylvania City")]


def test_the_command_prints_where_it_is_and_its_token(home: Path) -> None:
    command = [sys.executable, "-m", "tests.serving.door", "--home", str(home), "--json", "serve", "--port", "0"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # ignored in the background
    )
    try:
        assert process.stdout is not None
        data = json.loads(process.stdout.readline())["data"]
        request = Request(f"{data['url']}/v1/models", headers={"Authorization": f"Bearer {data['token']}"})
        with urlopen(request, timeout=20) as reply:
            assert reply.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.communicate()[1] == ""
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
