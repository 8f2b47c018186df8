"""What `make parity` says of two lists of accuracies; what it trains is checked where PyTorch is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.numpy_forward import layers
from benchmarks.parity import LIMIT, compare, networks, recipes
from scaling_search.architecture.network import operation_tree
from scaling_search.costs.count import cost
from scaling_search.networks.build import build
from scaling_search.training.steps import seed_key

SHARES = st.lists(st.floats(0, 1), min_size=2, max_size=8)


def test_means_and_their_interval() -> None:
    """Gaps of 1, 2 and 3 points: mean 2, sd 1; t(0.975, 2) = 4.3027."""
    one = compare("n", 8, 496, [0.91, 0.92, 0.93], [0.90, 0.90, 0.90])
    assert one.difference == pytest.approx(2)
    assert one.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-5)
    assert one.ours == pytest.approx((91, 92, 93))
    assert not one.within


@given(SHARES, st.floats(-0.1, 0.1))
def test_a_shift_of_all_seeds_is_the_difference(shares: list[float], shift: float) -> None:
    one = compare("n", 1, 62, [share + shift for share in shares], shares)
    assert one.difference == pytest.approx(100 * shift, abs=1e-9)
    assert one.half_width == pytest.approx(0, abs=1e-9)
    assert one.within == (abs(one.difference) <= LIMIT)


@given(SHARES, SHARES)
def test_swapping_sides_turns_the_sign_alone(ours: list[float], theirs: list[float]) -> None:
    count = min(len(ours), len(theirs))
    one, other = (
        compare("n", 1, 1, ours[:count], theirs[:count]),
        compare("n", 1, 1, theirs[:count], ours[:count]),
    )
    assert one.difference == pytest.approx(-other.difference)
    assert one.half_width == pytest.approx(other.half_width)


@pytest.mark.parametrize(("ours", "theirs"), [([0.9], [0.9]), ([0.9, 0.8], [0.9])])
def test_seeds_without_a_partner_are_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match="expected as many, two at least"):
        compare("n", 1, 1, ours, theirs)


def test_a_tenth_of_the_default_length_and_nothing_random_but_the_weights() -> None:
    """Only then can the two begin alike and see the same: PyTorch's random numbers are others."""
    short, full = recipes(1004)
    assert short.epochs == max(1, round(full.epochs / 10))
    assert (full.crop_padding, full.flip, short.crop_padding) == (0.0, False, 0.0)
    for network in networks().values():
        assert network.stochastic_depth == 0
        assert "Dropout" not in repr(operation_tree(network))


@pytest.mark.parametrize("name", list(networks()))
def test_all_weights_are_handed_over(name: str) -> None:
    network = networks()[name]
    params, _ = build(network, platform="cpu").init(seed_key(0))
    handed = [leaf for _, weights in layers(operation_tree(network), params) for leaf in weights.values()]
    assert sum(np.size(leaf) for leaf in handed) == cost(network).parameters
