"""The event stream on a terminal: reads dimmed and inline, the answer, and the sentence it came from.

Everything shown goes through `Screen.line`, which cleans it and builds styled text without parsing markup: nothing
that a document, a model or the memory holds can style, move or hide what is on the screen.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memllm_cli.memory.fold import Key
from memllm_cli.memory.relations import Relation
from memllm_cli.memory.store import Change, Texts
from memllm_cli.runtime.answer import best
from memllm_cli.runtime.events import Done, Event, ReadCall, ReadResult, Source, Text
from memllm_cli.terminal import clean
from memllm_cli.types import Query

if TYPE_CHECKING:
    from rich.console import Console

LONGEST_SENTENCE = 300  # characters of an evidence sentence
MOST_RESULTS = 8  # values of one read shown inline
MOST_SOURCES = 4  # source lines under one answer
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


def contradictions(sources: Iterable[Source], relation: Callable[[int], Relation | None]) -> dict[Key, tuple[str, str]]:
    """Facts that cannot all hold, as (name, relation): one of several values where the relation allows one."""
    groups: dict[tuple[str, int, int], list[Source]] = {}
    for source in sources:
        subject, relation_id, object = source.hit.fact.key
        found = relation(relation_id)
        if found is None:
            continue
        if source.hit.side == "object" and found.one_object:
            groups.setdefault(("object", subject, relation_id), []).append(source)
        if source.hit.side == "subject" and found.one_subject:
            groups.setdefault(("subject", object, relation_id), []).append(source)
    out: dict[Key, tuple[str, str]] = {}
    for (side, *_), members in groups.items():
        if len({m.hit.fact.key for m in members}) > 1:
            for m in members:
                out[m.hit.fact.key] = (m.triple[0] if side == "object" else m.triple[2], m.triple[1])
    return out


class Renderer:
    """Shows the events of answers, one after the other.

    With `reads` off the calls and their results stay away; the source line under an answer is always there.
    `relation` gives a relation by its id: with it, values that contradict each other are marked.
    """

    def __init__(
        self, console: Console, reads: bool = True, relation: Callable[[int], Relation | None] = lambda _: None
    ) -> None:
        self.screen = Screen(console)
        self.reads = reads
        self._relation = relation
        self._result: ReadResult | None = None
        self._backed = False
        self._last = ""

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, ReadCall):
            if self.reads:
                self.screen.line((f"  {self.screen.marks.read} {question(event.query)}", "dim"))
        elif isinstance(event, ReadResult):
            self._result = event
            if self.reads:
                self._read(event)
        elif isinstance(event, Text):
            self._backed = self._backed or event.backed
            self._last = event.text or self._last
            self.screen.line((event.text, "bold" if event.backed else ""), end="")
        elif isinstance(event, Done):
            self._end_line()
            if self._result is not None and (self._backed or not self.reads):
                self._sources(best(self._result))
            self._reset()

    def stop(self) -> None:
        """The answer was broken off: end the line and forget it."""
        self._end_line()
        self._reset()

    def _end_line(self) -> None:
        if self._last and not self._last.endswith("\n"):
            self.screen.line()

    def _reset(self) -> None:
        self._result, self._backed, self._last = None, False, ""

    def _read(self, result: ReadResult) -> None:
        screen, marks = self.screen, self.screen.marks
        if result.too_many:
            screen.line(("    too many facts answer that", "dim"))
            return
        if not result.sources:
            screen.line(("    nothing in memory", "dim"))
            return
        clashes = contradictions(result.sources, self._relation)
        for source in result.sources[:MOST_RESULTS]:
            mark = marks.value if source.hit.exact else marks.near
            if source.hit.fact.key in clashes:
                mark = marks.clash
            near = "" if source.hit.exact else f"   ({statement(source.triple)})"
            more = f" +{len(source.evidence) - 1}" if len(source.evidence) > 1 else ""
            screen.line(
                (f"    {mark} {one_line(source.hit.value)}{near}   {marks.dash} {one_line(source.origin)}{more}", "dim")
            )
        if len(result.sources) > MOST_RESULTS:
            screen.line((f"    {marks.more} and {len(result.sources) - MOST_RESULTS} more", "dim"))
        for name, relation in dict.fromkeys(clashes.values()):
            screen.line(
                (f"    {marks.clash} sources disagree: {one_line(name)} has one {one_line(relation)}", "yellow")
            )

    def _sources(self, stated: Sequence[Source]) -> None:
        screen, marks = self.screen, self.screen.marks
        several = len({s.hit.value for s in stated}) > 1
        lines: list[str] = []
        for source in stated:
            if source.hit.fact.person or not source.evidence:
                line = source.origin
            else:
                line = f"{screen.quote(source.evidence[0].sentence)} {marks.dash} {one_line(source.evidence[0].place)}"
            lines.append(f"  {one_line(source.hit.value)}: {line}" if several else f"  {line}")
        lines = list(dict.fromkeys(lines))
        for line in lines[:MOST_SOURCES]:
            screen.line((line, "dim"))
        if len(lines) > MOST_SOURCES:
            screen.line((f"  {marks.more} and {len(lines) - MOST_SOURCES} more sources", "dim"))
        if not self.reads:
            for name, relation in dict.fromkeys(contradictions(stated, self._relation).values()):
                text = f"  {marks.clash} sources disagree: {one_line(name)} has one {one_line(relation)}"
                screen.line((text, "yellow"))


def one_line(text: str) -> str:
    """Untrusted text on one line."""
    return " ".join(clean(text).split())
