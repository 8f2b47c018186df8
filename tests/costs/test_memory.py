"""The training-memory estimate: term by term, map by map, and against what XLA plans."""

import json
from typing import Any

import pytest

from scaling_search.architecture.network import Network
from scaling_search.architecture.operations import (
    Activation,
    Chain,
    ChannelShuffle,
    Concat,
    Conv,
    Gate,
    LocalResponseNorm,
    Norm,
    Operation,
    Pool,
    Residual,
)
from scaling_search.architecture.toml import parse
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import count
from scaling_search.costs.memory import training_memory
from scaling_search.errors import UsageError
from scaling_search.networks import native
from tests.costs.measured_memory import FILE, measured, small

MEASURED = json.loads(FILE.read_text("utf-8"))["networks"]
# Factor by which the estimate may miss what XLA plans, either way.
FACTOR = 1.25

TINY = parse(
    'name = "tiny"\nresolution = 8\nchannels = 1\nclasses = 2\nactivation = "relu"\n'
    'stages = [{ block = "plain", width = 4 }]\nhead = {}\n'
)


def test_every_term_by_hand() -> None:
    found = training_memory(TINY, batch_size=10, slots=2)
    parameters = 9 * 4 + 2 * 4 + 4 * 2 + 2
    # What the convolution reads beyond the image, what norm and head read, logits.
    maps = (10 * 10 - 8 * 8) + 2 * 8 * 8 * 4 + 2
    assert found.maps == maps * 10 * 4
    assert found.images == 8 * 8 * 10 * (1 + 4)
    assert found.parameters == found.gradients == parameters * 4
    assert found.optimizer == 2 * parameters * 4
    assert found.statistics == 8 * 4
    assert found.average == (parameters + 8) * 4
    assert found.total == sum(vars(found).values())


def mapped(operation: Operation) -> int:
    """Maps of the input's size (8 x 8 x 4) that are kept."""
    stored, rest = divmod(count(operation, (8, 8, 4))[0].stored, 8 * 8 * 4)
    assert rest == 0
    return stored


def test_which_maps_a_backward_pass_needs() -> None:
    conv, norm, act = Conv(features=4), Norm(), Activation(kind="relu")
    assert mapped(conv) == 1
    assert mapped(Chain((conv, norm, act))) == 2, (
        "a norm and its activation keep what the norm reads and what they say"
    )
    assert mapped(Chain((conv, act, norm))) == 3
    assert mapped(Residual(branch=Chain((conv, norm)))) == 2, "the branch's last map is only added"
    assert mapped(Residual(branch=Chain((conv, norm)), shortcut=Chain((conv, norm)))) == 3
    assert mapped(Concat(branches=(conv, Chain((conv, norm, act))))) == 3, (
        "one of two maps' channels, and one inside"
    )
    assert mapped(Chain((conv, ChannelShuffle(groups=2)))) == 1
    assert mapped(Pool(kind="average", kernel=3, stride=1)) == 1
    assert mapped(Pool(kind="max", kernel=3, stride=1)) == 9
    assert mapped(LocalResponseNorm()) == 4
    assert mapped(Gate(branch=Chain())) == 1
    depthwise, dense = (count(Conv(features=4, kernel=3, groups=g), (8, 8, 4))[0].stored for g in (4, 1))
    assert (depthwise, dense) == (8 * 8 * 4, 10 * 10 * 4 - 8 * 8 * 4 + 8 * 8 * 4)


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row["network"])
def test_the_estimate_is_near_what_xla_planned(row: dict[str, Any]) -> None:
    found = training_memory(small(row), batch_size=row["batch_size"]).total
    assert 1 / FACTOR < found / row["bytes"] < FACTOR, (
        "is the file old? python -m tests.costs.measured_memory"
    )


HEADER = 'name = "t"\nresolution = 16\nclasses = 10\n'


@pytest.mark.parametrize(
    "network",
    [
        parse(
            HEADER + 'activation = "silu"\nstem = { width = 16, stride = 1 }\n'
            'stages = [{ block = "mbconv", width = 16, expand = 4 }]\nhead = {}\n'
        ),
        parse(
            HEADER + 'activation = "relu"\nnorm = "none"\n'
            'stages = [{ block = "plain", width = 16, depth = 2, pool = { kernel = 2 } }]\nhead = {}\n'
        ),
    ],
    ids=["mbconv", "plain"],
)
def test_the_estimate_is_near_what_xla_plans_today(network: Network) -> None:
    found = training_memory(network, batch_size=64).total
    lowest = 0.5 if native.version() is None else 1 / FACTOR  # see `costs.memory`
    assert lowest < found / measured(network, batch_size=64) < FACTOR


def test_maps_grow_with_the_batch_and_weights_do_not() -> None:
    one, many = (training_memory(baseline("resnet-50"), batch_size=size) for size in (1, 32))
    assert many.maps == 32 * one.maps
    assert (many.parameters, many.optimizer, many.average) == (one.parameters, one.optimizer, one.average)


def test_half_precision_halves_the_maps_alone() -> None:
    full, half = (training_memory(TINY, batch_size=4, element_bytes=size) for size in (4, 2))
    assert full.maps == 2 * half.maps and full.images > half.images
    assert full.parameters == half.parameters


def test_without_a_moving_average_nothing_is_kept_for_it() -> None:
    assert training_memory(TINY, batch_size=1, average=False).average == 0


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="batch size 0"):
        training_memory(TINY, batch_size=0)
