"""Answers in the shape of OpenAI's chat completions, so that programs made for those can talk to the memory.

The last message of the user is the question, what stood before it the conversation. The answer is followed by a short
list of what it rests on, and the field `memllm` has all of it as data.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from memllm_cli.errors import UsageError
from memllm_cli.serving.data import answer_data

if TYPE_CHECKING:
    from memllm_cli.reading.events import Done, Event
    from memllm_cli.reading.reads import Conversation

MODEL = "memllm"
LIST = "\n\nSources:\n"
"""What stands between an answer and the list of what it rests on; in a conversation the list is left away again."""
SOURCES = 5
"""Lines that an answer's list of sources has at most."""


def heard(messages: object) -> tuple[str, Conversation]:
    """The question and the conversation before it. Raises UsageError for what is no list of messages."""
    from memllm_cli.prompts import Message
    from memllm_cli.reading.reads import Conversation

    if not isinstance(messages, list):
        raise UsageError("There are no messages.", 'Send {"messages": [{"role": "user", "content": "..."}]}')
    said: list[Message] = []
    for role, text in map(_message, messages):
        if text and role == "user":
            said.append(Message("user", text))
        elif text and role == "assistant":
            said.append(Message("assistant", text.partition(LIST)[0]))
    if not said or said[-1].role != "user":
        raise UsageError("The last message is not the user's.", "It is what is asked; give it the role user.")
    return said[-1].text, Conversation(said[:-1])


def _message(message: object) -> tuple[str, str]:
    """Role and text; of a content in parts those that are text."""
    if not isinstance(message, dict):
        raise UsageError("A message is no object.", 'Each is {"role": "user", "content": "..."}')
    content = message.get("content")
    if isinstance(content, list):
        parts = [p.get("text") for p in content if isinstance(p, dict) and p.get("type") == "text"]
        content = "\n".join(p for p in parts if isinstance(p, str))
    return str(message.get("role", "")), content if isinstance(content, str) else ""


class Reply:
    """One answer on its way to a caller, whole or piece by piece."""

    def __init__(self, question: str, events: Generator[Event, None, None]) -> None:
        self.question = question
        self._events = events
        self._head = {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": MODEL}
        self._seen: list[Event] = []

    def pieces(self) -> Generator[str, None, None]:
        """The words of the answer as they come, then its sources."""
        from memllm_cli.reading.events import DOUBT, GAP, Done, Gap, Text

        last = ""
        with closing(self._events) as events:  # a caller that goes away must not keep others waiting
            for event in events:
                self._seen.append(event)
                if isinstance(event, Text) and event.text:
                    yield harmless(event.text, last)
                    last = event.text[-1]
                elif isinstance(event, Gap):
                    yield GAP if event.question else DOUBT
                    last = "]"
                elif isinstance(event, Done) and (lines := sources(event)):
                    yield harmless(LIST + "\n".join(f"- {line}" for line in lines))

    def whole(self) -> dict[str, Any]:
        """The answer as one completion."""
        text = "".join(self.pieces())
        done = self._done
        return self._head | {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": done.evaluated,
                "completion_tokens": done.generated,
                "total_tokens": done.evaluated + done.generated,
            },
            "memllm": answer_data(self.question, self._seen),
        }

    def chunks(self) -> Generator[dict[str, Any], None, None]:
        """The answer piece by piece; the last chunk has the data."""
        role: dict[str, Any] = {"role": "assistant"}
        with closing(self.pieces()) as pieces:
            for piece in pieces:
                yield self._chunk(role | {"content": piece})
                role = {}
        yield self._chunk(role, "stop") | {"memllm": answer_data(self.question, self._seen)}

    @property
    def _done(self) -> Done:
        from memllm_cli.reading.events import Done

        return next(e for e in self._seen if isinstance(e, Done))

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._head | {"object": "chat.completion.chunk", "choices": [choice]}


def sources(done: Done) -> list[str]:
    """What an answer rests on, a line each: place and sentence, or who said so."""
    from memllm_cli.reading.values import carrying

    lines: list[str] = []
    for source in done.sources:
        places = carrying(source.evidence, source.hit.value)
        lines += [_line(e.place, e.said) for e in places] or [source.origin]
    lines += [_line(e.place, e.said) for e in (*done.evidence, *(e for _, e in done.noted))]
    lines = list(dict.fromkeys(lines))[:SOURCES]
    if done.otherwise is not None:
        value, place = done.otherwise
        lines.append(f"another document says {value}: {_line(place.place, place.said)}")
    return lines


def _line(place: str, said: str) -> str:
    return f'{place}: "{" ".join(said.split())}"'


def harmless(text: str, last: str = "") -> str:
    """Text for a screen that reads Markdown: a document must not make it load a picture, which tells an address.

    `last` is the character that stood before it.
    """
    escaped = text.replace("<", "\\<").replace("![", "!\\[")
    return f"\\{escaped}" if last == "!" and escaped.startswith("[") else escaped


def models(created: int) -> dict[str, Any]:
    """The list of the one model there is."""
    model: dict[str, Any] = {"id": MODEL, "object": "model", "created": created, "owned_by": "memllm"}
    return {"object": "list", "data": [model]}
