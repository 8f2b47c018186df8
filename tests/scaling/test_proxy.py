"""Small-image proxies: strides out from the front until the last map is 4x4."""

from __future__ import annotations

import pytest

from scaling_search.architecture.network import parts
from scaling_search.baselines.load import baseline, names
from scaling_search.costs.count import cost
from scaling_search.errors import InputError
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.scaling.proxy import SMALLEST_MAP, last_map, proxy
from scaling_search.scaling.scale import scale_network


def test_strides_go_from_the_front() -> None:
    small = proxy(baseline("efficientnet-b0"), resolution=32, width=0.25, channels=1, classes=10)
    assert small.stem is not None
    assert small.stem.model_dump()["stride"] == 1
    assert [stage.stride for stage in small.stages] == [1, 1, 2, 2, 1, 2, 1]
    assert last_map(small) == 4  # 32 / 2^3: of five strides the first two are gone
    assert (small.resolution, small.channels, small.classes) == (32, 1, 10)


def test_no_more_strides_go_than_need_be() -> None:
    base = baseline("resnet-50")
    assert proxy(base, resolution=128, channels=3, classes=1000).stem == base.stem
    small = proxy(base, resolution=32, channels=3, classes=10)
    strides = small.stem.model_dump()["stride"] if small.stem else 0, [s.stride for s in small.stages]
    assert strides == (1, [1, 2, 2, 2])
    assert last_map(small) == 4


@pytest.mark.parametrize("name", names())
def test_every_network_has_a_proxy(name: str) -> None:
    small = proxy(baseline(name), resolution=32, width=0.25, channels=3, classes=10)
    assert last_map(small) >= SMALLEST_MAP
    assert parts(small)[-1].outputs == (1, 1, 10)
    assert cost(small).parameters < cost(baseline(name)).parameters
    assert "@32px" in small.name


@pytest.mark.parametrize("name", names())
def test_every_proxy_can_be_searched(name: str) -> None:
    """phi = 1 of the paper's triple builds and costs more."""
    small = proxy(baseline(name), resolution=32, width=0.25, channels=3, classes=10)
    larger = scale_network(small, Coefficients(alpha=1.2, beta=1.1, gamma=1.15), phi=1)
    assert cost(larger).macs > cost(small).macs


def test_too_small_images_are_refused() -> None:
    with pytest.raises(InputError, match="higher proxy resolution"):
        proxy(baseline("efficientnet-b0"), resolution=3, channels=3, classes=10)
