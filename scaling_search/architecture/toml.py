"""The one network format: TOML, strictly read and canonically written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scaling_search.architecture.faults import explain
from scaling_search.architecture.network import Network
from scaling_search.system.text import parse_toml, read_text


def parse(text: str, *, what: str = "network") -> Network:
    """Network from TOML text. Errors: InputError naming `what`, the key, the value and the legal ones."""
    try:
        return Network.model_validate(parse_toml(text, what))
    except ValidationError as error:
        raise explain(error, what) from None


def read(path: Path) -> Network:
    """Network from a TOML file. Errors: InputError when it cannot be read or is no network."""
    return parse(read_text(path, "network file"), what=str(path))


def write(network: Network) -> str:
    """Canonical TOML: keys in the schema's order, defaults left out, one line per stage. `parse` inverts it."""
    lines = []
    for key, value in network.model_dump(exclude_defaults=True).items():
        if key == "stages":
            rows = [f"  {inline(stage)},\n" for stage in value]
            lines.append("stages = [\n" + "".join(rows) + "]\n")
        else:
            lines.append(f"{key} = {inline(value)}\n")
    return "".join(lines)


def inline(value: Any) -> str:
    """One TOML value on one line. Whole floats are written as floats, so that types survive."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping() if not value:
            return "{}"
        case Mapping():
            return "{ " + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + " }"
        case Sequence():
            return "[" + ", ".join(inline(item) for item in value) + "]"
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")
