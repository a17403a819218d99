"""Which HTML elements a reader of the page does not see, or would not call its text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .base import words

VOID = words("area base br col embed hr img input link meta param source track wbr")
DROPPED = words(
    "script style template noscript head nav footer select textarea button svg math iframe object canvas audio "
    "video datalist"
)

_HIDING = re.compile(r"display:none|visibility:(?:hidden|collapse)")
_CSS_NOISE = re.compile(r"/\*.*?\*/|\s+", re.S)


def is_hidden(attributes: Mapping[str, object]) -> bool:
    """Whether an element's own attributes hide it: `hidden`, `aria-hidden=true`, or its style."""
    if "hidden" in attributes or str(attributes.get("aria-hidden", "")).strip().lower() == "true":
        return True
    style = attributes.get("style")
    return bool(style) and bool(_HIDING.search(_CSS_NOISE.sub("", str(style)).lower()))
