from __future__ import annotations

import json
from pathlib import Path

from memllm_cli.corpora import docred
from memllm_cli.training.counterfactual import Copies
from tests.training.mini import corpus


def test_copies_have_other_names_in_the_same_places(tmp_path: Path) -> None:
    path = tmp_path / "mini.json"
    path.write_text(json.dumps(corpus(40)))
    texts = docred.read(path)
    copies = list(Copies(texts, seed=1).make(texts))
    assert len(copies) == len(texts)
    assert copies == list(Copies(texts, seed=1).make(texts))
    changed = 0
    for text, copy in zip(texts, copies, strict=True):
        assert copy.labels == text.labels
        assert len(copy.sentences) == len(text.sentences)
        for i, (old, new) in enumerate(zip(text.names, copy.names, strict=True)):
            assert new.kind == old.kind
            changed += copy.surfaces(i) != text.surfaces(i)
            for mention in new.mentions:
                start, end = copy.sentences[mention.sentence]
                assert start <= mention.start < mention.end <= end
        for (a, b), (c, d) in zip(text.sentences, copy.sentences, strict=True):
            assert text.text[a:b].split()[-1] == copy.text[c:d].split()[-1] == "."
    assert changed > 100
