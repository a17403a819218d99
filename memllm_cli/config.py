"""Settings and where each value came from: option, environment, `memllm.toml`, default."""

from __future__ import annotations

import os
from dataclasses import dataclass

from memllm_cli.errors import UsageError
from memllm_cli.files import whole
from memllm_cli.paths import Home

DEFAULTS: dict[str, str] = {
    "kb": "default",
    "model": "",  # empty: the catalog's default
    "encoder": "all-MiniLM-L6-v2",
    "drafter": "",  # empty: the catalog's default
    "adapter": "",  # empty: the catalog's default
    "pointer": "",  # empty: the catalog's default; "none": the model reads facts by itself, and no texts
    "extractor": "",  # empty: the catalog's default; "none": the drafter alone reads prose
    "keys": "emacs",  # of the line editor of the chat: emacs or vi
    "person": "",  # the name under which is kept what a person says of themselves; empty: the account's
    "reads": "on",
    "style": "",  # empty: grounded below a billion parameters, free from there on
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One value with its origin, for `memllm paths`."""

    name: str
    value: str
    origin: str


def setting(home: Home, name: str, option: str | None = None) -> Setting:
    """The value of a setting that applies. Raises UsageError when `memllm.toml` cannot be read."""
    if option is not None:
        return Setting(name, option, f"--{name}")
    variable = f"MEMLLM_{name.upper()}"
    if value := os.environ.get(variable):
        return Setting(name, value, variable)
    stored = _stored(home)
    if name in stored:
        return Setting(name, stored[name], str(home.settings))
    return Setting(name, DEFAULTS[name], "default")


def store(home: Home, name: str, value: str) -> None:
    """Write one setting to `memllm.toml`; everything else in the file stays as it is, comments too.

    Raises UsageError when the file cannot be read, OSError when it cannot be written.
    """
    import tomlkit

    _stored(home)
    try:
        document = tomlkit.parse(home.settings.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = tomlkit.document()
    document[name] = value
    with whole(home.settings) as part:
        part.write_text(tomlkit.dumps(document), encoding="utf-8")


def _stored(home: Home) -> dict[str, str]:
    import tomllib

    try:
        with home.settings.open("rb") as file:
            return {k: str(v) for k, v in tomllib.load(file).items() if k in DEFAULTS}
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{home.settings} cannot be read: {error}", "Correct or delete the file.") from error
