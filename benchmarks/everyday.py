"""Everyday prompts: what the program replies with an empty memory, beside the stock model's own reply.

`python -m benchmarks.everyday > docs/everyday.md`: twenty of the prompts of `memllm eval chat`, evenly spaced, both
without chance, 64 tokens at most.
"""

from __future__ import annotations

from benchmarks.common import ROOT
from memllm_cli.answering.answer import Answerer
from memllm_cli.answering.options import Options
from memllm_cli.app import App
from memllm_cli.evaluation import everyday
from memllm_cli.evaluation.ask import said
from memllm_cli.memory.search.find import Finder
from memllm_cli.prompts import Message
from memllm_cli.reading.events import Done

COUNT, LONGEST = 20, 64
HEAD = f"""# Everyday prompts

What the model says with the adapter merged in (as `memllm chat` does where nothing is asked of memory), beside the
untouched model. Twenty of the prompts of `memllm eval chat`, evenly spaced; nothing left to chance, {LONGEST} tokens at
most. Made by `python -m benchmarks.everyday`. Neither reply has been checked for truth: a model of this size makes
things up, and what it says without memory is marked as such in a conversation.
"""


def main() -> None:
    """Entry point."""
    state = App(home_option=ROOT)
    prompts = everyday.prompts()
    prompts = prompts[:: len(prompts) // COUNT][:COUNT]
    stock = state.open_engine(state.catalog().default)
    untouched = [said(stock, [Message("user", prompt)], LONGEST) for prompt in prompts]
    stock.close()
    format = state.reader()
    engine = format.engine
    options = Options(temperature=0, most_tokens=LONGEST)
    print(HEAD)
    with state.scratch() as memory:
        answerer = Answerer(engine, Finder(memory, state.open_encoder), options, format)
        for prompt, other in zip(prompts, untouched, strict=True):
            done = next(e for e in answerer.ask(prompt) if isinstance(e, Done))
            print(f"## {prompt}\n\n**memllm**{' (a read was opened)' if done.reads else ''}\n\n{quoted(done.answer)}\n")
            print(f"**stock**\n\n{quoted(other)}\n")
    engine.close()


def quoted(text: str) -> str:
    """A reply as a quotation of Markdown."""
    return "\n".join(f"> {line}".rstrip() for line in (text or "(nothing)").splitlines())


if __name__ == "__main__":
    main()
