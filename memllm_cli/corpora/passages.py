"""Plain texts of an encyclopedia or a corpus, as a JSON list."""

from __future__ import annotations

import json
from pathlib import Path

from memllm_cli.errors import DamagedError, NotFound


def read_passages(path: Path) -> list[str]:
    """Texts of a JSON list of `title` and `text`. Raises NotFound, DamagedError."""
    try:
        return [" ".join(str(row["text"]).split()) for row in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Check the path.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} is not a JSON list of title and text: {error}", "See docs/training.md.") from error
