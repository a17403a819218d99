from __future__ import annotations

from memllm_cli.evaluation.lookup import tfidf

STORED = ["Who wrote Low Tide?", "Who wrote The Harbour?", "When was Acme founded?"]


def test_rare_words_decide() -> None:
    found = tfidf(STORED, ["Which writer wrote The Harbour?", "When was Acme founded?", "Does it rain in Lisbon?"])
    assert found.nearest[:2].tolist() == [1, 2]
    assert abs(found.cosine[1] - 1) < 1e-9
    assert found.cosine[2] == 0
    assert found.picks(0.3) == [1, 2, -1]
    assert found.picks(0.99) == [-1, 2, -1]
