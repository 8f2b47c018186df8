"""What holds for all tests."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

import tests.shapes  # noqa: F401 - the hook below asks for it by name

# An array is never stretched over axes that it does not have, here or in the programs that tests start: jax reads this
# when it is imported.
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
# While tests run, every array is held against the shape that its signature gives it.
install_import_hook(
    [f"scaling_search.{room}" for room in ("data", "networks", "racing", "statistics", "training")],
    "tests.shapes.checked",
)
# A machine with other work takes a second where it took a millisecond before: that is no fault of a test.
# And the same examples each time: whether a change holds is no matter of chance. `make fuzz` draws new ones.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.load_profile("patient")


@pytest.fixture(autouse=True, scope="session")
def durable() -> Iterator[Sequence[str]]:
    """What makes ledgers durable. In this process they need not be (nobody pulls the plug), which saves their time."""
    from scaling_search.ledger.storage import file

    before = file.DURABLE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "DURABLE", [one.replace("= EXTRA", "= OFF") for one in before])
        yield before


@pytest.fixture
def own_timings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where measurements are remembered in a test: not among the user's, for many are pretended."""
    from scaling_search.search.forecast import timing_cache

    monkeypatch.setattr(timing_cache, "cache_folder", lambda *parts: tmp_path.joinpath("cache", *parts))
    return tmp_path / "cache" / "timings"


@pytest.fixture
def own_cache(own_timings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compiled programs and measurements go to a folder of the test's own, not to the user's."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    from scaling_search.training import cache

    before = jax.config.jax_compilation_cache_dir
    monkeypatch.setattr(cache, "cache_folder", lambda name: tmp_path / "programs")
    yield
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()
