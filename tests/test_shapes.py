"""While tests run, signatures are held to: what an array must be, and that a result has the axes of the arguments."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float, Int, TypeCheckError, jaxtyped

from scaling_search.data.splits import held_out
from scaling_search.networks.grouped import pointwise
from tests.shapes import checked


def test_rooms_with_arrays_are_checked() -> None:
    with pytest.raises(TypeCheckError, match="kernel"):
        pointwise(jnp.ones((2, 3, 3, 4)), jnp.ones(4), groups=1)
    with pytest.raises(TypeCheckError, match="labels"):
        held_out(np.zeros(9), fraction=0.5, seed=0, stream=1, classes=["a"], what="set")


def test_axes_of_one_name_have_one_size() -> None:
    @jaxtyped(typechecker=checked)
    def swapped(x: Float[Array, "rows columns"], turn: bool) -> Float[Array, "columns rows"]:
        return x.T if turn else x

    assert swapped(jnp.ones((2, 3)), True).shape == (3, 2)
    with pytest.raises(TypeCheckError, match="return value"):
        swapped(jnp.ones((2, 3)), False)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ((jnp.ones(2), [jnp.ones(2)], 1), True),
        ((jnp.ones(2), [jnp.ones(2)], jnp.asarray(1)), True),
        ((jnp.ones(2), [jnp.ones(2), jnp.ones(3)], 1), False),
        ((jnp.ones(2), [], 1.5), False),
        ((jnp.ones((2, 2)), [], 1), False),
        ((jnp.ones(2), []), False),
    ],
)
def test_arrays_inside_of_tuples_lists_and_unions_are_checked(value: Any, fits: bool) -> None:
    @jaxtyped(typechecker=checked)
    def given() -> tuple[Float[Array, " n"], list[Float[Array, " n"]], Int[Array, ""] | int]:
        return value  # type: ignore[no-any-return]

    if fits:
        assert given() is value
    else:
        with pytest.raises(TypeCheckError):
            given()
