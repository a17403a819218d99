"""The chat: questions and commands, line by line, from a person at a terminal or from a pipe."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memllm_cli.answering.answer import Answerer, Options
from memllm_cli.answering.deciding import Decider
from memllm_cli.answering.edits import Editor, split
from memllm_cli.answering.smalltalk import small_talk
from memllm_cli.chat.completion import ChatCompleter, Names
from memllm_cli.chat.loading import Interrupt, Loading, Waiting
from memllm_cli.chat.render import Renderer, one_line, statement
from memllm_cli.chat.why import show_why
from memllm_cli.errors import MemllmError, NotFound, UsageError
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.texts import Texts
from memllm_cli.protocol import parse_statement
from memllm_cli.reading.events import Done, ReadResult, TextResult
from memllm_cli.reading.formats import ReadFormat
from memllm_cli.reading.reads import Conversation
from memllm_cli.terminal import clean

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output
    from rich.console import Console

MOST_FACTS = 40  # lines of /facts
STYLES = ("grounded", "free")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: how it is written, what it does, and the words that can follow it."""

    usage: str
    help: str
    words: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {
    "/help": Command("/help", "this list"),
    "/reads": Command("/reads on|off", "show or hide what is read from memory", ("on", "off")),
    "/style": Command("/style grounded|free", "values as the memory has them, or the model's own words", STYLES),
    "/why": Command("/why", "where the last answer came from: documents, sentences, times"),
    "/set": Command('/set "X >> relation >> Y"', "state a fact; what it contradicts is retracted"),
    "/undo": Command("/undo", "take the newest change to the memory back"),
    "/retry": Command("/retry", "ask the last question again"),
    "/facts": Command("/facts NAME", "what the memory holds about a name"),
    "/quit": Command("/quit", "leave (also Ctrl-D)"),
}
EMPTY = f"The memory is empty. Fill it: memllm ingest FOLDER, or {COMMANDS['/set'].usage}"
KEYS = "Enter sends, Alt+Enter (or Esc Enter) begins a new line, Tab completes, Ctrl-C stops an answer."


