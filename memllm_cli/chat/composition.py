"""A text on a terminal while it is written, with its reads, and whole at its end: every value with its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memllm_cli.chat.screen import Screen, one_line
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.reading.events import DOUBT, Done, Gap, Source, Text

Shown = Source | Evidence


class Composition:
    """One text. With `reads` it is shown in pieces between its reads, and whole at its end.

    `number` gives what a value rests on a number, as it is written behind the value.
    """

    def __init__(self, screen: Screen, reads: bool, number: Callable[[Shown], str]) -> None:
        self.screen, self.reads, self._number = screen, reads, number
        self._gap = f"[{screen.marks.more}]"
        self._pieces: list[tuple[str, str]] = []
        self._open = False  # whether a line has been begun
        self._read = False  # whether a read has been shown among the pieces

    def text(self, event: Text, rests_on: Sequence[Shown]) -> None:
        """A piece of it; a value with what it rests on."""
        self._add(event.text, "bold" if event.backed else "")
        if event.backed:
            self.cite(rests_on)

    def cite(self, rests_on: Sequence[Shown]) -> None:
        """What stands behind the last word of it, which is not the model's own."""
        self._add("".join(self._number(s) for s in rests_on[:1]), "dim")

    def gap(self, event: Gap) -> None:
        """What the text lacks, or a mark behind a name of the model's own."""
        self._add(self._gap if event.question else DOUBT, "yellow")

    def pause(self) -> None:
        """A read is shown: the line ends."""
        self._read = self._read or bool(self._pieces)
        self._end()

    def done(self, event: Done) -> None:
        """The text whole, where reads have cut it, and what its marks mean."""
        self._end()
        if self.reads and self._read:
            self.screen.line()
            for text, style in self._pieces:
                self.screen.line((text, style), end="")
            self.screen.line()
        for question in dict.fromkeys(event.missing):
            self.screen.line((f"  {self._gap} nothing in memory: {one_line(question)}", "dim"))
        if event.doubted:
            names = ", ".join(one_line(n) for n in dict.fromkeys(event.doubted))
            self.screen.line((f"  {DOUBT} not from memory: {names}", "dim"))
        elif not event.values and not event.missing and not event.noted:
            self.screen.line(("  not from memory: the model's own words", "dim"))

    def _end(self) -> None:
        if self._open:
            self.screen.line()
        self._open = False

    def _add(self, text: str, style: str) -> None:
        if not self._pieces:
            text = text.lstrip()
        if not text:
            return
        self._pieces.append((text, style))
        shown = text if self._open else text.lstrip(" ")
        if shown:
            self.screen.line((shown, "dim" if self.reads and not style else style), end="")
            self._open = not shown.endswith("\n")
