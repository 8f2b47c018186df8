"""The rate and the length that a check names, written into a study's file."""

from __future__ import annotations

import re
from pathlib import Path

from scaling_search.errors import InputError
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.study import Study
from scaling_search.search.recipe_check.check import RecipeResult
from scaling_search.system.files import save
from scaling_search.system.text import read_text

_HEADER = re.compile(r"^\[recipe\][ \t]*(#.*)?$", re.MULTILINE)
_NEXT = re.compile(r"^\[", re.MULTILINE)


def write(study: Study, result: RecipeResult, path: Path) -> None:
    """Puts them into `path`: into the `[recipe]` of a file that is there, whose other lines stay, else the study.

    Errors: InputError where nothing is named, or the file is no study; StorageError.
    """
    if result.rate is None or result.epochs is None:
        raise InputError(f"{path} is not written: the check names no rate and length yet")
    named: dict[str, float | int] = {"learning_rate": result.rate, "epochs": result.epochs}
    if not path.exists():
        changed = study.override({f"recipe.{key}": value for key, value in named.items()})
        # Another recipe is another study, and needs another name.
        save(studies.write(changed.model_copy(update={"name": None})), path)
        return
    text = read_text(path, "study")
    studies.parse(text, what=str(path))
    after = _put(text, named)
    found = studies.parse(after, what=str(path)).recipe
    if any(found.get(key) != value for key, value in named.items()):
        raise InputError(
            f"{path}: its recipe is not written as a [recipe] table: write {named} there by hand"
        )
    save(after, path)


def _put(text: str, named: dict[str, float | int]) -> str:
    """The text with these keys of [recipe], in their lines where it has them, else after the header."""
    header = _HEADER.search(text)
    if header is None:
        return f"{text.rstrip()}\n\n[recipe]\n" + "".join(
            f"{key} = {value}\n" for key, value in named.items()
        )
    start = header.end()
    following = _NEXT.search(text, start)
    end = len(text) if following is None else following.start()
    table = text[start:end]
    for key, value in named.items():
        line = re.compile(rf"^{key}[ \t]*=[^#\n]*?(?=[ \t]*(?:#|$))", re.MULTILINE)
        kept = f"{key} = {value}"
        table = line.sub(kept, table, count=1) if line.search(table) else f"\n{kept}{table}"
    return text[:start] + table + text[end:]
