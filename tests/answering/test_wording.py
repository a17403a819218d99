"""How answers are said: a yes only where the question says the value and nothing is denied."""

from __future__ import annotations

import pytest

from memllm_cli.answering.wording import worded

FACT = "Norland capital capital of Tromby"


@pytest.mark.parametrize(
    ("question", "values", "text", "said", "value"),
    [
        ("What is the rent?", ["4,200 EUR"], "", "4,200 EUR", ""),
        ("Who attended?", ["Ann", "Bo", "Cy"], "", "Ann, Bo and Cy", ""),
        ("Is Tromby the capital of Norland?", ["Tromby"], FACT, "Yes: Tromby", "Yes"),
        ("Is Marn the capital of Norland?", ["Tromby"], FACT, "Memory says: Tromby", ""),
        ("Is the capital of Norland larger than Tromby?", ["Tromby"], FACT, "Memory says: Tromby", ""),
        ("Did Norland move its capital from Tromby?", ["Tromby"], FACT, "Memory says: Tromby", ""),
        ("Was Tromby the capital of Norland in 1850?", ["Tromby"], FACT, "Memory says: Tromby", ""),
        (
            "Is the rent more than 4,200 EUR?",
            ["4,200 EUR"],
            "The rent is 4,200 EUR.",
            "The documents say: 4,200 EUR",
            "",
        ),
        ("Is the rent 4,200 EUR?", ["4,200 EUR"], "The rent is 4,200 EUR.", "Yes: 4,200 EUR", "Yes"),
        ("Is the rent 4,300 EUR?", ["4,200 EUR"], "The rent is 4,200 EUR.", "The documents say: 4,200 EUR", ""),
        ("Is smoking allowed?", ["allowed"], "Smoking is not allowed.", "The documents say: allowed", ""),
        ("Isn't smoking allowed?", ["allowed"], "Smoking is allowed.", "The documents say: allowed", ""),
    ],
)
def test_what_is_said(question: str, values: list[str], text: str, said: str, value: str) -> None:
    assert worded(question, values, text, of_documents=text not in ("", FACT)) == (said, value)
