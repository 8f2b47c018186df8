"""Writes the two references from the code: `make docs`. A test compares them with the committed files."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from typer.main import get_command

from scaling_search.architecture.toml import inline
from scaling_search.cli.main import app, run
from scaling_search.scaling.rounding import Rounding
from scaling_search.search.plan import study
from scaling_search.training.recipe import Recipe

HERE = Path(__file__).parent
_TABLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("dataset", study.Data),
    ("proxy", study.Proxy),
    ("rounding", Rounding),
    ("grid", study.Grid),
    ("scale", study.Family),
    ("limits", study.Limits),
    ("recipe", Recipe),
)


def commands() -> str:
    """Every command's help."""
    # Typer measures the terminal: the reference is the same whoever writes it.
    os.environ |= {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
    parts = ["# Commands", "Generated from the program by `make docs`: what `--help` says."]
    for words in ([], *_below([], get_command(app))):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            run([*words, "--help"])
        lines = "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())
        parts.append(f"## {' '.join(['scaling-search', *words])}\n\n```text\n{lines}\n```")
    return "\n\n".join(parts) + "\n"


def _below(words: list[str], group: Any) -> Iterator[list[str]]:
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        yield [*words, name]
        if hasattr(command, "list_commands"):
            yield from _below([*words, name], command)


def keys() -> str:
    """Every key of a study and a recipe: default, and meaning with its unit."""
    parts = [
        "# Keys of a study",
        "Generated from the program by `make docs`. A study is a TOML file; its keys stand in these tables. "
        "Options of the commands take their place (`--epochs` that of `recipe.epochs`). "
        "A key that is not here is refused, with the legal ones.",
        _table("Of the file itself", None, study.Study, skip={name for name, _ in _TABLES}),
    ]
    parts += [_table(f"`[{name}]`", name, model, skip=set()) for name, model in _TABLES]
    return "\n\n".join(parts) + "\n"


def _table(title: str, name: str | None, model: type[BaseModel], *, skip: set[str]) -> str:
    lines = [f"## {title}", "", "| key | default | meaning |", "|---|---|---|"]
    if name == "recipe":
        lines.insert(
            1, "\n`name` chooses one of the named recipes; these are its fields, which a study may set."
        )
        lines.append('| `name` | `"fast"` | The named recipe whose fields the others change. |')
        lines.append(
            '| `rate` | none | `"tuned"` trains every network with the best of three rates (half, once and twice '
            "`learning_rate`), chosen by one seed that is not counted. |"
        )
    for key, field in model.model_fields.items():
        if key in skip:
            continue
        default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        meaning = (field.description or "").replace("|", "\\|")
        if not meaning:
            raise ValueError(f"{model.__name__}.{key} has no description")
        lines.append(f"| `{key}` | {default} | {meaning} |")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return "none" if value is None else f"`{inline(value)}`"


if __name__ == "__main__":
    (HERE / "reference-commands.md").write_text(commands(), encoding="utf-8")
    (HERE / "reference-study.md").write_text(keys(), encoding="utf-8")
