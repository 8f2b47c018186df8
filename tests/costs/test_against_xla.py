"""Multiply-adds as JAX and XLA see them in the network that was built, against those counted without it.

Two independent counts. The convolutions and matrix products in the traced program, with the additions of their biases,
are our MACs to the unit: padding counts as any other pixel, as in every published figure. XLA's own analysis leaves
out what meets padding, counts two operations for a multiply-add, and adds all that is no product; so its figure must
lie between twice the products without padding, and that with everything else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.extend.core import Jaxpr, JaxprEqn, Var, jaxprs_in_params

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost
from scaling_search.networks.build import build
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.rounding import Rounding

# One of each kind of block, and what only one network has: unequal padding, groups, loops, joins, bias without norm.
NETWORKS = (
    "alexnet",
    "densenet-121",
    "efficientnet-b0",
    "efficientnetv2-b0",
    "fractalnet",
    "googlenet",
    "lenet-5",
    "mobilenetv1",
    "network-in-network",
    "preact-resnet-164",
    "resnet-18",
    "resnext-50-32x4d",
    "shufflenetv1-1.0",
    "shufflenetv2-1.0",
    "squeezenet-1.0",
    "vgg-16",
    "xception",
)
# HLO has no logistic that counts once: 1 / (1 + exp(-x)).
OPERATIONS = {"logistic": 4}
PRODUCTS = ("conv_general_dilated", "dot_general")


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Of one image, forward: products, those of them that meet no padding, biases added, anything else at most."""

    products: int
    inside: int
    biases: int
    others: int


def small(name: str) -> Network:
    rounding = Rounding(depth="round", divisor=8)
    return proxy(
        baseline(name), resolution=32, width=0.25, depth=0.25, channels=3, classes=10, rounding=rounding
    )


def forward(network: Network, loop_from: int) -> tuple[Any, tuple[Any, ...]]:
    """The network's forward pass in XLA's own operations, and what it is called with."""
    model = build(network, platform="gpu", loop_from=loop_from)
    weights = jax.eval_shape(model.init, jax.random.key(0))
    image = jax.ShapeDtypeStruct((1, network.resolution, network.resolution, 3), jnp.float32)

    def apply(params: Any, stats: Any, images: Any) -> Any:
        return model.apply(params, stats, images, train=False, key=jax.random.key(0))[0]

    return apply, (*weights, image)


def equations(jaxpr: Jaxpr, times: int = 1) -> Iterator[tuple[JaxprEqn, dict[Any, str], int]]:
    """Each equation with the primitive that made each variable, and how often it runs."""
    made: dict[Any, str] = {}
    for equation in jaxpr.eqns:
        made |= dict.fromkeys(equation.outvars, equation.primitive.name)
        inner = list(jaxprs_in_params(equation.params))
        if not inner:
            yield equation, made, times
        assert equation.primitive.name not in ("while", "cond"), "how often does it run?"
        for sub in inner:
            yield from equations(sub, times * equation.params.get("length", 1))


def count(jaxpr: Jaxpr) -> Counted:
    products = inside = biases = others = 0
    for equation, made, times in equations(jaxpr):
        operands = [variable.aval for variable in equation.invars]
        out = equation.outvars[0].aval
        name = equation.primitive.name
        if name in PRODUCTS:
            whole, valid = product(equation, operands, out)
            products += times * whole
            inside += times * valid
            continue
        largest = max(aval.size for aval in (*operands, out))
        others += times * largest * OPERATIONS.get(name, 1)
        sources = {made.get(variable) for variable in equation.invars if isinstance(variable, Var)}
        if name == "add" and sources & {"broadcast_in_dim", "reshape"} and sources & set(PRODUCTS):
            biases += times * out.size
    return Counted(products=products, inside=inside, biases=biases, others=others)


def product(equation: JaxprEqn, operands: list[Any], out: Any) -> tuple[int, int]:
    """Multiply-adds of a product, and of its part inside the map."""
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        whole = out.size * math.prod(operands[0].shape[axis] for axis in contracted)
        return whole, whole
    images, kernel = operands
    layout = equation.params["dimension_numbers"]
    features, inputs, *sides = layout.rhs_spec
    assert out.shape[layout.out_spec[1]] == kernel.shape[features]
    valid = out.shape[layout.out_spec[0]] * kernel.shape[features] * kernel.shape[inputs]
    for place, (low, _) in enumerate(equation.params["padding"]):
        stride = equation.params["window_strides"][place]
        size, steps = (
            aval.shape[spec[2 + place]] for aval, spec in ((images, layout.lhs_spec), (out, layout.out_spec))
        )
        valid *= sum(
            0 <= step * stride + tap - low < size
            for step in range(steps)
            for tap in range(kernel.shape[sides[place]])
        )
    return out.size * math.prod(kernel.shape) // kernel.shape[features], valid


@pytest.mark.parametrize("name", NETWORKS)
def test_macs_are_the_products_of_the_traced_program_to_the_unit(name: str) -> None:
    network = small(name)
    apply, arguments = forward(network, loop_from=4)
    found = count(jax.make_jaxpr(apply)(*arguments).jaxpr)
    assert found.products + found.biases == cost(network).macs


@pytest.mark.parametrize(
    "name", ["efficientnet-b0", "googlenet", "mobilenetv1", "resnet-18", "shufflenetv1-1.0"]
)
def test_xla_counts_two_operations_for_a_mac_that_meets_no_padding_and_what_is_no_product(name: str) -> None:
    network = small(name)
    # Unrolled: XLA counts a loop's body once.
    apply, arguments = forward(network, loop_from=1000)
    found = count(jax.make_jaxpr(apply)(*arguments).jaxpr)
    flops = jax.jit(apply).lower(*arguments).cost_analysis()["flops"]
    assert 2 * found.inside <= flops <= 2 * found.inside + found.others
