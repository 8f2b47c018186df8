"""Tuned rates: three tries of each network with one seed of their own, and what was best for everything after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TUNING
from scaling_search.ledger.storage.schema import FORECAST_TRIALS, STUDIES
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.family.scale import scale
from scaling_search.search.forecast import model
from scaling_search.search.grid import tuning
from scaling_search.search.grid.remaining import remaining, sentence
from scaling_search.search.plan.grid_plan import BASE_SEEDS
from scaling_search.search.plan.rates import tried
from scaling_search.search.plan.seeds import TUNING_SEED, is_fresh
from scaling_search.search.plan.study import Study, override
from scaling_search.search.trial.trial import Trial
from scaling_search.training import recipe as recipes
from tests.search.pretend import Listener, planned, pretended, searched, study


def tuned(**grid: object) -> Study:
    return override(study(**grid), {"recipe.rate": "tuned"})


PLAN = planned(tuned())
OWN = PLAN.space.recipe
FAST = PLAN.candidates[0].group  # learns best with twice the rate
NETWORKS = 1 + len(PLAN.candidates)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def learns(trial: Trial) -> float | None:
    """Best at the study's own rate, but for one network, which at half of it diverges."""
    rate = (trial.recipe or OWN).learning_rate / OWN.learning_rate
    if fingerprint(trial.network) == FAST:
        return {0.5: None, 1.0: 0.5, 2.0: 0.9}[rate]
    return 0.8 - 0.1 * abs(float(np.log2(rate)))


def test_the_rates_are_half_once_and_twice_the_study_s() -> None:
    assert [one.learning_rate / OWN.learning_rate for one in tried(PLAN.space)] == [0.5, 1.0, 2.0]
    assert tried(planned().space) == ()


def test_each_network_is_tried_with_the_same_budget_and_raced_with_its_best_rate(ledger: Ledger) -> None:
    listener = Listener()
    result = searched(ledger, tuned(racing=False), learns, listener=listener)
    assert result.trained == 3 * NETWORKS + 3 * len(PLAN.candidates) + BASE_SEEDS
    assert result.trained == listener.expected[-1]
    assert {seed for _, seed in listener.begun[: 3 * NETWORKS]} == {TUNING_SEED}
    assert {seed for _, seed in listener.begun[3 * NETWORKS :]} == {0, 1, 2}
    rates = {
        row.network: recipes.parse(row.recipe).learning_rate / OWN.learning_rate for row in result.trials
    }
    assert rates.pop(FAST) == 2.0
    assert set(rates.values()) == {1.0}
    # The seed of tuning is none of the race's.
    assert {row.seed for row in result.trials} == {0, 1, 2}
    assert result.found.winner is not None and result.found.winner.group == FAST
    counts = f"{OWN.learning_rate:g} for {NETWORKS - 2}, {2 * OWN.learning_rate:g} for 1."
    assert any(note.endswith(f"by one seed that is not counted: {counts}") for note in result.report.notes)
    assert "Each network had the best of three rates; " in result.answer
    again = searched(ledger, tuned(racing=False), learns)
    assert again.trained == 0
    assert again.report.rows == result.report.rows


def test_a_tuned_study_is_another_one_and_an_untuned_one_keeps_its_fingerprint(ledger: Ledger) -> None:
    searched(ledger, study(racing=False), learns)
    searched(ledger, tuned(racing=False).model_copy(update={"name": "t"}), learns)
    one, other = ledger.rows(STUDIES)
    assert one.fingerprint != other.fingerprint and one.recipe == other.recipe
    # The rest of the base's trials and of those with the study's own rate are shared.
    assert len(ledger.trials(study="t", roles=(TUNING,))) > 0


def test_the_forecast_counts_the_tries(ledger: Ledger) -> None:
    assert len(model.missing(PLAN, ())) == len(model.missing(planned(), ())) + 3 * NETWORKS
    basis = model.Basis(
        source="",
        device="cpu",
        platform="accelerator",
        trials={build.fingerprint: (1, 10.0) for build in (PLAN.base, *PLAN.networks)},
        compile_seconds=0.0,
    )
    more = model.forecast(PLAN, basis, ()).total_seconds - model.forecast(planned(), basis, ()).total_seconds
    assert more == pytest.approx(3 * NETWORKS * 10.0)
    result = searched(ledger, tuned(racing=False), learns)
    said = ledger.rows(FORECAST_TRIALS, study="s")
    assert sum(row.seed >= TUNING_SEED for row in said) == 3 * NETWORKS
    assert result.forecast is not None
    # The one that diverged has no time of its own, and the base's trials are none of the grid's.
    assert result.forecast.trials == result.forecast.planned


def test_a_plan_says_what_is_left_of_the_tries(ledger: Ledger) -> None:
    ahead = remaining(PLAN, None, None, [])
    assert len(ahead.tuning) == 3 * NETWORKS
    assert sentence(PLAN, ahead).endswith(f"and {3 * NETWORKS} that tune rates.")
    result = searched(ledger, tuned(racing=False), learns)
    after = remaining(PLAN, ledger, result.study, ledger.trials())
    assert (after.tuning, after.trials, after.base) == ((), (), ())


def test_members_are_tuned_too_and_the_try_is_none_of_their_seeds(ledger: Ledger) -> None:
    settings = override(
        tuned(racing=False), {"scale.phi": "0,1", "scale.seeds": 2, "scale.keep_weights": "none"}
    )
    searched(ledger, settings, learns)
    with pretended(learns):
        found = scale(settings, Coefficients(alpha=1.0, beta=1.4, gamma=1.0), ledger=ledger)
    assert all(is_fresh(row.seed) for row in found.trials)
    assert len(found.trials) == 4
    report = found.report
    assert report is not None
    assert [one.accuracy.seeds for one in report.rows if one.accuracy is not None] == [2, 2]
    assert set(tuning.chosen(ledger, "s")) >= {one.candidate.fingerprint for one in report.rows}


def test_where_every_rate_diverges_the_study_s_own_is_taken(ledger: Ledger) -> None:
    result = searched(ledger, tuned(racing=False), lambda trial: None)
    assert result.winner is None
    assert {row.recipe for row in result.trials} == {OWN.canonical()}


@pytest.mark.parametrize("value", ["tune", 0.1, True])
def test_another_word_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r'recipe\.rate: expected "tuned" or "none", got'):
        override(study(), {"recipe.rate": value})


def test_a_screening_would_rank_by_the_untuned_rate() -> None:
    with pytest.raises(InputError, match=r"grid\.screening_epochs 1: not with recipe\.rate"):
        tuned(screening_epochs=1)