class Chat:
    """A conversation with one memory. `decider` opens what points at answers, `make` loads the engine.

    What answers the first question is made in a thread of its own once `run` has begun, else at the question; the
    engine where there is no pointer, or when free words are wanted.
    `create` makes the knowledge base before the first /set when there is none yet. `notes` is where waits are
    explained (None: nowhere). `history` is the file of typed lines (None: not kept).
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
    ) -> None:
        self.finder = finder
        self.memory = finder.memory
        self.options = options or Options()
        self.renderer = Renderer(console, reads)
        self.screen = self.renderer.screen
        self.conversation = Conversation()
        self.results: list[ReadResult | TextResult] = []
        self.names = Names()
        self.failure = 0
        """Exit code of the first error, 0 when there was none."""
        self._create = create
        self._engine: Loading[ReadFormat] = Loading(make, lambda format: format.engine.close())
        self._pointer: Loading[Decider | None] = Loading(lambda: self._pointing(decider))
        self._texts = Texts(finder.memory, finder.encoder)
        self._answerer: Answerer | None = None
        self._model = model
        self._notes = notes
        self._history = history
        self._last: str | None = None
        self._kept = False
        self._empty_interrupts = 0

    # -- lines in ---------------------------------------------------------------------------------------------

    def handle(self, line: str) -> bool:
        """Answer one question or carry out one command; False when the chat is to end. Errors are printed."""
        line = clean(line, lines=True).strip()
        if not line:
            return True
        try:
            with Interrupt() as interrupt:
                if not line.startswith("/"):
                    self._ask(line, interrupt)
                else:
                    return self._command(line, interrupt)
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

        session = self._session(input, output)
        if self.empty():
            self.screen.line((EMPTY, "dim"))
        going = True
        while going:
            self._refresh()
            try:
                with patch_stdout(raw=True):
                    line = session.prompt(pre_run=self._pointer.start)
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
        self._last, self._kept = question, False
        self.results = []
        if not self.memory.database.exists() or (self.options.style == "grounded" and self.empty()):
            greeting = small_talk(question)
            self.screen.line(*([f"{greeting} "] if greeting else []), EMPTY)
            self.screen.line()
            return
        with Waiting(self._notes, f"loading what answers{self.screen.marks.more}"):
            answerer = self._ready()
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
                    self._kept = self._kept or isinstance(event, Done)
            finally:
                events.close()  # type: ignore[attr-defined]  # a generator; an answer broken off is never recorded
        if self._kept:
            self.screen.line()
        else:
            self._stopped()

    def _ready(self) -> Answerer:
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

    # -- commands ---------------------------------------------------------------------------------------------

    def _command(self, line: str, interrupt: Interrupt) -> bool:
        name, _, rest = line.partition(" ")
        rest = rest.strip()
        if name in ("/quit", "/exit", "/q"):
            return False
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.4)
            hint = f"The nearest is {COMMANDS[near[0]].usage}" if near else "/help lists the commands"
            raise UsageError(f"There is no command {name}.", hint)
        if name == "/retry":
            self._retry(interrupt)
        else:
            getattr(self, f"_do_{name[1:]}")(rest)
        return True

    def _do_help(self, rest: str) -> None:
        width = max(len(c.usage) for c in COMMANDS.values())
        for command in COMMANDS.values():
            self.screen.line(f"{command.usage:<{width}}  ", (command.help, "dim"))
        self.screen.line((KEYS, "dim"))

    def _do_reads(self, rest: str) -> None:
        if rest not in ("", "on", "off"):
            raise UsageError(f"'{rest}' is neither on nor off.", "Write: /reads on, /reads off or just /reads")
        self.renderer.reads = rest == "on" if rest else not self.renderer.reads
        self.screen.line((f"reads are {'shown' if self.renderer.reads else 'hidden'}", "dim"))

    def _do_style(self, rest: str) -> None:
        if rest and rest not in STYLES:
            raise UsageError(f"There is no style '{rest}'.", "Write: /style grounded or /style free")
        self.options.style = rest or self.options.style
        self.screen.line((f"answers are {self.options.style}", "dim"))

    def _do_why(self, rest: str) -> None:
        if self._last is None:
            raise UsageError("Nothing has been asked yet.", "Ask something, then /why")
        if not self.results:
            self.screen.line(("Nothing was read for the last answer.", "dim"))
            return
        show_why(self.screen, self.results, self.memory.snapshot)

    def _do_set(self, rest: str) -> None:
        if not rest:
            raise UsageError("There is nothing to set.", f"Write: {COMMANDS['/set'].usage}")
        quotes = {'"': '"', "'": "'", "“": "”"}
        if len(rest) > 1 and quotes.get(rest[0]) == rest[-1]:
            rest = rest[1:-1]
        if split(rest) is None:
            triple, note = parse_statement(rest), ""
        else:
            triple, note = Editor(self._ready()).read(rest)
        if self._create is not None and not self.memory.database.exists():
            self._create()
        change = self.memory.set(triple, note=note)
        if change.before or change.after:
            self.screen.changes(change)
        else:
            self.screen.line(("The memory held that already; now you state it too.", "dim"))
        self.screen.line((f"operation {change.operation}; /undo takes it back", "dim"))

    def _do_undo(self, rest: str) -> None:
        if rest:
            raise UsageError("/undo takes the newest change back.", f"For another one: memllm undo {rest}")
        operation, change = self.memory.undo()
        self.screen.line((f"undone: operation {operation.id} ({operation.kind}) {one_line(operation.note)}", "dim"))
        self.screen.changes(change)
        if not change.before and not change.after:
            self.screen.line(("Nothing that reads see has changed.", "dim"))

    def _retry(self, interrupt: Interrupt) -> None:
        if self._last is None:
            raise UsageError("Nothing has been asked yet.", "Ask something first.")
        if self._kept:
            self.conversation.drop_last()
        self.options.seed += 1  # the same words would be drawn again otherwise
        self.screen.line((f"{self.screen.marks.prompt} {self._last}", "dim"))
        self._ask(self._last, interrupt)

    def _do_facts(self, rest: str) -> None:
        if not rest:
            raise UsageError("Facts about what?", f"Write: {COMMANDS['/facts'].usage}")
        snapshot = self.memory.snapshot
        ids = set(snapshot.called(rest))
        facts = [f for f in snapshot.facts() if f.key[0] in ids or f.key[2] in ids]
        if not facts:
            self.names.refresh(snapshot)
            near = self.names.containing(rest)[:3] or difflib.get_close_matches(rest, self.names.all()[:20000], n=3)
            raise NotFound(
                f"The memory holds nothing about '{rest}'.", f"Nearest: {', '.join(near)}" if near else "See: /help"
            )
        evidence = self.memory.evidence(facts[:MOST_FACTS])
        for fact in facts[:MOST_FACTS]:
            places = evidence[fact.key]
            where = places[0].place if places else "" if fact.person else "imported, without a document"
            where = "; ".join(w for w in ("stated by you" if fact.person else "", where) if w)
            line = f"   {self.screen.marks.dash} {one_line(where)}"
            self.screen.line(statement(snapshot.texts(fact)), (line, "dim"))
        if len(facts) > MOST_FACTS:
            self.screen.line((f"{self.screen.marks.more} and {len(facts) - MOST_FACTS} more", "dim"))

    # -- the line editor --------------------------------------------------------------------------------------

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
        parts = (self._model, f"{self.names.facts} facts", self.options.style, f"reads {reads}", "/help")
        return self.screen.fit(dot.join(one_line(p) for p in parts))

    def _session(self, input: Input | None, output: Output | None) -> PromptSession[str]:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.formatted_text import FormattedText
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
        from prompt_toolkit.styles import Style

        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if buffer.complete_state and (chosen := buffer.complete_state.current_completion):
                buffer.apply_completion(chosen)
            else:
                buffer.validate_and_handle()

        @keys.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            if event.current_buffer.text:
                event.current_buffer.reset()
            else:
                event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

        more = self.screen.fit(f"{self.memory.name} {self.screen.marks.prompt} ")
        return PromptSession(
            FormattedText([("bold", more)]),
            multiline=True,
            prompt_continuation=lambda width, number, wrapped: " " * width,
            history=_history(self._history),
            completer=ChatCompleter(self.names, {n: c.words for n, c in COMMANDS.items()}),
            complete_while_typing=True,
            key_bindings=keys,
            bottom_toolbar=self.toolbar,
            style=Style.from_dict({"bottom-toolbar": "noreverse dim"}),
            reserve_space_for_menu=5,
            input=input,
            output=output,
        )


def _history(path: Path | None) -> Any:
    """Lines typed before, in a file only the user may read; in memory when there is none or it cannot be written."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    if path is None:
        return InMemoryHistory()
    try:
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        path.chmod(0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
