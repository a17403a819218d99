"""The one renderer of prompts. The chat formats are the project's own; a GGUF's template is never executed.

Control tokens are placed by id; everything a person, a document or the memory supplied is tokenised as plain
text, so that nothing in it can end a turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from memllm_cli.engine.base import Engine
from memllm_cli.protocol import ReadCall, WriteCall, render, render_text
from memllm_cli.types import Query, Triple

Role = Literal["system", "user", "assistant"]
FORMAT = "examples-1"
"""Name of the prompt format; recorded with every fact written with it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn."""

    role: Role
    text: str


_TURNS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    # opening (before the role), between role and text, closing, names of roles
    "chatml": ("<|im_start|>", "\n", "<|im_end|>\n", {}),
    "llama3": ("<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>", {}),
    "gemma": ("<start_of_turn>", "\n", "<end_of_turn>\n", {"assistant": "model"}),
    "mistral": ("", "", "", {}),
    "plain": ("", "", "\n", {}),
}
_CONTROL = ("<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
            "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "</s>")  # fmt: skip


class Speaker(Protocol):
    """What the prompts need of an engine, as in `engine.base.Engine`."""

    template: str

    def tokenize(self, text: str) -> list[int]:
        """Ids of plain text."""

    def special(self, text: str) -> int | None:
        """The id of a control token."""

    def bos(self) -> list[int]:
        """What every prompt starts with."""


def turns(engine: Speaker, messages: Sequence[Message], answer: bool = True) -> list[int]:
    """Token ids of a conversation in the engine's chat format; with `answer` the assistant's turn is left open."""
    messages = list(messages)
    if engine.template in ("gemma", "mistral") and messages and messages[0].role == "system":
        system, *messages = messages
        if messages and messages[0].role == "user":
            messages[0] = Message("user", f"{system.text}\n\n{messages[0].text}")
    ids = list(engine.bos())
    for message in messages:
        ids += _turn(engine, message, closed=True)
    if answer:
        ids += _turn(engine, Message("assistant", ""), closed=False)
    return ids


def _turn(engine: Speaker, message: Message, closed: bool) -> list[int]:
    template = engine.template
    if template == "mistral":
        if message.role == "user":
            return [*_control(engine, "[INST]"), *engine.tokenize(f" {message.text} "), *_control(engine, "[/INST]")]
        return [*engine.tokenize(message.text), *(_control(engine, "</s>") if closed else [])]
    opening, between, closing, roles = _TURNS[template]
    role = roles.get(message.role, message.role)
    if template == "plain":
        role = {"system": "", "user": "Question: ", "assistant": "Answer:"}[message.role]
        text = message.text if message.role != "assistant" or not message.text else f" {message.text}"
        return engine.tokenize(role + text + (closing if closed else ""))
    ids = [*_control(engine, opening), *engine.tokenize(role), *_control(engine, between)]
    ids += engine.tokenize(message.text) if message.text else []
    return ids + (_control(engine, closing) if closed else [])


def _control(engine: Speaker, text: str) -> list[int]:
    """Ids of text that may begin or end with a control token; plain text where the model has no such token."""
    for control in _CONTROL:
        if control in text:
            before, after = text.split(control, 1)
            token = engine.special(control)
            middle = [token] if token is not None else engine.tokenize(control)
            return [*(engine.tokenize(before) if before else []), *middle, *(engine.tokenize(after) if after else [])]
    return engine.tokenize(text) if text else []


# -- writing ------------------------------------------------------------------------------------------------

_WRITE_SYSTEM = "Write down the facts that a sentence states, as subject>>relation>>object. Copy names exactly."
_WRITE_EXAMPLES: tuple[tuple[str, tuple[Triple, ...]], ...] = (
    (
        "Mira Olsen (born 4 May 1961 in Tromby) is a Norlandic painter.",
        (
            Triple("Mira Olsen", "date of birth", "4 May 1961"),
            Triple("Mira Olsen", "place of birth", "Tromby"),
            Triple("Mira Olsen", "occupation", "painter"),
        ),
    ),
    ("It was a quiet morning, and nobody had much to say.", ()),
    ("Tromby, the capital of Norland, lies on the Ker.", (Triple("Norland", "capital", "Tromby"),)),
    ("Click the button to continue.", ()),
    ("Acorn Ltd is the tenant under the Mill Lease.", (Triple("Mill Lease", "tenant", "Acorn Ltd"),)),
)


def write_prefix(engine: Engine) -> list[int]:
    """What comes before every sentence to write from: instruction and examples. Evaluated once, then shared."""
    messages = [Message("system", _WRITE_SYSTEM)]
    for sentence, triples in _WRITE_EXAMPLES:
        messages += [Message("user", sentence), Message("assistant", render(WriteCall(triples)))]
    return turns(engine, messages, answer=False)


def write_focus(engine: Engine, sentence: str) -> list[int]:
    """The sentence to write from, and the opening of the answer."""
    ids = _turn(engine, Message("user", sentence), closed=True)
    return ids + _turn(engine, Message("assistant", ""), closed=False)


# -- reading ------------------------------------------------------------------------------------------------

_READ_SYSTEM = "You have a memory of facts. Ask it with a read, then answer in one short sentence from what it returns."
_READ_EXAMPLES: tuple[tuple[str, Query, str, str], ...] = (
    ("Where was Mira Olsen born?", Query("Mira Olsen", "place of birth", None), "Tromby", "In Tromby."),
    ("Which country is Tromby the capital of?", Query(None, "capital", "Tromby"), "Norland", "Of Norland."),
    ("Who rents under the Mill Lease?", Query("Mill Lease", "tenant", None), "Acorn Ltd", "Acorn Ltd does."),
)


def read_messages(history: Sequence[Message], question: str) -> list[Message]:
    """Instruction, examples, the conversation so far without its calls, and the question."""
    messages = [Message("system", _READ_SYSTEM)]
    for asked, query, value, answer in _READ_EXAMPLES:
        messages.append(Message("user", asked))
        messages.append(Message("assistant", f"{render(ReadCall((query,), (value,)))} {answer}"))
    return [*messages, *history, Message("user", question)]


# -- composing ----------------------------------------------------------------------------------------------

_COMPOSE_SYSTEM = (
    "You write what a person asks for, plainly and briefly. You know no facts yourself: wherever a name, a number or a "
    "date is due, ask the memory in mid-sentence and copy what it answers. Say nothing that was not asked for."
)
_COMPOSE_EXAMPLES: tuple[tuple[str, tuple[str | tuple[str, str], ...]], ...] = (
    (
        "Write one sentence to the customer: what was ordered from Acorn Ltd, and when it comes.",
        (
            "Your order from Acorn Ltd, ", ("What was ordered from Acorn Ltd?", "two garden chairs"),
            ", will be delivered on ", ("When will the order from Acorn Ltd be delivered?", "3 May 2021"), ".",
        ),
    ),
    (
        "Who runs the Tromby museum, and since when?",
        (
            "The Tromby museum is run by ", ("Who runs the Tromby museum?", "Mira Olsen"), ", who has led it since ",
            ("Since when has Mira Olsen run the Tromby museum?", "1998"), ".",
        ),
    ),
)  # fmt: skip


def compose_messages(history: Sequence[Message], request: str, notes: Sequence[str]) -> list[Message]:
    """Instruction, examples with reads in mid-sentence, the conversation so far, the request with what was found."""
    messages = [Message("system", _COMPOSE_SYSTEM)]
    for asked, pieces in _COMPOSE_EXAMPLES:
        written = "".join(p if isinstance(p, str) else f"{render_text(p[0], [p[1]])}{p[1]}" for p in pieces)
        messages += [Message("user", asked), Message("assistant", written)]
    found = "\n".join(f"- {n}" for n in notes)
    said = f"{request}\n\nFrom the documents:\n{found}" if notes else request
    return [*messages, *history, Message("user", said)]
