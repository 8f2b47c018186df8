"""Widths that groups move far from what a triple asks for, whichever block has them."""

from __future__ import annotations

import pytest

from scaling_search.architecture.toml import parse
from scaling_search.baselines.load import load
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale_network
from scaling_search.search.plan.caveats import grouped

NETWORK = """
name = "n"
resolution = 16
channels = 1
classes = 10
activation = "relu"
stem = {{ width = {width}, stride = 1, multiple = {multiple} }}
stages = [{{ {stage} }}]
head = {{}}
"""
PLAIN = 'block = "basic", width = 16'
# What stands where, and the width that its groups make of 1.2 times as wide.
MOVED = {
    "a plain convolution": (
        16,
        16,
        'block = "plain", width = 16, groups = 16',
        "stage 1: groups make a width of 32",
    ),
    "a bottleneck inside": (
        16,
        1,
        'block = "bottleneck", width = 64, inner = 16, groups = 16',
        "stage 1: groups make",
    ),
    "a shuffled unit": (
        32,
        8,
        'block = "shuffle-v1", width = 32, groups = 8',
        "stage 1: groups make a width of 64",
    ),
    "halves": (2, 1, 'block = "shuffle-v2", width = 2, stride = 2', "stage 1: groups make a width of 4"),
    "groups of the next stage": (16, 16, PLAIN, "stem: groups make a width of 32 where 19 was asked"),
}


def said_of(text: str, beta: float, divisor: int) -> list[str]:
    base = parse(text)
    triple = Coefficients(alpha=1.0, beta=beta, gamma=1.0)
    network = scale_network(base, triple, phi=1, rounding=Rounding(divisor=divisor))
    return grouped(network, base, beta, divisor)


@pytest.mark.parametrize(("width", "multiple", "stage", "said"), MOVED.values(), ids=MOVED)
def test_what_groups_move_is_said(width: int, multiple: int, stage: str, said: str) -> None:
    text = NETWORK.format(width=width, multiple=multiple, stage=stage)
    found = said_of(text, 1.2, 1)
    assert any(line.startswith(said) for line in found), found
    assert said_of(text, 1.0, 1) == said_of(text, 2.0, 1) == [], "nothing is moved"


@pytest.mark.parametrize("divisor", [16, 32])
def test_what_the_divisor_moves_is_not_put_down_to_groups(divisor: int) -> None:
    text = NETWORK.format(width=32, multiple=16, stage='block = "plain", width = 32, groups = 16')
    assert said_of(text, 1.2, divisor) == []


@pytest.mark.parametrize("name", ["resnet-18", "mobilenetv2", "vgg-16", "densenet-121", "efficientnet-b0"])
def test_networks_without_groups_have_nothing_to_say(name: str) -> None:
    base = load(name)
    network = scale_network(base, Coefficients(alpha=1.0, beta=1.2, gamma=1.0), phi=1, rounding=Rounding())
    assert grouped(network, base, 1.2, 8) == []
