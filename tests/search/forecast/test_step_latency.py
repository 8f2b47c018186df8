"""A step timed on this device, once; what spoils a time is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.search.forecast.step_latency import Latencies, timed_space
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, override, parse
from scaling_search.search.trial import provenance
from scaling_search.search.trial.compiled_networks import CompiledNetworks
from scaling_search.search.trial.timing import Timing
from scaling_search.training import cache
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from tests.cli.test_end_to_end import NETWORK, STUDY

TIMING = Timing(
    network="n",
    macs=1,
    compile_seconds=1.0,
    setup_seconds=0.1,
    step_seconds=0.02,
    image_seconds=0.001,
    memory_bytes=None,
    fastest_step_seconds=0.019,
)


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compiled programs go to a folder of the test's own."""
    before = jax.config.jax_compilation_cache_dir
    monkeypatch.setattr(cache, "cache_folder", lambda name: tmp_path / "programs")
    yield
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[Study, Network]:
    (tmp_path / "tiny.toml").write_text(NETWORK, encoding="utf-8")
    study = override(parse(STUDY), {"baseline": str(tmp_path / "tiny.toml"), "grid.budget": "latency"})
    return study, search_space(study).base


def latencies(study: Study, said: list[str] | None = None, *, stop: bool = False) -> Latencies:
    found = Latencies(say=(said if said is not None else []).append, should_stop=lambda: stop)
    found.space = search_space(study)
    return found


def pretend(monkeypatch: pytest.MonkeyPatch, timing: Timing | Exception) -> list[str]:
    """Networks that are said to take this long; which ones were asked for."""
    asked: list[str] = []

    def timed(self: CompiledNetworks, network: Network, macs: int) -> Timing:
        asked.append(fingerprint(network))
        if isinstance(timing, Exception):
            raise timing
        return timing

    monkeypatch.setattr(CompiledNetworks, "timing", timed)
    return asked


def test_a_real_step_is_timed_once_and_remembered(
    tiny: tuple[Study, Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, network = tiny
    said: list[str] = []
    seconds = latencies(study, said).seconds(network)
    assert 0 < seconds < 60
    assert said[0].startswith("timing a step: tiny, 6 px, ")
    asked = pretend(monkeypatch, TIMING)
    assert latencies(study).seconds(network) == seconds
    assert asked == []
    # Another batch is another step.
    larger = override(study, {"recipe.batch_size": 128})
    assert latencies(larger).seconds(network) == 0.019
    assert asked == [fingerprint(network)]


def test_an_unsteady_time_is_said_and_the_fastest_counts(
    tiny: tuple[Study, Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, network = tiny
    said: list[str] = []
    pretend(monkeypatch, replace(TIMING, fastest_step_seconds=0.01))
    assert latencies(study, said).seconds(network) == 0.01
    assert said[1].startswith("unsteady: 10 ms to 20 ms a step")
    assert latencies(study, said).seconds(network) == 0.01
    assert len(said) == 2


def test_what_does_not_fit_takes_for_ever(
    tiny: tuple[Study, Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, network = tiny
    pretend(monkeypatch, OutOfMemory("no room", predicted_bytes=None))
    assert latencies(study).seconds(network) == float("inf")
    asked = pretend(monkeypatch, TIMING)
    monkeypatch.setattr(provenance, "available_memory", lambda: 1000)
    assert latencies(study).seconds(network) == float("inf")
    assert asked == []


def test_a_stop_ends_a_measurement(tiny: tuple[Study, Network]) -> None:
    study, network = tiny
    with pytest.raises(TrainingStopped):
        latencies(study, stop=True).seconds(network)


def test_only_a_study_whose_budget_or_limits_are_seconds_is_timed(
    tiny: tuple[Study, Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, network = tiny
    asked = pretend(monkeypatch, TIMING)
    said: list[str] = []
    assert timed_space(study, say=said.append).meter.read("latency", network) == 0.019
    assert asked == [fingerprint(network)] and len(said) == 1
    counted = timed_space(override(study, {"grid.budget": "macs"}), say=said.append)
    with pytest.raises(ValueError, match="needs a device"):
        counted.meter.read("latency", network)
    limited = timed_space(override(study, {"grid.budget": "macs", "limits.latency": 1.0}), say=said.append)
    assert limited.meter.read("latency", network) == 0.019
