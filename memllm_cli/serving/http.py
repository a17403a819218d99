"""The memory over HTTP, for programs on this machine alone.

Every request needs the token, and a Host header that names this machine: a page in a browser can reach the port, under
a name of its own that was made to point here, but knows no token and cannot change that header. No CORS headers are
sent, so no page of another origin can read an answer.
"""

from __future__ import annotations

import json
import os
import socketserver
import sys
import time
from collections.abc import Generator
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from socket import AF_INET, AF_INET6
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from memllm_cli.errors import BusyError, MemllmError, ModelMissing, NotFound, StorageError, UsageError
from memllm_cli.serving.completions import Reply, heard, models
from memllm_cli.serving.service import ReadOnly, Service

HOSTS = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
"""What may be listened on, and the address it is."""
LARGEST = 1_000_000
"""Bytes of a request's body."""
DRAINED = 64 * LARGEST
"""Bytes of a refused body that are still read, so that whoever sends it hears why."""
PATIENCE = 30.0
"""Seconds that a caller may keep a connection silent."""


class Refused(MemllmError):
    """A request that is not answered, with the status that says so."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


_STATUS: tuple[tuple[type[MemllmError], int], ...] = (
    (ReadOnly, 403), (UsageError, 400), (NotFound, 404), (BusyError, 503), (ModelMissing, 503), (StorageError, 507),
)  # fmt: skip


def status_of(error: MemllmError) -> int:
    """The status of an error."""
    if isinstance(error, Refused):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


class Door(ThreadingHTTPServer):
    """The server; a thread a connection, of which the service answers one at a time."""

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would let another program listen on the same port

    def __init__(self, service: Service, address: str, port: int, token: str) -> None:
        self.service = service
        self.token = token.encode()
        self.began = int(time.time())
        self.address_family = AF_INET6 if ":" in address else AF_INET
        super().__init__((address, port), Handler)

    def server_bind(self) -> None:
        """Bind; the name of the machine, which HTTPServer looks up, is no use here and may ask the network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where it is."""
        host = f"[{self.server_name}]" if ":" in self.server_name else self.server_name
        return f"http://{host}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is nobody's error; of others say what happened."""
        error = sys.exception()
        if not isinstance(error, (ConnectionError, TimeoutError)):
            print(f"error: a connection failed: {type(error).__name__}: {error}", file=sys.stderr)


