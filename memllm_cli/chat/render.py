"""The event stream on a terminal: reads dimmed and inline, the answer, and the sentence it came from.

Everything shown goes through `Screen.line`, which cleans it and builds styled text without parsing markup: nothing
that a document, a model or the memory holds can style, move or hide what is on the screen.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memllm_cli.memory.edit.change import Change, Texts
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.history.facts import Key
from memllm_cli.reading.events import Done, Event, ReadCall, ReadResult, Source, Text, TextCall, TextResult
from memllm_cli.reading.values import best, join
from memllm_cli.terminal import clean, count
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


def contradictions(sources: Iterable[Source]) -> dict[Key, tuple[str, str]]:
    """Facts that cannot all hold, as (name, relation): one of several values where the relation takes one."""
    groups: dict[tuple[str, int, int], list[Source]] = {}
    for source in sources:
        subject, relation, object = source.hit.fact.key
        if not source.many:
            side = source.hit.side
            groups.setdefault((side, subject if side == "object" else object, relation), []).append(source)
    out: dict[Key, tuple[str, str]] = {}
    for (side, *_), members in groups.items():
        if len({m.hit.fact.key for m in members}) > 1:
            for m in members:
                out[m.hit.fact.key] = (m.triple[0] if side == "object" else m.triple[2], m.triple[1])
    return out


class Renderer:
    """Shows the events of answers, one after the other.

    With `reads` off the calls and their results stay away; the source lines under an answer are always there.
    """

    def __init__(self, console: Console, reads: bool = True, numbers: bool = False) -> None:
        self.screen = Screen(console)
        self.reads = reads
        self.numbers = numbers
        """Whether what stands under an answer is numbered, for a person to ask about it."""
        self.numbered: list[Source | Evidence] = []
        self._result: ReadResult | None = None
        self._texts: TextResult | None = None
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
        elif isinstance(event, TextCall):
            if self.reads:
                self.screen.line((f"  {self.screen.marks.read} in the text: {one_line(event.words)}", "dim"))
        elif isinstance(event, TextResult):
            self._texts = event
            if self.reads:
                self._places(event)
        elif isinstance(event, Text):
            self._backed = self._backed or event.backed
            self._last = event.text or self._last
            self.screen.line((event.text, "bold" if event.backed else ""), end="")
        elif isinstance(event, Done):
            self._end_line()
            if event.outcome == "talk" and event.generated:
                self._compared(event)
            if self._result is not None and (self._backed or not self.reads or event.style == "free"):
                self._sources(best(self._result), self._result.sources)
                self._waiting(self._result)
            if self._texts is not None and event.outcome in ("text", "nothing"):
                self._quoted(event, self._texts)
            self._reset()

    def stop(self) -> None:
        """The answer was broken off: end the line and forget it."""
        self._end_line()
        self._reset()

    def _end_line(self) -> None:
        if self._last and not self._last.endswith("\n"):
            self.screen.line()

    def _reset(self) -> None:
        self._result, self._texts, self._backed, self._last = None, None, False, ""

    def _compared(self, done: Done) -> None:
        """How an answer in the model's words stands to what was read."""
        if self._result is None or not self._result.sources:
            self.screen.line(("  not from memory: the model's own words", "dim"))
        elif not done.backed:
            values = one_line(join([s.hit.value for s in best(self._result)]))
            self.screen.line((f"  differs from memory: memory has {values}", "dim"))

    def _places(self, result: TextResult) -> None:
        """Where the search in texts came to, as places."""
        marks = self.screen.marks
        if not result.places:
            self.screen.line(("    nothing in the documents", "dim"))
        for number, (place, likely) in enumerate(zip(result.places, result.probabilities, strict=False)):
            mark = marks.value if number < result.answering else marks.near
            where = f" ({one_line(place.block.said)})" if place.block is not None and place.block.said else ""
            self.screen.line((f"    {mark} {one_line(place.place)}{where}   {100 * likely:.0f} %", "dim"))

    def _quoted(self, done: Done, result: TextResult) -> None:
        """The sentences that carry an answer, or the nearest one where there is none, said to be no answer."""
        dash = self.screen.marks.dash
        for place in done.evidence:
            self.screen.line(
                (f"  {self._number(place)}{self.screen.quote(place.said)} {dash} {one_line(place.place)}", "dim")
            )
        if done.otherwise is not None:
            value, place = done.otherwise
            said = (
                f"  otherwise: {one_line(value)} {dash} {self.screen.quote(place.said)} {dash} {one_line(place.place)}"
            )
            self.screen.line((said, "dim"))
        if done.outcome == "nothing" and result.places:
            nearest = result.places[0]
            said = f"  nearest, no answer: {self.screen.quote(nearest.said)} {dash} {one_line(nearest.place)}"
            self.screen.line((said, "dim"))

    def _read(self, result: ReadResult) -> None:
        screen, marks = self.screen, self.screen.marks
        if result.too_many:
            screen.line(("    too many facts answer that", "dim"))
            return
        if not result.sources:
            screen.line(("    nothing in memory", "dim"))
            return
        clashes = contradictions(result.sources)
        for source in result.sources[:MOST_RESULTS]:
            mark = marks.value if source.hit.exact else marks.near
            if source.hit.fact.key in clashes:
                mark = marks.clash
            near = "" if source.hit.exact else f"   ({statement(source.triple)})"
            others = sum(not e.copy for e in source.evidence) - 1
            more = f" +{others}" if others > 0 else ""
            screen.line(
                (f"    {mark} {one_line(source.hit.value)}{near}   {marks.dash} {one_line(source.origin)}{more}", "dim")
            )
        if len(result.sources) > MOST_RESULTS:
            screen.line((f"    {marks.more} and {len(result.sources) - MOST_RESULTS} more", "dim"))
        self._disagree(clashes, indent=4)

    def _sources(self, stated: Sequence[Source], found: Sequence[Source]) -> None:
        """The sentences behind an answer, and those behind values that contradict it."""
        screen, marks = self.screen, self.screen.marks
        clashes = contradictions(found)
        rivals = {clashes[s.hit.fact.key] for s in stated if s.hit.fact.key in clashes}
        own = {s.hit.fact.key for s in stated}
        against = [s for s in found if s.hit.fact.key not in own and clashes.get(s.hit.fact.key) in rivals]
        named = bool(against) or len({s.hit.value for s in stated}) > 1
        lines = [(s, f"{one_line(s.hit.value)}: " if named else "") for s in stated]
        lines += [(s, f"{marks.clash} {one_line(s.hit.value)}: ") for s in against]
        shown = {f"{before}{self._origin(source)}": source for source, before in reversed(lines)}
        texts = list(dict.fromkeys(f"{before}{self._origin(source)}" for source, before in lines))
        for text in texts[:MOST_SOURCES]:
            screen.line((f"  {self._number(shown[text])}{text}", "dim"))
        if len(shown) > MOST_SOURCES:
            screen.line((f"  {marks.more} and {len(shown) - MOST_SOURCES} more sources", "dim"))
        if not self.reads:
            self._disagree(clashes, indent=2)

    def _number(self, shown: Source | Evidence) -> str:
        """The number of what stands under an answer, as it is written before it."""
        if not self.numbers:
            return ""
        self.numbered.append(shown)
        return f"[{len(self.numbered)}] "

    def _waiting(self, result: ReadResult) -> None:
        """That proposals would answer too, which answers do not use."""
        if result.sources and result.proposals:
            query = statement((result.query.subject or "", result.query.relation, result.query.object or "")).strip()
            said = f'  {count(result.proposals, "proposal")} besides, not used: memllm fact list --proposed "{query}"'
            self.screen.line((said, "dim"))

    def _origin(self, source: Source) -> str:
        if not source.evidence:
            return one_line(source.origin)
        first = source.evidence[0]
        who = "stated by you; " if source.hit.fact.person else ""
        return f"{who}{self.screen.quote(first.said)} {self.screen.marks.dash} {one_line(first.place)}"

    def _disagree(self, clashes: dict[Key, tuple[str, str]], indent: int) -> None:
        for name, relation in dict.fromkeys(clashes.values()):
            text = f"{self.screen.marks.clash} sources disagree on {one_line(relation)} of {one_line(name)}"
            self.screen.line((" " * indent + text, "yellow"))


def one_line(text: str) -> str:
    """Untrusted text on one line."""
    return " ".join(clean(text).split())
