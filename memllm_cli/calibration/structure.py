"""How often facts from each kind of structure are right, as judged on documents their rules were not made from.

The judged facts are `docs/judged_structure.csv`, 200 of them drawn by seed; a kind of which `right` of `drawn` were
right has the probability (right + 1) / (drawn + 2), Laplace's rule of succession, so that one seldom drawn is not
trusted for lack of faults.
"""

from __future__ import annotations

JUDGED = {
    "table": (85, 85),
    "pair": (46, 48),
    "list": (31, 32),
    "role": (23, 25),
    "section": (5, 5),
    "heading": (3, 3),
    "definition": (1, 2),
    "record": (0, 0),
    "front matter": (0, 0),
}
"""Right and drawn, by kind."""

SHARES = {kind: round((right + 1) / (drawn + 2), 3) for kind, (right, drawn) in JUDGED.items()}