def open_door(service: Service, host: str, port: int, token: str) -> Door:
    """A server that listens. Raises UsageError for a host that others could reach, or a port that is taken."""
    if host not in HOSTS:
        raise UsageError(f"'{host}' can be reached from other machines.", f"--host is one of: {', '.join(HOSTS)}")
    try:
        return Door(service, HOSTS[host], port, token)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"Port {port} of {host} cannot be listened on: {reason}.", "Take another: --port 0") from None


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Door
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def version_string(self) -> str:
        """Nothing about versions."""
        return "memllm"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what is asked is private."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses, in the shape of everything else."""
        self.close_connection = True
        self._send(int(code), _error(int(code), Refused(int(code), message or "That is no request.")))

    def _handle(self) -> None:
        self._unread = 0
        try:
            self._trusted()
            answer = self._answer(self._body())
            if isinstance(answer, Generator):
                self._stream(answer)
            else:
                self._send(200, answer)
        except MemllmError as error:
            self._send(status_of(error), _error(status_of(error), error))
            self._drain()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:
            print(f"error: this should not have happened: {type(error).__name__}: {error}", file=sys.stderr)
            self.close_connection = True
            self._send(
                500, _error(500, MemllmError("This should not have happened.", "The server's screen says what."))
            )

    do_GET = do_POST = do_DELETE = _handle

    # -- requests -----------------------------------------------------------------------------------------------------

    def _trusted(self) -> None:
        """Raise Refused for a request that does not come from a program that was given the token."""
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdecimal() and len(length) < 16):
            self.close_connection = True
            raise Refused(400, "The Content-Length is no number.")
        self._unread = int(length)
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or _name(hosts[0]) not in HOSTS:
            raise Refused(403, "The Host header does not name this machine.", "Ask for 127.0.0.1 or localhost.")
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not compare_digest(token.strip().encode(), self.server.token):
            raise Refused(401, "The token is missing or wrong.", "Send: Authorization: Bearer TOKEN")
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Refused(411, "The body has no length.", "Send a Content-Length.")
        if self._unread > LARGEST:
            raise Refused(413, f"The body has {self._unread} bytes.", f"At most {LARGEST} are taken.")

    def _body(self) -> dict[str, Any]:
        """The body, a JSON object; empty where there is none."""
        data = self.rfile.read(self._unread)
        self._unread = 0
        if not data:
            return {}
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            raise Refused(400, "The body is not JSON.", "Send a JSON object.") from None
        if not isinstance(body, dict):
            raise Refused(400, "The body is no JSON object.", 'Such as {"question": "..."}')
        return body

    def _answer(self, body: dict[str, Any]) -> Any:
        """What a request comes to: data, or chunks to be streamed."""
        parts = urlsplit(self.path)
        path = [unquote(p) for p in parts.path.split("/") if p]
        asked, service = dict(parse_qsl(parts.query, keep_blank_values=True)), self.server.service
        match self.command, path:
            case "GET", ["facts"]:
                return service.search_facts(_text(asked, "query"), _number(asked, "limit", 20))
            case "GET", ["facts", "why"]:
                return service.get_fact(_text(asked, "fact"))
            case "GET", ["texts"]:
                return service.search_text(_text(asked, "query"), _number(asked, "limit", 10))
            case "GET", ["about"]:
                return service.about(_text(asked, "name"))
            case "GET", ["documents"]:
                return {"documents": service.documents()}
            case "GET", ["documents", number]:
                return service.document(_number({"id": number}, "id"))
            case "POST", ["ask"]:
                return service.ask(_text(body, "question"), _text(body, "in_document", ""))
            case "POST", ["facts"]:
                state = service.propose_fact if body.get("proposed") is True else service.set_fact
                return state(_text(body, "fact"), _text(body, "note", ""))
            case "DELETE", ["facts"]:
                return service.forget_fact(_text(asked, "fact"), asked.get("several") == "true")
            case "POST", ["undo"]:
                return service.undo(_number(body, "operation") if body.get("operation") is not None else None)
            case "GET", ["v1", "models"]:
                return models(self.server.began)
            case "POST", ["v1", "chat", "completions"]:
                question, conversation = heard(body.get("messages"))
                reply = Reply(question, service.answering(question, conversation))
                return reply.chunks() if body.get("stream") is True else reply.whole()
        raise Refused(404, f"There is no {self.command} {parts.path[:200]}.", "The addresses: docs/mcp.md")

    # -- answers ------------------------------------------------------------------------------------------------------

    def _send(self, status: int, data: dict[str, Any]) -> None:
        text = json.dumps(data, ensure_ascii=False).encode("utf-8", errors="replace")
        self._head(status, "application/json", ("Content-Length", str(len(text))))
        if self.command != "HEAD":
            self.wfile.write(text)

    def _stream(self, chunks: Generator[dict[str, Any], None, None]) -> None:
        """Chunks as server-sent events; what goes wrong before the first is an answer like any other."""
        first = next(chunks)
        self.close_connection = True  # its end is the end of the answer
        self._head(200, "text/event-stream")
        try:
            for chunk in chain([first], chunks):
                self._event(json.dumps(chunk, ensure_ascii=False))
            self._event("[DONE]")
        except MemllmError as error:
            self._event(json.dumps(_error(status_of(error), error), ensure_ascii=False))
        except (ConnectionError, TimeoutError):
            pass  # nobody listens any more
        except Exception as error:
            self._event(json.dumps(_unexpected(error)))
        finally:
            chunks.close()

    def _event(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode("utf-8", errors="replace"))

    def _head(self, status: int, kind: str, *more: tuple[str, str]) -> None:
        if self._unread:  # what follows on this connection is the body that nobody wanted
            self.close_connection = True
        self.send_response(status)
        own = [("WWW-Authenticate", "Bearer")] if status == 401 else []
        own += [("Connection", "close")] if self.close_connection else []
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"), ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"), *own, *more,
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()

    def _drain(self) -> None:
        """Take what a refused request still sends: closing at once would lose the answer on its way."""
        left = min(self._unread, DRAINED)
        try:
            while left > 0 and (data := self.rfile.read(min(left, 65536))):
                left -= len(data)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    _unread = 0


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _text(given: dict[str, Any], name: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str):
        raise UsageError(f"'{name}' is missing, or no text.", f"Send it as {name}.")
    return value


def _number(given: dict[str, Any], name: str, default: int | None = None) -> int:
    value = given.get(name, default)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"'{name}' is no number.", f"Send {name} as a number.")
    return value


def _error(status: int, error: MemllmError) -> dict[str, Any]:
    """An error as OpenAI's clients understand it, with the hint."""
    return {
        "error": {"message": error.message, "hint": error.hint, "type": type(error).__name__, "code": status},
    }


def _unexpected(error: Exception) -> dict[str, Any]:
    print(f"error: this should not have happened: {type(error).__name__}: {error}", file=sys.stderr)
    return _error(500, MemllmError("This should not have happened.", "The server's screen says what."))
