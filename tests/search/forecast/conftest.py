"""What a forecast says is not to depend on whose machine runs the tests."""

import pytest

from scaling_search.system import machine


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one core."""
    monkeypatch.setattr(machine, "cores", lambda: 1)
