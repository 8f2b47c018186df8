"""What a study will take: from the ledger's trials, else from the cache, else from a measurement; and its power."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_search.errors import InputError, UsageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import Result, TrialRow
from scaling_search.search.forecast import probe, timing_cache
from scaling_search.search.grid.requirements import requirements, sentences
from scaling_search.search.trial.setup import load_data
from scaling_search.system import machine
from tests.search.forecast.rows import calibrated, timing
from tests.search.pretend import planned, searched, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def test_plan_looks_into_the_ledger_then_into_the_cache(ledger: Ledger) -> None:
    plan = planned()
    for place in (ledger, None):
        nothing = requirements(plan, place)
        assert nothing.forecast is None
        assert sentences(nothing)[0].startswith("Time: nothing is measured here yet; --measure")
    (network,) = probe.probes(plan.networks)
    timing_cache.keep(
        timing_cache.path_of(plan.space, plan.space.base),
        calibrated(timing(network.fingerprint, network.cost.macs)),
    )
    found = requirements(plan, ledger).forecast
    assert found is not None and found.source == "a short measurement"
    row = TrialRow.waiting(
        network=network.fingerprint,
        network_name="n",
        recipe=plan.space.recipe.canonical(),
        dataset=load_data(study()).fingerprint,
        dataset_name="digits",
        seed=0,
        macs=network.cost.macs,
    )
    claim = ledger.claim(row)
    assert claim is not None
    ledger.finish(claim, Result(state="complete", train_seconds=7.0, device="cpu, here"))
    ahead = requirements(plan, ledger)
    found = ahead.forecast
    assert found is not None and found.source == "trials in the ledger"
    assert found.missing == 3 * len(found.networks) - 1, "of the base as of the candidates"
    assert ahead.remaining is not None and ahead.remaining.count == found.missing
    assert dict(zip(found.networks, found.trial_seconds, strict=True))[network.fingerprint] == 7


def test_workers_share_what_is_left(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "load", lambda: 0.0)  # the sentence says it, and it changes meanwhile
    searched(ledger, study(seeds=1, racing=False))
    plan = planned(study(seeds=2, racing=False))
    alone, shared = (sentences(requirements(plan, ledger, workers=workers))[0] for workers in (1, 2))
    assert "workers" not in alone
    assert shared.startswith(alone) and "The 2 workers share it: about " in shared
    with pytest.raises(UsageError, match="--workers 0: at least 1"):
        requirements(plan, ledger, workers=0)


def test_the_forecast_is_of_what_is_left(ledger: Ledger) -> None:
    searched(ledger, study(seeds=1, racing=False))
    ahead = requirements(planned(study(seeds=2, racing=False)), ledger)
    assert ahead.forecast is not None and ahead.remaining is not None
    assert ahead.forecast.missing == ahead.remaining.count == len(planned().networks) + 1, "and the base"
    assert len(ahead.remaining.base) == 1
    over = requirements(planned(study(seeds=1, racing=False)), ledger).forecast
    assert over is not None and (over.missing, over.total_seconds) == (0, 0)


def test_power_needs_to_know_how_much_seeds_scatter(ledger: Ledger) -> None:
    plan = planned(study(racing=False))
    with pytest.raises(InputError, match="run `scaling-search grid --seeds 2` of this study first"):
        requirements(plan, ledger, difference=0.01)
    with pytest.raises(InputError, match="needs to know how much seeds scatter"):
        requirements(plan, None, difference=0.01)
    searched(ledger, study(racing=False))
    ahead = requirements(plan, ledger, difference=0.2)
    assert ahead.power is not None and ahead.power.seeds is not None
    assert f"To tell 20 points apart (80 % of the time): {ahead.power.seeds} seeds" in sentences(ahead)[-1]
    for difference in (0, 1, -0.1, 1.5):
        with pytest.raises(UsageError, match="write the difference in accuracy as a share"):
            requirements(plan, ledger, difference=difference)


def test_power_is_of_this_study_alone(ledger: Ledger) -> None:
    searched(ledger, study(racing=False))
    other = study(racing=False).model_copy(update={"name": "t", "recipe": {"name": "fast", "epochs": 7}})
    with pytest.raises(InputError, match="needs to know how much seeds scatter"):
        requirements(planned(other), ledger, difference=0.01)
