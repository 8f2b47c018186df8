"""Writes the two references from the code: `make docs`. A test compares them with the committed files."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from unittest.mock import patch

from pydantic import BaseModel
from typer.main import get_command

from scaling_search.architecture.toml import inline
from scaling_search.cli.main import app, run
from scaling_search.scaling.rounding import Rounding
from scaling_search.search.plan import study, study_tables
from scaling_search.training.recipe import Recipe
from scaling_search.training.rules import RULES

HERE = Path(__file__).parent
_TABLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("dataset", study_tables.Data),
    ("proxy", study_tables.Proxy),
    ("rounding", Rounding),
    ("grid", study_tables.Grid),
    ("scale", study_tables.Family),
    ("limits", study_tables.Limits),
)


def commands() -> str:
    """Every command's help."""
    parts = ["# Commands", "Generated from the program by `make docs`: what `--help` says."]
    for words in ([], *_below([], get_command(app))):
        said = io.StringIO()
        # The terminal is measured and the environment read: the reference is the same whoever writes it.
        with contextlib.redirect_stdout(said), patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}):
            os.environ.pop("SCALING_SEARCH_LEDGER", None)
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
    """Every key of a study and a recipe: unit, default, meaning."""
    parts = [
        "# Keys of a study",
        "Generated from the program by `make docs`. A study is a TOML file; its keys stand in these tables. "
        "Options of the commands take their place (`--epochs` that of `recipe.epochs`). "
        "A key that is not here is refused, with the legal ones. Coefficients are written `1.2`, `[1, 1.2, 1.4]` or "
        '`"1:2:0.1"`; φ `1`, `[0, 0.5, 2]` or `"0..7"`.',
        "## Of the file itself\n\n" + _table(study.Study, skip={name for name, _ in _TABLES} | {"recipe"}),
        *(f"## `[{name}]`\n\n{_table(model)}" for name, model in _TABLES),
        "## `[recipe]`",
        f"`name` chooses one of the named recipes ({', '.join(f'`{name}`' for name in RULES)}; `fast` unless given); "
        'every other key changes one of its fields. `"none"` turns off what can be turned off. '
        '`rate = "tuned"` trains every network with the best of three rates (half, once and twice '
        "`learning_rate`), chosen by one seed that is not counted. "
        "*images* is the number of training images.",
        _recipe(),
    ]
    return "\n\n".join(parts) + "\n"


def _table(model: type[BaseModel], *, skip: Collection[str] = ()) -> str:
    return _lines(
        ("key", "unit", "default", "meaning"),
        [
            (
                f"`{key}`",
                _unit(model, key),
                "required" if field.is_required() else _shown(field.get_default(call_default_factory=True)),
                _meaning(model, key),
            )
            for key, field in model.model_fields.items()
            if key not in skip
        ],
    )


def _recipe() -> str:
    return _lines(
        ("key", "unit", *(f"`{name}`" for name in RULES), "meaning"),
        [
            (
                f"`{key}`",
                _unit(Recipe, key),
                *(
                    rule.said[key]
                    if key in rule.said
                    else _shown(rule.constants.get(key, Recipe.model_fields[key].default))
                    for rule in RULES.values()
                ),
                _meaning(Recipe, key),
            )
            for key in Recipe.model_fields
        ],
    )


def _lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)


def _unit(model: type[BaseModel], key: str) -> str:
    """A unit; of a choice its legal values."""
    field = model.model_fields[key]
    choices = [
        value
        for part in (field.annotation, *get_args(field.annotation))
        if get_origin(part) is Literal
        for value in get_args(part)
    ]
    extra = field.json_schema_extra
    if not isinstance(extra, dict) or "unit" not in extra:
        raise ValueError(f"{model.__name__}.{key} has no unit: declare it with `described`")
    return ", ".join(f"`{value}`" for value in choices) or str(extra["unit"])


def _meaning(model: type[BaseModel], key: str) -> str:
    meaning = model.model_fields[key].description
    if not meaning:
        raise ValueError(f"{model.__name__}.{key} has no description")
    return meaning


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, tuple) and len(value) > 2:
        return f"{value[0]:g} to {value[-1]:g} by {(value[-1] - value[0]) / (len(value) - 1):g}"
    return f"`{inline(value)}`"


PAGES: dict[str, Callable[[], str]] = {"reference-commands.md": commands, "reference-study.md": keys}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
