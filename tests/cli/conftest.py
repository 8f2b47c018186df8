"""What every test of the command line needs: a cache of its own for pretended measurements."""

import pytest


@pytest.fixture(autouse=True)
def _own_timings(own_timings: object) -> None:
    """In every test of the command line."""
