"""The training-memory estimate, term by term."""

import pytest

from scaling_search.architecture.toml import parse
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost
from scaling_search.costs.memory import training_memory
from scaling_search.errors import UsageError

TINY = parse(
    'name = "tiny"\nresolution = 8\nchannels = 1\nclasses = 2\nactivation = "relu"\n'
    'stages = [{ block = "plain", width = 4 }]\nhead = {}\n'
)


def test_every_term_by_hand() -> None:
    found = training_memory(TINY, batch_size=10, slots=2)
    parameters = 9 * 4 + 2 * 4 + 4 * 2 + 2
    maps = 3 * 8 * 8 * 4 + 2  # convolution, norm and activation outputs; logits
    assert found.maps == maps * 10 * 4
    assert found.images == 8 * 8 * 10
    assert found.parameters == found.gradients == parameters * 4
    assert found.optimizer == 2 * parameters * 4
    assert found.statistics == 8 * 4
    assert found.average == (parameters + 8) * 4
    assert found.total == sum(vars(found).values())


def test_maps_grow_with_the_batch_and_weights_do_not() -> None:
    one, many = (training_memory(baseline("resnet-50"), batch_size=size) for size in (1, 32))
    assert many.maps == 32 * one.maps
    assert (many.parameters, many.optimizer, many.average) == (one.parameters, one.optimizer, one.average)


def test_half_precision_halves_the_maps_alone() -> None:
    full, half = (training_memory(TINY, batch_size=4, element_bytes=size) for size in (4, 2))
    assert full.maps == 2 * half.maps
    assert full.parameters == half.parameters


def test_without_a_moving_average_nothing_is_kept_for_it() -> None:
    assert training_memory(TINY, batch_size=1, average=False).average == 0


def test_stored_elements_cover_at_least_the_activations() -> None:
    for name in ("efficientnet-b0", "densenet-121", "googlenet", "fractalnet"):
        assert cost(baseline(name)).stored >= cost(baseline(name)).activations


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="batch size 0"):
        training_memory(TINY, batch_size=0)
