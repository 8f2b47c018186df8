"""What every test of the search needs: a cache of its own for pretended measurements."""

from pathlib import Path

import pytest

from scaling_search.search import calibration


@pytest.fixture(autouse=True)
def own_timings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where measurements are remembered in a test."""
    monkeypatch.setattr(calibration, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "timings"
