"""What a person can tell the chat, beside questions: the commands that begin with a slash."""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from memllm_cli.answering.edits import Editor, split
from memllm_cli.chat.editor import KEYS, LineEditor
from memllm_cli.chat.screen import one_line, statement
from memllm_cli.chat.why import show_source, show_text, show_why
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.edit.memory import ImportRow, Memory
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.search.texts import confined_to
from memllm_cli.memory.views.query import facts_of
from memllm_cli.protocol import parse_statement
from memllm_cli.reading.events import Source
from memllm_cli.terminal import count

if TYPE_CHECKING:
    from memllm_cli.answering.answer import Answerer
    from memllm_cli.answering.options import Options
    from memllm_cli.chat.completion import Names
    from memllm_cli.chat.render import Renderer
    from memllm_cli.chat.screen import Screen
    from memllm_cli.chat.stating import Stating
    from memllm_cli.reading.events import Done, ReadResult, TextResult

MOST_FACTS = 40
"""Lines of /facts and /sources."""
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
    "/why": Command("/why [N]", "where the last answer came from, or what is numbered N under it"),
    "/sources": Command("/sources", "the documents in use, and how many facts rest on each"),
    "/in": Command("/in [DOCUMENT|FOLDER]", "answer from these alone; without a name, from all again"),
    "/without": Command("/without FACT|DOCUMENT", "the last answer as it would be without it; nothing is changed"),
    "/accept": Command(
        '/accept [N] ["X >> relation >> Y"]', "make the last answer a fact, with the sentence numbered N; in your words"
    ),
    "/set": Command('/set "X >> relation >> Y"', "state a fact; what it contradicts is retracted"),
    "/keep": Command("/keep [N]", "keep what you said of yourself, or the part that is numbered N"),
    "/me": Command("/me [NAME]", "the name under which it is kept"),
    "/forget": Command('/forget "X >> relation >> Y"', "retract a fact for good; /undo brings it back"),
    "/undo": Command("/undo", "take the newest change to the memory back"),
    "/retry": Command("/retry", "ask the last question again, and say what has changed"),
    "/facts": Command("/facts NAME", "what the memory holds about a name"),
    "/keys": Command("/keys vi|emacs", "the keys of the line editor", ("vi", "emacs")),
    "/quit": Command("/quit", "leave (also Ctrl-D)"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of themselves last, and the facts in it that wait for being kept."""

    line: str = ""
    rows: Sequence[ImportRow] = ()


class Talk(Protocol):
    """What commands need of the chat they belong to."""

    memory: Memory
    options: Options
    renderer: Renderer
    screen: Screen
    names: Names
    results: list[ReadResult | TextResult]
    last: str | None
    answer: Done | None
    said: Said
    within: str
    editor: LineEditor | None
    stating: Stating
    create: Callable[[], object] | None
    keep: Callable[[str, str], object]

    def ready(self) -> Answerer:
        """What answers."""
        ...

    def ask_in(self, memory: Memory) -> None:
        """Answer the last question from another memory."""
        ...


class Commands:
    """The commands of one chat. Each prints what came of it; errors are raised."""

    def __init__(self, chat: Talk) -> None:
        self.chat = chat
        self.screen = chat.screen

    def run(self, line: str) -> bool:
        """Carry out one command; False when the chat is to end. `/retry` is the chat's own."""
        name, _, rest = line.partition(" ")
        if name in ("/quit", "/exit", "/q"):
            return False
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.4)
            hint = f"The nearest is {COMMANDS[near[0]].usage}" if near else "/help lists the commands"
            raise UsageError(f"There is no command {name}.", hint)
        do: Callable[[str], None] = getattr(self, f"_do_{name[1:]}")
        do(rest.strip())
        return True

    def _do_help(self, rest: str) -> None:
        width = max(len(c.usage) for c in COMMANDS.values())
        for command in COMMANDS.values():
            self.screen.line(f"{command.usage:<{width}}  ", (command.help, "dim"))
        self.screen.line((KEYS, "dim"))

    def _do_reads(self, rest: str) -> None:
        if rest not in ("", "on", "off"):
            raise UsageError(f"'{rest}' is neither on nor off.", "Write: /reads on, /reads off or just /reads")
        self.chat.renderer.reads = rest == "on" if rest else not self.chat.renderer.reads
        self.screen.line((f"reads are {'shown' if self.chat.renderer.reads else 'hidden'}", "dim"))

    def _do_style(self, rest: str) -> None:
        if rest and rest not in STYLES:
            raise UsageError(f"There is no style '{rest}'.", "Write: /style grounded or /style free")
        self.chat.options.style = rest or self.chat.options.style
        self.screen.line((f"answers are {self.chat.options.style}", "dim"))

    def _do_keys(self, rest: str) -> None:
        if rest not in ("vi", "emacs"):
            raise UsageError("Which keys?", f"Write: {COMMANDS['/keys'].usage}")
        if self.chat.editor is not None:
            self.chat.editor.use(rest == "vi")
        self.chat.keep("keys", rest)
        self.screen.line((f"keys are those of {rest}", "dim"))

    def _do_why(self, rest: str) -> None:
        if self.chat.last is None:
            raise UsageError("Nothing has been asked yet.", "Ask something, then /why")
        if rest:
            shown = self._numbered(rest)
            if isinstance(shown, Source):
                show_source(self.screen, shown, self.chat.memory.snapshot)
            else:
                show_text(self.screen, shown, self.chat.memory.snapshot)
        elif not self.chat.results:
            self.screen.line(("Nothing was read for the last answer.", "dim"))
        else:
            show_why(self.screen, self.chat.results, self.chat.memory.snapshot)

    def _numbered(self, text: str) -> Source | Evidence:
        """What stands under the last answer with a number."""
        shown = self.chat.renderer.numbered
        if not text.isdecimal() or not 1 <= int(text) <= len(shown):
            numbers = f"from 1 to {len(shown)}" if shown else "none"
            raise NotFound(f"Nothing under the last answer has the number {text}.", f"There are {numbers}.")
        return shown[int(text) - 1]

    def _do_sources(self, rest: str) -> None:
        snapshot = self.chat.memory.snapshot
        within = self.chat.options.within
        documents = [d for d in snapshot.documents() if within is None or d.id in within]
        if not documents:
            raise NotFound("No documents are in use.", "Read some: memllm ingest FOLDER")
        facts: dict[str, int] = {}
        for fact in snapshot.facts():
            for source in {a.source for a in fact.supports if a.source}:
                facts[source] = facts.get(source, 0) + 1
        for document in documents[:MOST_FACTS]:
            where = f"   {self.screen.marks.dash} {count(facts.get(document.uri, 0), 'fact')}"
            self.screen.line(one_line(document.title), (f"{where}, {one_line(document.uri)}", "dim"))
        if len(documents) > MOST_FACTS:
            self.screen.line((f"{self.screen.marks.more} and {len(documents) - MOST_FACTS} more", "dim"))

    def _do_in(self, rest: str) -> None:
        found = confined_to(self.chat.memory.snapshot, [rest] if rest else [])
        self.chat.options.within, self.chat.within = found, one_line(rest)
        said = (
            f"answers come from {count(len(found), 'document')} alone" if found else "answers come from all documents"
        )
        self.screen.line((said, "dim"))

    def _do_forget(self, rest: str) -> None:
        keys = [f.key for f in self._facts(rest, "/forget")]
        change = self.chat.memory.remove(keys)
        self.screen.changes(change)
        self.screen.line((f"operation {change.operation}; /undo takes it back", "dim"))

    def _facts(self, text: str, command: str) -> list[Fact]:
        """The facts that a statement means. Raises where there are none."""
        if not text:
            raise UsageError("Which fact?", f"Write: {COMMANDS[command].usage}")
        found = facts_of(self.chat.memory.snapshot, _bare(text))
        if not found:
            raise NotFound(f"No fact is '{one_line(text)}'.", "See: /facts NAME")
        return found

    def _do_without(self, rest: str) -> None:
        if self.chat.last is None:
            raise UsageError("Nothing has been asked yet.", "Ask something, then /without")
        if not rest:
            raise UsageError("Without what?", f"Write: {COMMANDS['/without'].usage}")
        keys = [f.key for f in self._facts(rest, "/without")] if ">>" in rest else []
        snapshot = self.chat.memory.snapshot
        documents = set() if keys else confined_to(snapshot, [rest]) or set()
        with tempfile.TemporaryDirectory(prefix="memllm-") as folder:
            # A copy, in which it can really be gone: everything that answers does then what it does elsewhere.
            place = Path(folder) / self.chat.memory.name
            shutil.copytree(self.chat.memory.database.folder, place, ignore=shutil.ignore_patterns("lock"))
            other = Memory(place)
            if keys:
                other.remove(keys)
            for document in snapshot.documents():
                if document.id in documents:
                    other.forget(document.uri)
            self.screen.line((f"without {one_line(_bare(rest))}:", "dim"))
            self.chat.ask_in(other)

    def _do_accept(self, rest: str) -> None:
        answer = self.chat.answer
        if self.chat.last is None or answer is None or answer.outcome != "text" or not answer.value:
            raise UsageError("The last answer is none from a text.", "What facts say is a fact already.")
        number, _, own = rest.partition(" ") if rest[:1].isdecimal() else ("", "", rest)
        place = self._numbered(number or "1")
        if isinstance(place, Source):
            raise UsageError("That is a fact already.", "Name the number of a sentence.")
        if own:
            triple = parse_statement(_bare(own.strip()))
        else:
            stated = self.chat.stating.stated(place.said, place.title, answer.value)
            if stated is None:
                raise NotFound("No fact with that answer was found in the sentence.", COMMANDS["/accept"].usage)
            triple = stated
        row = ImportRow(triple, document=place.uri, sentence=place.sentence, own=True)
        change = self.chat.memory.import_facts([row], f"accepted: {one_line(self.chat.last)}", person=True)
        self.screen.changes(change)
        self.screen.line((f"operation {change.operation}; /undo takes it back", "dim"))

    def _do_set(self, rest: str) -> None:
        if not rest:
            raise UsageError("There is nothing to set.", f"Write: {COMMANDS['/set'].usage}")
        rest = _bare(rest)
        if split(rest) is None:
            triple, note = parse_statement(rest), ""
        else:
            triple, note = Editor(self.chat.ready()).read(rest)
        if self.chat.create is not None and not self.chat.memory.database.exists():
            self.chat.create()
        change = self.chat.memory.set(triple, note=note)
        if change.before or change.after:
            self.screen.changes(change)
        else:
            self.screen.line(("The memory held that already; now you state it too.", "dim"))
        self.screen.line((f"operation {change.operation}; /undo takes it back", "dim"))

    def _do_keep(self, rest: str) -> None:
        line, rows = self.chat.said.line, self.chat.said.rows
        if not rows:
            raise UsageError("Nothing is waiting to be kept.", "Say something of yourself: I moved to Lyon in May.")
        if rest and (not rest.isdecimal() or not 1 <= int(rest) <= len(rows)):
            raise NotFound(f"Nothing that you said has the number {one_line(rest)}.", f"From 1 to {len(rows)}.")
        kept = [rows[int(rest) - 1]] if rest else list(rows)
        if self.chat.create is not None and not self.chat.memory.database.exists():
            self.chat.create()
        change = self.chat.memory.import_facts(kept, f"said: {one_line(line)}", person=True)
        self.chat.said = Said(line, [r for r in rows if r not in kept])
        self.screen.changes(change)
        self.screen.line((f"operation {change.operation}; /undo takes it back", "dim"))

    def _do_me(self, rest: str) -> None:
        if rest:
            parse_statement(f"{rest} >> is >> me")
            self.chat.stating.person = self.chat.options.person = rest
            self.chat.keep("person", rest)
        self.screen.line((f"what you say of yourself is kept as {one_line(self.chat.stating.person)}", "dim"))

    def _do_undo(self, rest: str) -> None:
        if rest:
            raise UsageError("/undo takes the newest change back.", f"For another one: memllm undo {rest}")
        operation, change = self.chat.memory.undo()
        self.screen.line((f"undone: operation {operation.id} ({operation.kind}) {one_line(operation.note)}", "dim"))
        self.screen.changes(change)
        if not change.before and not change.after:
            self.screen.line(("Nothing that reads see has changed.", "dim"))

    def _do_facts(self, rest: str) -> None:
        if not rest:
            raise UsageError("Facts about what?", f"Write: {COMMANDS['/facts'].usage}")
        snapshot = self.chat.memory.snapshot
        ids = set(snapshot.called(rest))
        facts = [f for f in snapshot.facts() if f.key[0] in ids or f.key[2] in ids]
        if not facts:
            self.chat.names.refresh(snapshot)
            near = self.chat.names.containing(rest)[:3] or difflib.get_close_matches(
                rest, self.chat.names.all()[:20000], n=3
            )
            raise NotFound(
                f"The memory holds nothing about '{rest}'.", f"Nearest: {', '.join(near)}" if near else "See: /help"
            )
        evidence = self.chat.memory.evidence(facts[:MOST_FACTS])
        for fact in facts[:MOST_FACTS]:
            places = evidence[fact.key]
            where = places[0].place if places else "" if fact.person else "imported, without a document"
            where = "; ".join(w for w in ("stated by you" if fact.person else "", where) if w)
            line = f"   {self.screen.marks.dash} {one_line(where)}"
            self.screen.line(statement(snapshot.texts(fact)), (line, "dim"))
        if len(facts) > MOST_FACTS:
            self.screen.line((f"{self.screen.marks.more} and {len(facts) - MOST_FACTS} more", "dim"))


def _bare(text: str) -> str:
    """A statement without the quotes that a shell would want."""
    quotes = {'"': '"', "'": "'", "“": "”"}
    return text[1:-1] if len(text) > 1 and quotes.get(text[0]) == text[-1] else text
