"""The two references say what the program says: `make docs` writes them from the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Annotated

import pytest
from pydantic import Field

from scaling_search.architecture.schema import Strict, described

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["reference-commands.md", "reference-study.md"])
def test_the_page_is_what_the_code_says(
    name: str, generate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Neither the terminal nor the environment of whoever writes it takes part.
    monkeypatch.setenv("COLUMNS", "47")
    monkeypatch.setenv("SCALING_SEARCH_LEDGER", "elsewhere.db")
    assert (DOCS / name).read_text(encoding="utf-8") == generate.PAGES[name](), (
        f"docs/{name} is not what the code says any more: run make docs and read the difference"
    )


class Complete(Strict):
    """Every key with unit and meaning."""

    size: Annotated[int, described("pixels", "Side of a | thing.")] = 3


class NoUnit(Strict):
    """A key without a unit."""

    size: Annotated[int, Field(description="Side of a thing.")] = 3


def test_a_key_without_a_unit_is_no_reference(generate: ModuleType) -> None:
    assert generate._table(Complete).splitlines()[-1] == r"| `size` | pixels | `3` | Side of a \| thing. |"
    with pytest.raises(ValueError, match=r"NoUnit\.size has no unit"):
        generate._table(NoUnit)
