"""`memllm` with an engine that plays a script and an encoder without a file: for doors in processes of their own."""

from __future__ import annotations

import sys

from memllm_cli.app import App
from memllm_cli.cli import main
from memllm_cli.engine.scripted import ScriptedEngine
from tests.letters import Letters


def app() -> App:
    return App(make_engine=lambda sequences, context: ScriptedEngine(lambda text: ""), make_encoder=Letters)


if __name__ == "__main__":
    main.run(sys.argv[1:], app())
