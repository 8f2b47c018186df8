"""A large network starts as a small one: `make start` has the table of all of them, at every phi."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import start
from benchmarks.numpy_forward import forward
from scaling_search.architecture.network import operation_tree
from scaling_search.baselines.load import names
from scaling_search.data import augment, catalog
from scaling_search.data.dataset import Dataset
from scaling_search.networks.build import build
from scaling_search.training.recipe import named


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return catalog.load("digits")


# Compiling is what these tests pay for.
FAST_COMPILE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
# B1 to B6 lie between B0 and B7.
NAMES = [name for name in names() if name not in {f"efficientnet-b{index}" for index in range(1, 7)}]


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_starts_near_the_logarithm_of_the_classes(name: str, digits: Dataset) -> None:
    """At phi = 4, where most blocks are added up."""
    assert start.start_loss(start.small(name, 4), digits, "small-head") < start.LOSS_LIMIT


def test_the_papers_ways_do_not(digits: Dataset) -> None:
    """Residual sums that no norm ends, and branches that nothing normalises."""
    for name in ("resnet-56", "squeezenet-1.0"):
        assert start.start_loss(start.small(name, 2), digits, "reference") > 1.5


@pytest.mark.parametrize("phi", [0, 1, 2, 3])
def test_every_member_of_a_family_does(phi: int, digits: Dataset) -> None:
    for name in ("efficientnet-b0", "resnet-56", "shufflenetv1-1.0", "googlenet"):
        assert start.start_loss(start.small(name, phi), digits, "small-head") < start.LOSS_LIMIT


def test_gradients_are_as_large_after_ten_steps(digits: Dataset) -> None:
    recipe = named("fast", images=len(digits.train))
    norms = [
        start.gradient_norm(
            start.small("resnet-18", phi, resolution=8, width=0.125), digits, recipe, **FAST_COMPILE
        )
        for phi in (0, 4)
    ]
    assert 1 / start.GRADIENT_LIMIT < norms[1] / norms[0] < start.GRADIENT_LIMIT  # the reference's: 7


def test_several_seeds_give_the_mean_of_each(digits: Dataset) -> None:
    recipe = named("fast", images=len(digits.train))
    network = start.small("resnet-18", 0, resolution=8, width=0.125)
    one, other, both = (
        start.gradient_norm(network, digits, recipe, seeds=seeds, **FAST_COMPILE)
        for seeds in ((0,), (1,), (0, 1))
    )
    assert one != other
    assert both == pytest.approx((one + other) / 2)


@pytest.mark.parametrize("name", ["shufflenetv1-1.0", "resnet-56"])
def test_the_pass_in_numpy_is_the_networks_own(name: str, digits: Dataset) -> None:
    """Groups, shuffles, concatenations, pooling and stacked weights of a loop."""
    network = start.small(name, 0, resolution=16, width=0.125)
    model = build(network, platform="cpu", init="small-head")
    params, stats = model.init(jax.random.key(0))
    images = augment.normalise(jnp.asarray(augment.resize(digits.train.images[:4], 16)), *digits.moments)
    run = jax.jit(
        lambda *given: model.apply(*given, train=True, key=jax.random.key(0))[0],
        compiler_options=FAST_COMPILE,
    )
    ours = forward(operation_tree(network), params, np.asarray(images), [])
    np.testing.assert_allclose(ours.reshape(4, -1), run(params, stats, images), rtol=1e-3, atol=1e-5)
