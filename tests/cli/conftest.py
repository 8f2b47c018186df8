"""What the tests of real commands share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from scaling_search.search.forecast import timing_cache
from scaling_search.training import cache


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compiled programs and measurements go to a folder of the test's own, not to the user's."""
    before = jax.config.jax_compilation_cache_dir
    monkeypatch.setattr(cache, "cache_folder", lambda name: tmp_path / "programs")
    monkeypatch.setattr(timing_cache, "cache_folder", lambda *parts: tmp_path.joinpath("cache", *parts))
    yield
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()
