"""The chat: questions and commands, line by line, from a person at a terminal or from a pipe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.answering.answer import Answerer
from memllm_cli.answering.deciding import Decider
from memllm_cli.answering.options import Options
from memllm_cli.answering.smalltalk import small_talk
from memllm_cli.chat.commands import COMMANDS, Commands, Said
from memllm_cli.chat.completion import ChatCompleter, Names
from memllm_cli.chat.editor import LineEditor
from memllm_cli.chat.loading import Interrupt, Loading, Waiting
from memllm_cli.chat.render import Renderer
from memllm_cli.chat.screen import one_line, statement
from memllm_cli.chat.sessions import Sessions
from memllm_cli.chat.stating import Stating, of_self
from memllm_cli.chat.why import show_why
from memllm_cli.errors import MemllmError, UsageError
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.texts import Texts
from memllm_cli.reading.events import Done, ReadResult, TextResult
from memllm_cli.reading.formats import ReadFormat
from memllm_cli.reading.reads import Conversation
from memllm_cli.terminal import clean

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output
    from rich.console import Console

EMPTY = f"The memory is empty. Fill it: memllm ingest FOLDER, or {COMMANDS['/set'].usage}"


_WHY = re.compile(r"(?:but )?(?:why|how come|how do you know(?: that)?|says who|source)\W*", re.IGNORECASE)
"""What asks for the reasons of an answer, where no document has them."""


class Chat:
    """A conversation with one memory. `decider` opens what points at answers, `make` loads the engine.

    What answers the first question is made in a thread of its own once `run` has begun, else at the question; the
    engine where there is no pointer, or when free words are wanted.
    `create` makes the knowledge base before the first /set when there is none yet. `notes` is where waits are
    explained (None: nowhere). `history` is the file of typed lines (None: not kept), `sessions` where conversations are
    kept (None: nowhere), this one as `session`. `stating` reads what the person says of themselves. `vi` says
    whose keys the line editor has; `keep` writes a setting down.
    """

    def __init__(
        self,
        finder: Finder,
        make: Callable[[], ReadFormat],
        console: Console,
        *,
        create: Callable[[], object] | None = None,
        options: Options | None = None,
        reads: bool = True,
        model: str = "the model",
        notes: Console | None = None,
        history: Path | None = None,
        decider: Callable[[], Decider | None] = lambda: None,
        sessions: Sessions | None = None,
        session: str = "",
        stating: Stating | None = None,
        vi: bool = False,
        keep: Callable[[str, str], object] = lambda name, value: None,
    ) -> None:
        self.finder = finder
        self.memory = finder.memory
        self.options = options or Options()
        self.renderer = Renderer(console, reads, numbers=True)
        self.screen = self.renderer.screen
        self.conversation = Conversation()
        self.results: list[ReadResult | TextResult] = []
        self.names = Names()
        self.failure = 0
        """Exit code of the first error, 0 when there was none."""
        self.create = create
        self._engine: Loading[ReadFormat] = Loading(make, lambda format: format.engine.close())
        self._pointer: Loading[Decider | None] = Loading(lambda: self._pointing(decider))
        self._texts = Texts(finder.memory, finder.encoder)
        self._answerer: Answerer | None = None
        self.stating = stating or Stating(lambda: None, self.options.person)
        self.said = Said()
        self._commands = Commands(self)
        self._sessions = sessions
        self.session = session or (sessions.new() if sessions is not None else "")
        """The name under which the conversation is kept."""
        self._model = model
        self._notes = notes
        self._history = history
        self.last: str | None = None
        """The last question."""
        self.answer: Done | None = None
        """And its answer."""
        self.kept = False
        self._empty_interrupts = 0
        self.editor: LineEditor | None = None
        """The line editor, at a terminal."""
        self.vi = vi
        self.keep = keep
        self.within = ""
        """What `/in` named."""

    # -- lines in ---------------------------------------------------------------------------------------------

    def handle(self, line: str) -> bool:
        """Answer one question or carry out one command; False when the chat is to end. Errors are printed."""
        line = clean(line, lines=True).strip()
        if not line:
            return True
        try:
            with Interrupt() as interrupt:
                if not line.startswith("/"):
                    if not (self.options.style == "grounded" and of_self(line) and self._stated(line, interrupt)):
                        self._ask(line, interrupt)
                elif line.split()[0] == "/retry":
                    self._retry(interrupt)
                else:
                    return self._commands.run(line)
        except MemllmError as error:
            self.renderer.stop()
            self.failure = self.failure or error.exit_code
            self.screen.line(("error: ", "red"), one_line(error.message))
            if error.hint:
                self.screen.line((one_line(error.hint), "dim"))
        except KeyboardInterrupt:  # pressed twice: the engine may be in the middle of something
            self._stopped()
            if self._answerer is not None:
                self._answerer = None
                self._engine.drop()
        return True

    def run_lines(self, lines: Iterable[str]) -> int:
        """Answer lines from a pipe; returns the exit code."""
        if self._notes is not None and self.empty():
            self._notes.print(EMPTY, style="dim", markup=False)
        for line in lines:
            if not self.handle(line):
                break
        self._engine.drop()
        return self.failure

    def run(self, input: Input | None = None, output: Output | None = None) -> None:
        """Talk with a person at a terminal until /quit or Ctrl-D."""
        from prompt_toolkit.patch_stdout import patch_stdout

        prompt = f"{self.memory.name} {self.screen.marks.prompt} "
        completer = ChatCompleter(self.names, {n: c.words for n, c in COMMANDS.items()}, titles=self._titles)
        self.editor = LineEditor(
            self.screen.fit, prompt, completer, self.toolbar, self._history, self.vi, input, output
        )
        if self.empty():
            self.screen.line((EMPTY, "dim"))
        going = True
        while going:
            self._refresh()
            try:
                with patch_stdout(raw=True):
                    line = self.editor.line(self._pointer.start)
            except KeyboardInterrupt:
                self._empty_interrupts += 1
                if self._empty_interrupts > 1:
                    self.screen.line(("To leave: /quit or Ctrl-D", "dim"))
                continue
            except EOFError:
                break
            self._empty_interrupts = 0
            going = self.handle(line)
        self._engine.drop()

    def empty(self) -> bool:
        """Whether there is nothing to ask: no knowledge base yet, or neither a fact nor a proposal in it."""
        if not self.memory.database.exists():
            return True
        try:
            return self.memory.snapshot.empty and not self.memory.snapshot.documents()
        except MemllmError:
            return False  # the next question says what is wrong

    # -- questions --------------------------------------------------------------------------------------------

    def _ask(self, question: str, interrupt: Interrupt) -> None:
        self.last, self.kept, self.answer = question, False, None
        before = self.results if _WHY.fullmatch(question.strip()) else []
        self.results = []
        self.renderer.numbered = []
        if not self.memory.database.exists() or (self.options.style == "grounded" and self.empty()):
            greeting = small_talk(question)
            self.screen.line(*([f"{greeting} "] if greeting else []), EMPTY)
            self.screen.line()
            return
        with Waiting(self._notes, f"loading what answers{self.screen.marks.more}"):
            answerer = self.ready()
        if interrupt.wanted:
            self._stopped()
            return
        events = answerer.ask(question, self.conversation)
        with Waiting(self._notes, f"reading{self.screen.marks.more}", lines=False) as waiting:
            try:
                for event in events:
                    waiting.stop()
                    if interrupt.wanted and not isinstance(event, Done):
                        break
                    if isinstance(event, (ReadResult, TextResult)):
                        self.results.append(event)
                    self.renderer.show(event)
                    if isinstance(event, Done):
                        self.kept, self.answer = True, event
            finally:
                events.close()  # type: ignore[attr-defined]  # a generator; an answer broken off is never recorded
        if self.kept:
            if before and self.answer is not None and self.answer.outcome == "nothing":
                self.screen.line(("the answer before rests on:", "dim"))
                show_why(self.screen, before, self.memory.snapshot)
            self.screen.line()
            if self._sessions is not None:
                self._sessions.keep(self.session, self.conversation.messages)
        else:
            self._stopped()

    def _stated(self, line: str, interrupt: Interrupt) -> bool:
        """Show what a person said of themselves, to be kept; False where nothing was found in it."""
        self.said = Said()
        with Waiting(self._notes, f"loading what reads{self.screen.marks.more}"):
            rows = self.stating.facts(line)
        if interrupt.wanted:
            self._stopped()
            return True
        if not rows:
            return False
        self.said = Said(line, rows)
        for number, row in enumerate(rows, 1):
            t = row.triple
            days = [f"{word} {day}" for word, day in (("since", row.valid_from), ("until", row.valid_to)) if day]
            when = json.loads(row.qualifiers).get("when", "")
            more = ", ".join([*days, *([when] if when and not days else [])])
            self.screen.line(
                f"  {number}  {statement((t.subject, t.relation, t.object))}",
                (f"   {one_line(more)}" if more else "", "dim"),
            )
        if self.editor is None:
            self.screen.line(("not kept yet: /keep, or /keep N", "dim"))
            return True
        key = self.editor.key(len(rows))
        if key:
            self._commands.run("/keep" if key == "y" else f"/keep {key}")
        else:
            self.screen.line(("not kept", "dim"))
        return True

    def ready(self) -> Answerer:
        """What answers, made when it is first needed."""
        if self._answerer is None:
            decider = self._pointer.get()
            model = self._engine.get() if decider is None else None
            self._answerer = Answerer(None, self.finder, self.options, model, decider, self._texts, self._engine.get)
        return self._answerer

    def _pointing(self, decider: Callable[[], Decider | None]) -> Decider | None:
        """What points at answers; where there is nothing, the engine is what a question waits for."""
        found = decider()
        if found is None:
            self._engine.start()
        return found

    def _stopped(self) -> None:
        self.renderer.stop()
        self.screen.line(("stopped", "dim"))

    def ask_in(self, memory: Memory) -> None:
        """Answer the last question from another memory, and show it; nothing of it is kept."""
        assert self.last is not None
        encoder = self.finder.encoder()
        finder = Finder(memory, None if encoder is None else lambda: encoder)
        texts = Texts(memory, finder.encoder)
        model = None if (decider := self._pointer.get()) is not None else self._engine.get()
        answerer = Answerer(None, finder, self.options, model, decider, texts, self._engine.get)
        renderer = Renderer(self.screen.console, self.renderer.reads)
        for event in answerer.ask(self.last):
            renderer.show(event)
        self.screen.line()

    def _retry(self, interrupt: Interrupt) -> None:
        if self.last is None:
            raise UsageError("Nothing has been asked yet.", "Ask something first.")
        if self.kept:
            self.conversation.drop_last()
        before = self.answer.answer if self.answer is not None else ""
        self.options.seed += 1  # the same words would be drawn again otherwise
        self.screen.line((f"{self.screen.marks.prompt} {self.last}", "dim"))
        self._ask(self.last, interrupt)
        now = self.answer.answer if self.answer is not None else ""
        if before and now and before != now and self.options.style == "grounded":
            self.screen.line((f"before: {one_line(before)}", "dim"))

    # -- the line editor --------------------------------------------------------------------------------------

    def _titles(self) -> list[str]:
        """What documents are called, for completion."""
        try:
            return [d.title for d in self.memory.snapshot.documents()] if self.memory.database.exists() else []
        except MemllmError:
            return []

    def _refresh(self) -> None:
        """Take in what other processes wrote, for completion and toolbar; an error waits for the next question."""
        try:
            snapshot = self.memory.snapshot
        except MemllmError:
            return
        self.names.refresh(snapshot)

    def toolbar(self) -> str:
        """What stands under the prompt."""
        dot = f" {self.screen.marks.dot} "
        reads = "on" if self.renderer.reads else "off"
        parts = [self._model, f"{self.names.facts} facts", self.options.style, f"reads {reads}", "/help"]
        if self.within:
            parts.insert(2, f"in {self.within}")
        return self.screen.fit(dot.join(one_line(p) for p in parts))
