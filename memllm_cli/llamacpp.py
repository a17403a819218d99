"""llama.cpp's bindings, set up once, for the language models and the encoders that are loaded with them."""

from __future__ import annotations

import ctypes
import logging
import os
from pathlib import Path
from typing import Any

from memllm_cli.errors import ModelMissing

_log = logging.getLogger("memllm.llama")
_callback: Any = None  # llama.cpp keeps a bare pointer to it: it must live as long as the process


def library() -> Any:
    """The bindings, with llama.cpp's own output sent to the log."""
    # Between any two steps llama.cpp's threads wait for each other by spinning. When another program needs one of
    # the cores, the spinning takes the time that the awaited thread would need: on two cores 1 token a second
    # instead of 100. A short spin costs 6 % on an idle machine and leaves 25. Read when the library is loaded.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import llama_cpp

    global _callback
    if _callback is None:

        def forward(level: int, text: bytes, data: Any) -> None:
            if _log.isEnabledFor(logging.DEBUG):
                line = text.decode("utf-8", "replace").strip()
                if line:  # names and metadata come from the file: nothing unprintable goes to the log
                    _log.debug("%s", "".join(c if c.isprintable() else "?" for c in line))

        _callback = llama_cpp.llama_log_callback(forward)
        llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
    return llama_cpp


def free(llama: Any, context: Any, model: Any, batch: Any) -> None:
    """Give back what was loaded; None stands for what was not."""
    if batch is not None:
        llama.llama_batch_free(batch)
    if context is not None:
        llama.llama_free(context)
    llama.llama_model_free(model)


def require_gguf(path: Path, what: str, hint: str) -> None:
    """Raise ModelMissing unless `path` is a file that begins like a GGUF; `what` names it (`model`, `encoder`)."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise ModelMissing(f"there is no {what} file {path}", hint) from None
    except OSError as error:
        raise ModelMissing(f"cannot read the {what} file {path}: {error.strerror}", hint) from error
    if magic != b"GGUF":
        raise ModelMissing(f"{path} is not a GGUF {what}", hint)


def default_threads() -> int:
    """Threads to compute with: every core of a small machine, half the hardware threads of a larger one.

    Two threads on one core share the arithmetic units that the work waits for.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return count if count <= 4 else max(4, count // 2)
