"""What the machine offers to a model: memory, cores, and whether llama.cpp can hand layers to a GPU."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from memllm_cli.models.entry import Entry

SPARE = 1.5
"""Gigabytes of memory left to everything else."""
ROOM = 1.35
"""A model in use takes so many times its file: the context and what is computed come on top."""
QUICK = 1_000_000_000
"""Parameters up to which a model answers within some seconds on a few cores; with a GPU size matters less."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Gigabytes of memory in all and free (0: not known), cores, and the kind of GPU that llama.cpp was built for."""

    total: float
    free: float
    cores: int
    gpu: str

    def holds(self, entry: Entry) -> bool:
        """Whether a model fits into the memory."""
        return not self.total or entry.size * ROOM / 1e9 <= self.total - SPARE


def machine() -> Machine:
    """The machine we are on."""
    from memllm_cli.llamacpp import library

    gpu = ""
    if library().llama_supports_gpu_offload():
        gpu = "Metal" if sys.platform == "darwin" else "GPU"
    total, free = _memory()
    return Machine(total, free, os.cpu_count() or 1, gpu)


def recommended(entries: list[Entry], on: Machine) -> Entry | None:
    """The largest language model that fits and answers without long waits; None when none fits."""
    fitting = [e for e in entries if e.task == "generate" and on.holds(e)]
    if not on.gpu and any(e.parameters <= QUICK for e in fitting):
        fitting = [e for e in fitting if e.parameters <= QUICK]
    return max(fitting, key=lambda e: (bool(e.sha256), e.parameters), default=None)


def _memory() -> tuple[float, float]:
    """Gigabytes in all and free; 0 where the system does not say."""
    if sys.platform == "win32":
        return _windows()
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total = page * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (ValueError, OSError):
        return 0.0, 0.0
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
        return total, int(lines["MemAvailable"].split()[0]) / 1e6
    except (OSError, KeyError, ValueError):
        return total, 0.0


def _windows() -> tuple[float, float]:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong), ("load", ctypes.c_ulong), ("total", ctypes.c_ulonglong),
            ("free", ctypes.c_ulonglong), *((f"other{i}", ctypes.c_ulonglong) for i in range(5)),
        )  # fmt: skip

    status = Status(length=ctypes.sizeof(Status))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009
    return (status.total / 1e9, status.free / 1e9) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else (0.0, 0.0)
