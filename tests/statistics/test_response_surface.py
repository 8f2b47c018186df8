"""The response surface: its top found where it is, and nothing said where nothing is known."""

import numpy as np
import pytest

from scaling_search.racing.simulated_trainer import ridge
from scaling_search.statistics.response_surface import fit, shares_of
from tests.statistics.scored import at_least, at_most

TOP = (0.4, 0.3, 0.3)


def test_a_triple_is_its_shares_of_the_doubling() -> None:
    assert shares_of(2, 1, 1) == pytest.approx((1, 0, 0))
    assert shares_of(1, 2**0.5, 1) == pytest.approx((0, 1, 0))
    assert shares_of(1, 1, 2**0.5) == pytest.approx((0, 0, 1))
    assert shares_of(1, 2, 1, (1, 1, 2)) == pytest.approx((0, 1, 0))
    assert shares_of(2**0.5, 2**0.5, 1, (1, 1, 2)) == pytest.approx((0.5, 0.5, 0))
    with pytest.raises(ValueError, match="shares out no doubling"):
        shares_of(1, 1, 1)


def test_without_noise_the_top_is_found_exactly() -> None:
    surface = ridge()
    found = fit(surface.triples, [0.9 - 0.003 * gap for gap in surface.gaps], [0.001] * len(surface.gaps))
    assert [share.value for share in found.shares] == pytest.approx(TOP, abs=0.02)
    assert shares_of(*found.top) == pytest.approx(TOP, abs=0.02)
    assert all(share.said for share in found.shares)
    assert found.says.startswith("Of the next doubling, give 40% (40% to 40%) to depth")


def test_with_noise_the_interval_holds_the_top() -> None:
    surface, generator, searches = ridge(), np.random.default_rng(0), 100
    held = 0
    for _ in range(searches):
        accuracy = 0.9 - 0.002 * np.array(surface.gaps) + 0.002 * generator.standard_normal(len(surface.gaps))
        shares = fit(surface.triples, accuracy.tolist(), [0.002] * len(surface.gaps)).shares
        # The search grid has steps of 1/40.
        held += all(s.low - 0.013 <= true <= s.high + 0.013 for s, true in zip(shares, TOP, strict=True))
    assert at_least(held, searches, 0.90), held


def test_a_flat_surface_is_not_read() -> None:
    surface, generator, searches = ridge(), np.random.default_rng(1), 100
    spoke = 0
    for _ in range(searches):
        accuracy = 0.9 + 0.002 * generator.standard_normal(len(surface.gaps))
        found = fit(surface.triples, accuracy.tolist(), [0.002] * len(surface.gaps))
        spoke += any(share.said for share in found.shares)
        assert any(s.said for s in found.shares) == found.says.startswith("Of the next doubling")
    assert at_most(spoke, searches, 0.05), spoke


def test_a_direction_without_a_top_inside_is_not_given_one() -> None:
    """Candidates that differ in depth alone say nothing of width against resolution."""
    triples = [(2**d, 2 ** ((1 - d) / 4), 2 ** ((1 - d) / 4)) for d in np.linspace(0, 1, 9)]
    found = fit(triples, [0.9 - (d - 0.5) ** 2 / 10 for d in np.linspace(0, 1, 9)], [0.001] * 9)
    assert found.shares[0].value == pytest.approx(0.5, abs=0.03)
    assert found.top[1] == pytest.approx(found.top[2])


def test_too_few_candidates_are_too_few() -> None:
    surface = ridge()
    found = fit(surface.triples[:4], [0.9, 0.8, 0.85, 0.88], [0.001] * 4)
    assert found.p is None or found.p > 0.05 or not any(share.said for share in found.shares)
    assert "do not say" in found.says


def test_precise_candidates_count_more() -> None:
    """One wild candidate pulls the top; known to be uncertain, it does not."""
    surface = ridge()
    accuracy = [0.9 - 0.003 * gap for gap in surface.gaps]
    accuracy[0] += 0.05
    errors = [0.001] * len(accuracy)
    pulled = fit(surface.triples, accuracy, errors)
    left = fit(surface.triples, accuracy, [0.05, *errors[1:]])
    assert abs(left.shares[0].value - 0.4) < 0.03 < abs(pulled.shares[0].value - 0.4)
