"""The full screen of a review: the list, the sentence of the selected one, a line of what happened, and the keys.

Everything that comes from memory is cleaned on its way to the screen, and shown as data: nothing in it can style or
move what is there. Only rows that are visible are made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.data_structures import Point
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import (
    ConditionalContainer,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    UIContent,
    UIControl,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import TextArea

from memllm_cli.memory.history.facts import Fact
from memllm_cli.reviewing.fitting import cut, one_line, padded, passage, shrunk
from memllm_cli.reviewing.queue import Queue
from memllm_cli.serving.data import marked, names_of
from memllm_cli.terminal import count, sureness

Complete = Callable[[str, str], Sequence[str]]
"""Names to offer in a field (`subject`, `relation`, `object`) for what was typed."""

FIELDS = ("subject", "relation", "object")
KEYS = "? help  q quit  a accept  r reject  e correct  u undo  space mark  / filter"
EDIT_KEYS = "Enter states it in its place  Tab next field  Ctrl-U empties it  Esc leaves it"
FILTER_KEYS = "Enter keeps the filter  Esc shows all"
HELP = """\
j k or arrows  down, up
PageDown PageUp  a screen down, up
g G    first, last
a      accept: it becomes a fact
r      reject: it does not come back
e      correct: edit it, then Enter
u      undo the last of these
space  mark, or take the mark away
A R    accept, reject all marked
/      only what has these words
Esc    all again
q      quit; what was done is kept
Any key goes back to the list."""
STYLE = Style.from_dict(
    {
        "head": "bold",
        "selected": "reverse",
        "mark": "bold",
        "near": "dim",
        "name": "bold underline",
        "place": "dim",
        "keys": "dim",
        "completion-menu": "noinherit reverse",
        "completion-menu.completion.current": "noinherit bold underline",
    }
)
_PLACED = 60  # columns from which a row has room for its place, too


class _Names(Completer):
    """Completes the whole of a field."""

    def __init__(self, field: str, complete: Complete) -> None:
        self._field, self._complete = field, complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Names that begin with what was typed."""
        typed = document.text_before_cursor.lstrip()
        if len(typed) > 1:
            yield from (Completion(n, -len(typed)) for n in self._complete(self._field, typed) if n != typed)


class _List(UIControl):
    """The rows; each is made when it comes into sight."""

    def __init__(self, row: Callable[[int, int], StyleAndTextTuples], queue: Queue) -> None:
        self._row, self._queue = row, queue

    def create_content(self, width: int, height: int) -> UIContent:
        """All rows, none of them made yet."""
        rows = len(self._queue.rows)
        return UIContent(
            lambda i: self._row(i, width) if rows else [("", cut(self._nothing(), width))],
            max(1, rows),
            Point(0, self._queue.at),
            show_cursor=False,
        )

    def _nothing(self) -> str:
        if self._queue.words:
            return "Nothing has these words; / changes them."
        return "Nothing waits any more." if self._queue.proposed else "There are no facts."

    def is_focusable(self) -> bool:
        """It has the keys unless a field is edited."""
        return True


