"""A terminal that everything is printed on as data.

Everything shown goes through `Screen.line`, which cleans it and builds styled text without parsing markup: nothing
that a document, a model or the memory holds can style, move or hide what is on the screen.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memllm_cli.memory.edit.change import Change, Texts
from memllm_cli.terminal import clean
from memllm_cli.types import Query

if TYPE_CHECKING:
    from rich.console import Console

LONGEST_SENTENCE = 300  # characters of an evidence sentence
MOST_CHANGES = 20  # facts listed after a correction or an undo

Part = str | tuple[str, str]
"""A stretch of text, alone or with its style."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The signs drawn beside text."""

    read: str = "⟳"
    value: str = "="
    near: str = "≈"
    clash: str = "≠"
    dash: str = "—"
    more: str = "…"
    prompt: str = "▸"
    dot: str = "·"


ASCII = Marks(read="@", near="~", clash="!", dash="-", more="...", prompt=">", dot="|")
"""For terminals that cannot show the others."""


class Screen:
    """A console that everything is printed on as data, never as markup."""

    def __init__(self, console: Console) -> None:
        self.console = console
        try:
            self._encoding = codecs.lookup(console.encoding or "utf-8").name
        except LookupError:
            self._encoding = "ascii"
        self.marks = Marks() if self._encoding.startswith("utf") else ASCII

    def fit(self, text: str) -> str:
        """Cleaned text with what the terminal cannot encode replaced; newlines stay."""
        text = clean(text, lines=True)
        if self._encoding.startswith("utf"):
            return text
        return text.encode(self._encoding, "replace").decode(self._encoding)

    def line(self, *parts: Part, end: str = "\n") -> None:
        """Print one line (or, with `end` empty, a piece of one). Styles are rich's: `dim`, `bold`, `red`."""
        from rich.text import Text as Styled

        styled = Styled(end="")
        for part in parts:
            text, style = (part, "") if isinstance(part, str) else part
            styled.append(self.fit(text), style or None)
        self.console.print(styled, end=end, soft_wrap=True)

    def lines(self, text: str, style: str = "dim") -> None:
        """Print some text of our own."""
        for line in text.splitlines():
            self.line((line, style))

    def changes(self, change: Change) -> None:
        """Facts that went and facts that came, `-` and `+`."""
        rows = [("-", "red", t) for t in change.before] + [("+", "green", t) for t in change.after]
        for sign, style, texts in rows[:MOST_CHANGES]:
            self.line((f"{sign} {statement(texts)}", style))
        if len(rows) > MOST_CHANGES:
            self.line((f"{self.marks.more} and {len(rows) - MOST_CHANGES} more", "dim"))

    def quote(self, sentence: str) -> str:
        """An evidence sentence in quotes, on one line, cut when it is long."""
        plain = " ".join(clean(sentence).split())
        if len(plain) > LONGEST_SENTENCE:
            plain = plain[:LONGEST_SENTENCE].rsplit(" ", 1)[0].rstrip() + self.marks.more
        return f'"{plain}"'


def statement(texts: Texts) -> str:
    """A fact in the notation people type."""
    return " >> ".join(" ".join(clean(t).split()) for t in texts)


def question(query: Query) -> str:
    """A read in the notation people type, with `?` on the side asked for."""
    return statement((query.subject or "?", query.relation, query.object or "?"))


def one_line(text: str) -> str:
    """Untrusted text on one line."""
    return " ".join(clean(text).split())
