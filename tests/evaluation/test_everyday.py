from __future__ import annotations

from memllm_cli.evaluation import everyday
from memllm_cli.memory.values.names import normal
from memllm_cli.training import replies


def test_prompts_to_report_on_are_neither_tuned_nor_trained_on() -> None:
    report, tune, trained = everyday.prompts(), everyday.prompts(tune=True), replies.prompts()
    assert len(report) >= 300
    parts = [{normal(p) for p in part} for part in (report, tune, trained)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
