"""Writing a GGUF with its weights in another format, by llama.cpp."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

from memllm_cli.errors import ModelMissing, StorageError, UsageError
from memllm_cli.files import whole
from memllm_cli.llamacpp import default_threads, library, require_gguf

_KINDS = ["f16", "q8_0", "q6_k", "q5_k_m", "q5_1", "q5_0", "q4_k_m", "q4_k_s", "q4_1", "q4_0", "q3_k_m", "q2_k"]
_HINT = "see `memllm model list`; `memllm model pull NAME` gets a model"


def quantise(source: Path, target: Path, kind: str) -> None:
    """Write `source`, a GGUF, to `target` with its weights in another format (`q4_0`, `q8_0`, `q4_k_m` ...).

    Weights that are quantised already are quantised again. `target` appears complete or not at all. Raises
    UsageError for an unknown kind, ModelMissing when `source` cannot be read, StorageError when the disk refuses.
    """
    if kind.lower() not in _KINDS:
        raise UsageError(f"unknown quantisation {kind!r}", f"one of: {', '.join(_KINDS)}")
    require_gguf(source, "model", _HINT)
    llama = library()
    params = llama.llama_model_quantize_default_params()
    params.nthread = default_threads()
    params.ftype = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{kind.upper()}")
    params.allow_requantize = True
    try:
        with whole(target) as part:
            code = llama.llama_model_quantize(os.fsencode(source), os.fsencode(part), ctypes.byref(params))
            if code != 0:
                # llama.cpp tells only its log why: a damaged source and a full disk look the same from here
                if shutil.disk_usage(target.parent).free < source.stat().st_size:
                    raise StorageError(f"no room for {target}", "free some space and run the command again")
                raise ModelMissing(f"cannot quantise {source}", "`memllm model pull NAME` gets the model again")
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}", "check space and permissions") from error
