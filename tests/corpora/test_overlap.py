from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from memllm_cli.corpora import docred
from memllm_cli.corpora.overlap import Overlap, overlap
from tests.training.mini import corpus


def test_shared_titles_sentences_and_triples_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "mini.json"
    rows = corpus(3)
    rows[0]["sents"][0] = [*rows[0]["sents"][0][:-1], "in", "the", "year", "of", "the", "flood", "."]
    path.write_text(json.dumps(rows))
    first, second, third = docred.read(path)
    assert overlap([second], [first]) == Overlap(1, 0, 0, 3, 0)
    same = replace(first, title="Another")
    assert overlap([same, third], [first, second]) == Overlap(2, 0, 1, 6, 3)
    assert overlap([first], [first]).titles == 1
