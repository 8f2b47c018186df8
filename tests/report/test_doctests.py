"""The examples in docstrings are right."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["measured", "escape", "figures", "page.data", "plots.style"])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"scaling_search.report.{name}"))
    assert result.attempted > 0 and result.failed == 0