class ReviewScreen:
    """A review at a terminal."""

    def __init__(
        self, queue: Queue, complete: Complete, input: Input | None = None, output: Output | None = None
    ) -> None:
        self.queue = queue
        self._helping = False
        self._list = Window(_List(self._row, queue), wrap_lines=False)
        self._filter = TextArea(prompt="/", multiline=False, wrap_lines=False, height=1)
        self._filter.buffer.on_text_changed += lambda buffer: queue.filter(buffer.text)
        self._fields = [
            TextArea(
                prompt=f"{f:>8} ",
                multiline=False,
                wrap_lines=False,
                height=1,
                completer=_Names(f, complete),
                complete_while_typing=True,
            )
            for f in FIELDS
        ]
        helping = Condition(lambda: self._helping)
        self.editing = Condition(lambda: any(self.app.layout.has_focus(f) for f in self._fields))
        self.filtering = Condition(lambda: self.app.layout.has_focus(self._filter))
        detail = Window(FormattedTextControl(self._detail), wrap_lines=True, height=self._detail_height)
        body = HSplit(
            [
                self._line(self._head, "class:head"),
                ConditionalContainer(Window(FormattedTextControl(HELP), wrap_lines=True), helping),
                ConditionalContainer(self._list, ~helping),
                ConditionalContainer(detail, ~helping),
                ConditionalContainer(HSplit(self._fields), self.editing),
                ConditionalContainer(self._filter, self.filtering),
                self._line(lambda: one_line(queue.said)),
                self._line(self._keys, "class:keys"),
            ]
        )
        menu = Float(CompletionsMenu(max_height=6), xcursor=True, ycursor=True)
        self.app: Application[bool] = Application(
            layout=Layout(FloatContainer(body, [menu]), focused_element=self._list),
            key_bindings=self._bindings(), style=STYLE, full_screen=True, input=input, output=output,
        )  # fmt: skip
        self.app.ttimeoutlen = 0.05  # Esc alone takes effect at once

    def run(self) -> bool:
        """Show it until the person leaves; False when that was with Ctrl-C."""
        return self.app.run()

    # -- what is shown ----------------------------------------------------------------------------------------------

    def _size(self) -> tuple[int, int]:
        size = self.app.output.get_size()
        return size.columns, size.rows

    def _line(self, text: Callable[[], str], style: str = "") -> Window:
        return Window(FormattedTextControl(lambda: [("", cut(text(), self._size()[0]))]), height=1, style=style)

    def _detail_height(self) -> Dimension:
        return Dimension.exact(max(3, min(9, self._size()[1] // 3)))

    def _head(self) -> str:
        queue = self.queue
        noun = "proposal" if queue.proposed else "fact"
        parts = [f"{queue.at + 1 if queue.rows else 0}/{len(queue.rows)}", count(queue.total, noun)]
        parts += [f"filter: {one_line(queue.words)}"] if queue.words.strip() else []
        parts += [f"{len(queue.marked)} marked"] if queue.marked else []
        done = queue.summary()
        return "  ".join(parts + ([done] if done else []))

    def _keys(self) -> str:
        return EDIT_KEYS if self.editing() else FILTER_KEYS if self.filtering() else KEYS

    def _row(self, number: int, width: int) -> StyleAndTextTuples:
        """One line of the list: whether selected and marked, how sure, the fact, and where it stands."""
        queue = self.queue
        fact = queue.rows[number]
        selected = number == queue.at
        sure = "you " if fact.person else "-   " if fact.probability is None else f"{fact.probability:.2f}"
        front = f"{'>' if selected else ' '}{'*' if fact.key in queue.marked else ' '}{sure} "
        room = width - len(front)
        place = ""
        if width >= _PLACED:
            found = queue.found(fact)
            place = one_line(found.places[0].place if found and found.places else queue.document(fact))
            place = cut(place, width // 4)
        parts = shrunk([one_line(t) for t in queue.texts(fact)], room - 8 - (width // 4 + 2 if place else 0))
        text = padded(" >> ".join(parts), room - (width // 4 + 2 if place else 0))
        style = "class:selected" if selected else ""
        tail = f"  {padded(place, width // 4)}" if place else ""
        return [(style, front + text), (style if selected else "class:place", tail)]

    def _detail(self) -> StyleAndTextTuples:
        """The selected one whole, how sure and where, and its sentence among its neighbours."""
        fact = self.queue.selected
        if fact is None:
            return []
        width, height = self._size()[0], int(self._detail_height().preferred)
        found = self.queue.found(fact)
        snapshot = self.queue.snapshot
        title = shrunk([one_line(t) for t in self.queue.texts(fact)], 2 * width - 10)
        out: StyleAndTextTuples = [("class:head", " >> ".join(title)), ("", "\n")]
        sure = self._sure(fact)
        if found is None or not found.places:
            said = snapshot.made_by(fact.newest)
            who = "stated by you" if fact.person else f"{said.kind} {said.note}"
            where = "its sentence cannot be looked up now" if found is None else who
            return [*out, ("class:place", one_line(f"{where}  {sure}"))]
        place = found.places[0]
        block = f", {place.block.said}" if place.block is not None and place.block.said else ""
        more = f" +{len(found.places) - 1}" if len(found.places) > 1 else ""
        where = cut(one_line(f"{place.place}{block}{more}  {sure}"), 2 * width if height > 6 else width)
        out += [("class:place", where), ("", "\n")]
        sentence = one_line(place.said)
        spans = marked(sentence, [one_line(n) for n in (*names_of(snapshot, fact), *_called(fact))])
        lines = height - 2 - len(" >> ".join(title)) // width - len(where) // width
        sides = ("", "") if place.said != place.sentence else (one_line(found.before), one_line(found.after))
        shown = passage(sides[0], sentence, sides[1], spans, max(1, lines) * width - 2)
        return [*out, *((f"class:{kind}" if kind != "said" else "", text) for kind, text in shown)]

    def _sure(self, fact: Fact) -> str:
        if fact.person or fact.probability is None:
            return ""
        return sureness(fact.probability, self.queue.snapshot.made_by(fact.newest).format)

    # -- keys -------------------------------------------------------------------------------------------------------

    def _bindings(self) -> KeyBindings:
        keys = KeyBindings()
        queue = self.queue
        helping = Condition(lambda: self._helping)
        listing = Condition(lambda: self.app.layout.has_focus(self._list)) & ~helping

        def on(*names: str, when: Any = listing) -> Callable[[Callable[[KeyPressEvent], object]], None]:
            def bind(action: Callable[[KeyPressEvent], object]) -> None:
                def pressed(event: KeyPressEvent) -> None:
                    action(event)

                for name in names:
                    keys.add(name, filter=when, eager=True)(pressed)

            return bind

        def do(action: Callable[[], object]) -> Callable[[KeyPressEvent], object]:
            return lambda event: action()

        on("<any>", when=helping)(do(lambda: setattr(self, "_helping", False)))
        on("?")(do(lambda: setattr(self, "_helping", True)))
        on("j", "down")(do(lambda: queue.move(1)))
        on("k", "up")(do(lambda: queue.move(-1)))
        on("pagedown", "c-f")(do(lambda: queue.move(self._page())))
        on("pageup", "c-b")(do(lambda: queue.move(-self._page())))
        on("g", "home")(do(lambda: queue.go(0)))
        on("G", "end")(do(lambda: queue.go(len(queue.rows))))
        on("space")(do(queue.mark))
        on("a")(do(queue.accept))
        on("r")(do(queue.reject))
        on("A")(do(queue.accept_marked))
        on("R")(do(queue.reject_marked))
        on("u")(do(queue.undo))
        on("e")(do(self._edit))
        on("/")(do(lambda: self.app.layout.focus(self._filter)))
        on("escape")(do(self._unfilter))
        on("q")(lambda event: event.app.exit(result=True))
        on("c-c", "<sigint>", when=True)(lambda event: event.app.exit(result=False))

        on("enter", when=self.filtering)(do(self._back))
        on("escape", when=self.filtering)(do(self._unfilter))
        on("tab", when=self.editing)(do(self._to_field(1)))
        on("s-tab", when=self.editing)(do(self._to_field(-1)))
        on("escape", when=self.editing)(do(self._back))
        on("enter", when=self.editing)(do(self._enter))
        return keys

    def _to_field(self, by: int) -> Callable[[], None]:
        def focus() -> None:
            at = next(i for i, f in enumerate(self._fields) if self.app.layout.has_focus(f))
            self.app.layout.focus(self._fields[(at + by) % len(self._fields)])

        return focus

    def _page(self) -> int:
        info = self._list.render_info
        return max(1, info.window_height - 1) if info is not None else 10

    def _back(self) -> None:
        self.app.layout.focus(self._list)

    def _unfilter(self) -> None:
        self._filter.text = ""
        self._back()

    def _edit(self) -> None:
        fact = self.queue.selected
        if fact is None:
            return
        for field, text in zip(self._fields, self.queue.texts(fact), strict=True):
            shown = one_line(text)
            field.buffer.set_document(Document(shown, len(shown)), bypass_readonly=True)
        self.queue.said = ""
        self.app.layout.focus(self._fields[0])

    def _enter(self) -> None:
        buffer = self.app.current_buffer
        if buffer.complete_state is not None and (chosen := buffer.complete_state.current_completion):
            buffer.apply_completion(chosen)
            return
        if self.queue.correct(*(f.text for f in self._fields)):
            self._back()


def _called(fact: Fact) -> list[str]:
    """What the sentence calls the subject where it does not name it: "It", "the Company"."""
    said = json.loads(fact.newest.qualifiers)
    words = said.get("words") if isinstance(said, dict) else None
    return [str(words)] if words else []
