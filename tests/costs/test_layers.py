"""The rows of `cost --layers`."""

import pytest

from scaling_search.baselines.load import baseline, names
from scaling_search.costs.count import cost
from scaling_search.costs.layers import layers


@pytest.mark.parametrize("name", names())
def test_rows_add_up_to_the_network(name: str) -> None:
    network = baseline(name)
    rows, whole = layers(network), cost(network)
    for figure in ("parameters", "batch_stats", "macs", "activations"):
        assert sum(getattr(row, figure) for row in rows) == getattr(whole, figure)
    assert [row.depth for row in rows if row.depth is not None] == list(network.depths)
    assert rows[-1].shape == (1, 1, network.classes)


def test_a_row_says_what_stands_there() -> None:
    stem, first, *_, head = layers(baseline("efficientnet-b0"))
    assert (stem.part, stem.block, stem.depth, stem.shape, stem.stride) == (
        "stem",
        "conv",
        None,
        (112, 112, 32),
        2,
    )
    assert (first.part, first.block, first.depth, first.shape) == ("stage 1", "mbconv", 1, (112, 112, 16))
    assert (first.receptive_field, first.parameters) == (7, 1_448)
    assert (head.part, head.macs) == ("head", 320 * 1280 * 49 + 1280 * 1000 + 1000)


def test_without_a_stem_the_first_row_is_a_stage() -> None:
    assert layers(baseline("vgg-16"))[0].part == "stage 1"
