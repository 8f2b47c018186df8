"""Small real searches whose answer is known: the ones of `make validate`, with fewer images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from benchmarks.validate import real
from scaling_search.data import augment, paths
from scaling_search.training import cache

EPOCHS = 12


@pytest.fixture(scope="module", autouse=True)
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs are compiled once for both tasks, and not into the user's folder."""
    before = jax.config.jax_compilation_cache_dir
    folder = tmp_path_factory.mktemp("programs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "cache_folder", lambda name: folder)
        yield
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data stays in the test's own folder."""
    monkeypatch.setenv(paths.VARIABLE, str(tmp_path))
    return tmp_path


def shrunk(images: np.ndarray) -> np.ndarray:
    return augment.resize(real.grey(images)[..., None], real.BASE).astype(np.int64)


def test_fine_stripes_leave_no_trace_at_8_px_and_coarse_squares_do() -> None:
    labels = np.arange(40) % 2
    across, upright = (real.fine(np.random.default_rng(0), np.full(40, label)) for label in (0, 1))
    assert np.std(real.grey(across).astype(float) - real.grey(upright)) > 10
    assert np.abs(shrunk(across) - shrunk(upright)).max() <= 1, "one grey level is rounding"
    coarse = real.coarse(np.random.default_rng(0), labels)
    assert np.std(shrunk(coarse) - shrunk(real.coarse(np.random.default_rng(0), 1 - labels))) > 10


def test_resolution_wins_where_the_classes_differ_in_fine_detail_alone(folder: Path) -> None:
    outcome = real.search("fine", folder, seeds=3, epochs=EPOCHS, images=800)
    got = {name: float(np.mean(values)) for name, values in real.accuracies(outcome).items()}
    assert got["gamma"] > 0.9
    assert max(got["alpha"], got["beta"]) < real.GUESSING
    assert real.members(outcome) == ("gamma",)
    verdicts = {row.cells["scaled"]: row.cells["verdict"] for row in real.table({"fine": outcome}).rows}
    assert verdicts.pop("gamma") == "winner"
    assert set(verdicts.values()) <= {"eliminated", "at chance"}


def test_resolution_does_not_win_without_fine_detail(folder: Path) -> None:
    outcome = real.search("coarse", folder, seeds=3, epochs=EPOCHS, images=800)
    assert real.members(outcome) == ("alpha",)
    got = {name: float(np.mean(values)) for name, values in real.accuracies(outcome).items()}
    assert min(got.values()) > real.GUESSING, "everyone learns something: it is a race, not a lack of others"
