"""Whether what is in memory is found: facts drawn by seed, each asked for through `memllm ask`.

`python -m benchmarks.asking [--home FOLDER] [--kb NAME] [--count 20] [--seed 1]` asks `What is the R of S?`
and counts the answers that contain the fact's value.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from pathlib import Path

from benchmarks.common import MEMLLM, ROOT


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.asking", description=__doc__)
    parser.add_argument("--home", type=Path, default=ROOT)
    parser.add_argument("--kb", default="default")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    command = [*MEMLLM, "--home", str(arguments.home), "--kb", arguments.kb, "--json"]
    listed = subprocess.run(
        [*command, "fact", "list", "--limit", "1000000"], check=True, capture_output=True, text=True
    ).stdout
    facts = json.loads(listed)["data"]
    right = 0
    drawn = random.Random(arguments.seed).sample(facts, min(arguments.count, len(facts)))
    for fact in drawn:
        question = f"What is the {fact['relation']} of {fact['subject']}?"
        output = subprocess.run([*command, "ask", question], check=True, capture_output=True, text=True).stdout
        answer = json.loads(output)["data"]["answer"]
        good = " ".join(fact["object"].split()).casefold() in " ".join(answer.split()).casefold()
        right += good
        print(f"{'right' if good else 'WRONG'}  {question}  ->  {answer[:80]}  (fact: {fact['object'][:60]})")
    print(f"{right} of {len(drawn)} right; {len(facts)} facts in memory")


if __name__ == "__main__":
    main()
