"""The error of all looks together, however many there will be."""

import itertools

import numpy as np
import pytest

from scaling_search.racing.alpha_spending import nominal_error, spent


def test_the_error_spent_grows_towards_the_whole_and_never_reaches_it() -> None:
    parts = [spent(seeds) for seeds in range(1, 200)]
    assert parts[:2] == [0.0, 0.0] and parts[2] == pytest.approx(0.025)
    assert all(before < after for before, after in itertools.pairwise(parts[1:]))
    assert parts[-1] < 0.05


def test_later_looks_change_nothing_for_those_before() -> None:
    alone = [nominal_error(tuple(range(1, seeds + 1))) for seeds in (3, 5, 9)]
    nominal_error(tuple(range(1, 40)))
    assert [nominal_error(tuple(range(1, seeds + 1))) for seeds in (3, 5, 9)] == alone


@pytest.mark.parametrize("looks", [(3, 4, 5, 6, 7, 8), (3, 5, 8), (8,), (4, 12)])
@pytest.mark.parametrize("candidates", [2, 8, 20])
def test_the_levels_spend_the_error_and_no_more(looks: tuple[int, ...], candidates: int) -> None:
    """Fresh random walks cross the boundaries as often as may be: another seed than the one that set them."""
    walks = 20_000
    generator = np.random.default_rng(7)
    steps = generator.standard_normal((looks[-1], candidates, walks), dtype=np.float32).cumsum(axis=0)
    stopped = np.zeros(walks, dtype=bool)
    for place, now in enumerate(looks, start=1):
        walk = steps[now - 1]
        statistic = (walk[1:].max(axis=0) - walk[0]) / np.sqrt(2 * now)
        stopped |= statistic > np.quantile(statistic, 1 - nominal_error(looks[:place]))
    assert stopped.mean() == pytest.approx(spent(looks[-1]), abs=0.005)


def test_an_extended_search_pays_for_the_looks_it_had() -> None:
    assert nominal_error((8,)) == pytest.approx(spent(8), rel=1e-3)
    assert nominal_error((3, 4, 5, 6, 7, 8)) < nominal_error((3, 8)) < nominal_error((8,))
    assert nominal_error((1, 2)) == nominal_error(()) == 0
