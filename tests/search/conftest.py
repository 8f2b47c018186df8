"""What every test of the search needs: a cache of its own for pretended measurements."""

from pathlib import Path

import pytest

from scaling_search.search.forecast import timing_cache


@pytest.fixture(autouse=True)
def own_timings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where measurements are remembered in a test."""
    monkeypatch.setattr(timing_cache, "cache_folder", lambda *parts: tmp_path.joinpath("cache", *parts))
    return tmp_path / "cache" / "timings"
