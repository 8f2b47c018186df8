"""The examples of docs/statistics.md give what it says."""

import doctest
from pathlib import Path


def test_the_examples_are_run() -> None:
    document = Path(__file__).parents[2] / "docs" / "statistics.md"
    found = doctest.testfile(str(document), module_relative=False)
    assert found.attempted > 10
    assert found.failed == 0
