"""Every way to write, on the same documents in one run: what it finds, and how fast beside the model alone.

`python -m benchmarks.writing dev.json [--limit 20] [--ways free,draft]` prints one line a way. The documents are those
of Re-DocRED that are kept for reports; with all 100 of them it takes some hours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from typing import Any

from benchmarks.common import MEMLLM, ROOT

WAYS = {
    "free": ("the stock model with examples in its prompt, no drafts", []),
    "prompted": ("the same choosing among the drafts", []),
    "unbound": ("the adapter, nothing to keep it to the text", []),
    "alone": ("the adapter under the span constraint", []),
    "both": ("the adapter choosing among the drafts", []),
    "both q4_0": ("the same, Q4_0", ["--build", "q4_0"]),
    "both q4_k_m": ("the same, Q4_K_M", ["--build", "q4_k_m"]),
    "checked": ("the drafter and the adapter's word on its facts", []),
    "draft": ("the drafter alone", []),
}
FREELY = "alone"
"""What the speeds are compared with: the trained model writing without drafts."""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writing", description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--ways", default=",".join(WAYS))
    arguments = parser.parse_args()
    print(f"{'':12} {'P':>5} {'R':>5} {'F1':>5} {'macro':>5} {'malf.':>5} {'tri/d':>6} {'doc/min':>8}", flush=True)
    speeds: dict[str, float] = {}
    for name in arguments.ways.split(","):
        about, options = WAYS[name]
        f = figures(arguments.data, name.split()[0], arguments.limit, options)
        speeds[name] = f["documents_per_minute"]
        print(
            f"{name:12} {f['precision']:5} {f['recall']:5} {f['f1']:5} {f['macro_f1']:5} {f['malformed']:5} "
            f"{f['triples_per_document']:6} {speeds[name]:8}  {about}",
            flush=True,
        )
    if FREELY in speeds:
        print(f"documents a minute against `{FREELY}`:", end="")
        print(", ".join(f" {name} {speed / speeds[FREELY]:.1f}" for name, speed in speeds.items() if name != FREELY))


def figures(data: str, writer: str, limit: int, options: list[str]) -> dict[str, Any]:
    """What `memllm eval write` says."""
    command = [*MEMLLM, "--home", str(ROOT), "--json", "eval", "write", data, "--writer", writer, *options]
    done = subprocess.run([*command, "--limit", str(limit)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)["data"]
    return found


if __name__ == "__main__":
    main()
