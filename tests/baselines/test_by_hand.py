"""Networks that are not built in, written by hand as a user would: they count exactly as published."""

import pytest

from scaling_search.architecture.network import Network
from scaling_search.architecture.toml import parse, write
from scaling_search.costs.count import cost
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.scale import scale

RESNET_101 = """
name = "resnet-101"
source = "He et al. 2015, arXiv:1512.03385, Table 1"
resolution = 224
activation = "relu"
padding = "symmetric"
stem = { width = 64, kernel = 7, stride = 2, pool = 3 }
stages = [
  { block = "bottleneck", depth = 3, width = 256, inner = 64 },
  { block = "bottleneck", depth = 4, width = 512, stride = 2, inner = 128 },
  { block = "bottleneck", depth = 23, width = 1024, stride = 2, inner = 256 },
  { block = "bottleneck", depth = 3, width = 2048, stride = 2, inner = 512 },
]
head = {}
"""
VGG_19 = """
name = "vgg-19"
source = "Simonyan & Zisserman 2014, arXiv:1409.1556, Table 1, configuration E"
resolution = 224
activation = "relu"
norm = "none"
padding = "symmetric"
stages = [
  { block = "plain", depth = 2, width = 64, pool = { kernel = 2 } },
  { block = "plain", depth = 2, width = 128, pool = { kernel = 2 } },
  { block = "plain", depth = 4, width = 256, pool = { kernel = 2 } },
  { block = "plain", depth = 4, width = 512, pool = { kernel = 2 } },
  { block = "plain", depth = 4, width = 512, pool = { kernel = 2 } },
]
head = { block = "flatten", widths = [4096, 4096], dropout = 0.5 }
"""
SQUEEZENET_1_1 = """
name = "squeezenet-1.1"
source = "the authors' release 1.1"
resolution = 224
activation = "relu"
norm = "none"
padding = "symmetric"
stem = { block = "layers", layers = [
  { width = 64, stride = 2, padding = "valid", pool = { kernel = 3, ceil = true } }
] }
stages = [
  { block = "fire", depth = 2, width = 128, squeeze = 16, pool = { kernel = 3, ceil = true } },
  { block = "fire", depth = 2, width = 256, squeeze = 32, pool = { kernel = 3, ceil = true } },
  { block = "fire", depth = 2, width = 384, squeeze = 48 },
  { block = "fire", depth = 2, width = 512, squeeze = 64 },
]
head = { block = "maps", dropout = 0.5 }
"""
# Parameters and rounded multiply-adds (in thousands of millions) as torchvision's documentation prints them.
PUBLISHED = {
    "resnet-101": (RESNET_101, 44_549_160, 7.80, 2),
    "vgg-19": (VGG_19, 143_667_240, 19.6, 1),
    "squeezenet-1.1": (SQUEEZENET_1_1, 1_235_496, 0.35, 2),
}


def network(name: str) -> Network:
    return parse(PUBLISHED[name][0])


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_as_published(name: str) -> None:
    _, parameters, macs, digits = PUBLISHED[name]
    assert cost(network(name)).parameters == parameters
    assert round(cost(network(name)).macs / 1e9, digits) == macs


@pytest.mark.parametrize("name", PUBLISHED)
def test_scales_shrinks_and_survives_writing(name: str) -> None:
    mine = network(name)
    assert parse(write(mine)) == mine
    assert cost(scale(mine, depth=1.2, width=1.1, resolution=1.15)).macs > 2 * cost(mine).macs
    small = proxy(mine, resolution=32, width=0.25, channels=1, classes=10)
    assert cost(small).macs < cost(mine).macs
