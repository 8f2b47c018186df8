"""Xception's blocks."""

from scaling_search.architecture.network import parts
from scaling_search.architecture.operations import Activation, Chain, Conv, Norm, Pool, Repeat, Residual
from scaling_search.baselines.load import baseline


def residual(part: int) -> Residual:
    operation = parts(baseline("xception"))[part].operation
    assert isinstance(operation, Chain)
    first = operation.operations[0]
    found = first.operation if isinstance(first, Repeat) else first
    assert isinstance(found, Residual)
    return found


def test_entry_block_operators_in_order() -> None:
    block = residual(2)
    assert isinstance(block.branch, Chain) and isinstance(block.shortcut, Chain)
    unit = [Activation, Conv, Conv, Norm]
    assert [type(step) for step in block.branch.operations] == [*unit, *unit, Pool]
    assert [type(step) for step in block.shortcut.operations] == [Conv, Norm]


def test_middle_flow_is_eight_blocks_of_three_with_an_identity() -> None:
    operation = parts(baseline("xception"))[4].operation
    assert isinstance(operation, Chain)
    repeat = operation.operations[0]
    assert isinstance(repeat, Repeat) and len(repeat.drop_rates) == 8
    block = residual(4)
    assert block.shortcut == Chain()
    assert isinstance(block.branch, Chain) and len(block.branch.operations) == 3 * 4


def test_channels_change_first_in_the_entry_and_last_in_the_exit_flow() -> None:
    def widths(part: int) -> list[int]:
        branch = residual(part).branch
        assert isinstance(branch, Chain)
        return [step.features for step in branch.operations if isinstance(step, Conv) and step.groups == 1]

    assert widths(3) == [728, 728]
    assert widths(5) == [728, 1024]


def test_maps_are_the_papers() -> None:
    assert [part.outputs[0] for part in parts(baseline("xception"))] == [147, 74, 37, 19, 19, 10, 10, 10, 1]
