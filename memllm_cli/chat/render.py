"""The event stream on a terminal: reads dimmed and inline, the answer, and the sentence it came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from memllm_cli.chat.composition import Composition
from memllm_cli.chat.screen import Screen, one_line, question, statement
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.history.facts import Key
from memllm_cli.reading.events import (
    Begun,
    Done,
    Event,
    Gap,
    Noted,
    ReadCall,
    ReadResult,
    Source,
    Text,
    TextCall,
    TextResult,
)
from memllm_cli.reading.values import best
from memllm_cli.terminal import count

if TYPE_CHECKING:
    from rich.console import Console

MOST_RESULTS = 8  # values of one read shown inline
MOST_SOURCES = 4  # source lines under one answer


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
        self._composition: Composition | None = None
        self._notes: Sequence[Evidence] = ()
        self._clashes: dict[Key, tuple[str, str]] = {}
        self._result: ReadResult | None = None
        self._texts: TextResult | None = None
        self._backed = False
        self._last = ""

    def show(self, event: Event) -> None:
        """Show one event."""
        if self._composition is not None and isinstance(event, (ReadCall, TextCall)):
            self._result = self._texts = None
            if self.reads:
                self._composition.pause()
        if isinstance(event, Begun):
            self._composition, self._notes = Composition(self.screen, self.reads, self._mark), ()
            self._clashes = {}
        elif isinstance(event, ReadCall):
            if self.reads:
                self.screen.line((f"  {self.screen.marks.read} {question(event.query)}", "dim"))
        elif isinstance(event, ReadResult):
            self._result = event
            self._clashes |= contradictions(event.sources)
            if self.reads:
                self._read(event)
        elif isinstance(event, TextCall):
            if self.reads:
                self.screen.line((f"  {self.screen.marks.read} in the text: {one_line(event.words)}", "dim"))
        elif isinstance(event, TextResult):
            self._texts = event
            self._notes = self._notes or event.places
            if self.reads:
                self._places(event)
        elif self._composition is not None:
            self._composed(event, self._composition)
        elif isinstance(event, Text):
            self._backed = self._backed or event.backed
            self._last = event.text or self._last
            self.screen.line((event.text, "bold" if event.backed else ""), end="")
        elif isinstance(event, Done):
            self._end_line()
            if self._result is not None and (self._backed or not self.reads):
                self._sources(best(self._result), self._result.sources)
                self._waiting(self._result)
            if self._texts is not None and event.outcome in ("text", "nothing"):
                self._quoted(event, self._texts)
            self._reset()

    def _composed(self, event: Text | Gap | Noted | Done, composition: Composition) -> None:
        """A piece of a text that is written, or its end with what its values rest on."""
        if isinstance(event, Text):
            rests_on: Sequence[Source | Evidence] = ()
            if self._result is not None and self._result.sources:
                rests_on = best(self._result)
            elif self._texts is not None:
                rests_on = self._texts.places[: self._texts.answering]
            composition.text(event, rests_on)
        elif isinstance(event, Gap):
            composition.gap(event)
        elif isinstance(event, Noted):
            composition.cite(self._notes[event.number : event.number + 1])
        else:
            composition.done(event)
            dash = self.screen.marks.dash
            for number, shown in enumerate(self.numbered, 1):
                if isinstance(shown, Source):
                    said = self._origin(shown)
                else:
                    said = f"{self.screen.quote(shown.said)} {dash} {one_line(shown.place)}"
                self.screen.line((f"  [{number}] {said}", "dim"))
            self._disagree(self._clashes, indent=2)
            self._reset()

    def _mark(self, shown: Source | Evidence) -> str:
        """The number of what a value in a text rests on, as it is written behind it."""
        if shown not in self.numbered:
            self.numbered.append(shown)
        return f"[{self.numbered.index(shown) + 1}]"

    def stop(self) -> None:
        """The answer was broken off: end the line and forget it."""
        if self._composition is not None:
            self._composition.pause()
        self._end_line()
        self._reset()

    def _end_line(self) -> None:
        if self._last and not self._last.endswith("\n"):
            self.screen.line()

    def _reset(self) -> None:
        self._result, self._texts, self._backed, self._last, self._composition = None, None, False, "", None

    def _places(self, result: TextResult) -> None:
        """Where the search in texts came to, as places; with how likely each answers, if that was asked."""
        marks = self.screen.marks
        if not result.places:
            self.screen.line(("    nothing in the documents", "dim"))
        for number, (place, likely) in enumerate(zip_longest(result.places, result.probabilities)):
            mark = marks.value if number < result.answering else marks.near
            where = f" ({one_line(place.block.said)})" if place.block is not None and place.block.said else ""
            sure = "" if likely is None else f"   {100 * likely:.0f} %"
            self.screen.line((f"    {mark} {one_line(place.place)}{where}{sure}", "dim"))

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
