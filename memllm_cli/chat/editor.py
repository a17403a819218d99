"""The line editor of the chat: several lines, completion, history with search, the keys of emacs or vi."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

KEYS = (
    "Enter sends, Alt+Enter (or Esc Enter) begins a new line, Tab completes, Ctrl-R searches what was typed before, "
    "Ctrl-C stops an answer."
)


class LineEditor:
    """Reads lines from a person. `fit` makes text printable; `toolbar` stands under the prompt.

    `history` is the file of typed lines (None: not kept). With `vi` the keys are those of vi.
    """

    def __init__(
        self,
        fit: Callable[[str], str],
        prompt: str,
        completer: Completer,
        toolbar: Callable[[], str],
        history: Path | None = None,
        vi: bool = False,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.formatted_text import FormattedText
        from prompt_toolkit.styles import Style

        self._fit, self._input, self._output = fit, input, output
        self._session: PromptSession[str] = PromptSession(
            FormattedText([("bold", fit(prompt))]),
            multiline=True,
            vi_mode=vi,
            prompt_continuation=lambda width, number, wrapped: " " * width,
            history=_history(history),
            completer=completer,
            complete_while_typing=True,
            key_bindings=self._bindings(),
            bottom_toolbar=toolbar,
            style=Style.from_dict({"bottom-toolbar": "noreverse dim"}),
            reserve_space_for_menu=5,
            input=input,
            output=output,
        )

    def line(self, begun: Callable[[], None]) -> str:
        """What the person typed; `begun` is called when the prompt is there. Raises KeyboardInterrupt, EOFError."""
        return self._session.prompt(pre_run=begun)

    def use(self, vi: bool) -> None:
        """The keys of vi, or of emacs."""
        from prompt_toolkit.enums import EditingMode

        self._session.editing_mode = EditingMode.VI if vi else EditingMode.EMACS

    def key(self, count: int) -> str:
        """One key: `y` to keep all, a number up to `count` (9 at most) to keep one; "" for any other."""
        from prompt_toolkit import PromptSession
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
        from prompt_toolkit.keys import Keys

        keys = KeyBindings()

        def pressed(event: KeyPressEvent) -> None:
            event.app.exit(result=event.key_sequence[-1].data)

        keys.add(Keys.Any)(pressed)
        for name in ("enter", "c-c", "c-d"):
            keys.add(name)(pressed)
        keys.add("escape", eager=True)(pressed)
        what = f"y keeps them, 1 to {min(count, 9)} one of them" if count > 1 else "y keeps it"
        session: PromptSession[str] = PromptSession(input=self._input, output=self._output, key_bindings=keys)
        answer = session.prompt(self._fit(f"  {what}, any other key nothing: "))
        return answer if answer == "y" or (answer in "123456789" and int(answer or 0) in range(1, count + 1)) else ""

    def _bindings(self) -> Any:
        from prompt_toolkit.filters import is_searching
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

        keys = KeyBindings()

        @keys.add("enter", filter=~is_searching)
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if buffer.complete_state and (chosen := buffer.complete_state.current_completion):
                buffer.apply_completion(chosen)
            else:
                buffer.validate_and_handle()

        @keys.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c", filter=~is_searching)
        def _(event: KeyPressEvent) -> None:
            if event.current_buffer.text:
                event.current_buffer.reset()
            else:
                event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

        return keys


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
