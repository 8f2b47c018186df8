"""Fractal, the block of FractalNet."""

import pytest

from scaling_search.architecture.blocks.fractal import Fractal
from scaling_search.architecture.network import Network, parts
from scaling_search.architecture.operations import Chain, Conv, Mean, Operation
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost


def with_columns(columns: int) -> Network:
    network = baseline("fractalnet")
    stages = tuple(stage.model_copy(update={"columns": columns}) for stage in network.stages)
    return network.model_copy(update={"stages": stages})


def longest(operation: Operation) -> int:
    """Convolutions on the longest path."""
    match operation:
        case Conv():
            return 1
        case Chain():
            return sum(longest(step) for step in operation.operations)
        case Mean():
            return max(longest(branch) for branch in operation.branches)
        case _:
            return 0


def joined(operation: Operation) -> int:
    """Columns that meet in the collapsed join that `operation` ends in."""
    match operation:
        case Mean():
            return sum(joined(branch) for branch in operation.branches)
        case Chain() if operation.operations:
            return joined(operation.operations[-1])
        case _:
            return 1


# The ultra-deep table of the paper (CIFAR-100++): columns, depth, parameters in millions.
@pytest.mark.parametrize(
    ("columns", "depth", "millions"),
    [(1, 5, 0.3), (2, 10, 0.8), (3, 20, 2.1), (4, 40, 4.8), (5, 80, 10.2), (6, 160, 21.1)],
)
def test_depth_and_parameters_are_the_papers(columns: int, depth: int, millions: float) -> None:
    network = with_columns(columns)
    assert sum(longest(part.operation) for part in parts(network)[:-1]) == depth
    assert cost(network).parameters / 1e6 == pytest.approx(millions, abs=0.05)


def test_joins_collapse_to_the_number_of_columns() -> None:
    stage = parts(baseline("fractalnet"))[0].operation
    assert isinstance(stage, Chain)
    block = stage.operations[0]
    assert isinstance(block, Mean)
    assert joined(block) == 4
    assert block.drop_rate == 0.15


def test_one_column_is_a_plain_convolution() -> None:
    stage = with_columns(1).stages[0]
    assert isinstance(stage, Fractal)
    assert not isinstance(parts(with_columns(1))[0].operation, Mean)
    assert (
        cost(with_columns(1)).parameters
        == sum(9 * a * b + 2 * b for a, b in ((3, 16), (16, 32), (32, 64), (64, 128), (128, 128))) + 129 * 100
    )
