from __future__ import annotations

from memllm_cli.calibration.reads import Weights
from memllm_cli.evaluation.reading import KNOWN, OPENS, Seen, Way, curve, fitted, opening


def test_what_is_known_outweighs_what_is_a_little_likelier() -> None:
    asked = Seen((Way(-5.0, 0.5, True, True), Way(-1.0, 0.5, False, False)), True, 1.0)
    absent = Seen((Way(-20.0, 0.1, True, False), Way(-1.0, 0.9, False, False)), False, 1.0)
    weights, gives = fitted([asked] * 3 + [absent], Weights())
    assert 4 <= weights.known < 19 + weights.near * 0.8
    assert (gives["right"], gives["wrong"], gives["invented"]) == (1, 0, 0)
    rows = curve([asked, absent], Weights(near=0))
    assert [r["known"] for r in rows] == list(KNOWN)
    assert rows[0]["silent"] == 1


def test_nothing_to_choose_from_is_silence() -> None:
    assert fitted([Seen((), True, 0.0)], Weights())[1]["silent"] == 1


def test_questions_and_talk_that_open_a_read() -> None:
    rows = opening([0.99, 0.6], [0.02, 0.3, 0.1])
    assert [r["opens"] for r in rows] == list(OPENS)
    at = {r["opens"]: (r["questions"], r["talk"]) for r in rows}
    assert (at[0.05], at[0.5], at[0.7]) == ((1.0, 0.667), (1.0, 0.0), (0.5, 0.0))
