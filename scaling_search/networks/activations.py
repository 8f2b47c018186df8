"""The elementwise non-linearities that `architecture.operations.ACTIVATIONS` names."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

ACTIVATE: dict[str, Callable[[jax.Array], jax.Array]] = {
    "silu": jax.nn.silu,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "sigmoid": jax.nn.sigmoid,
    "hard_swish": jax.nn.hard_swish,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "gelu": jax.nn.gelu,
    "tanh": jnp.tanh,
    "identity": lambda x: x,
}


def activate(x: Float[Array, "*shape"], kind: str) -> Float[Array, "*shape"]:
    """The activation `kind`, elementwise. Errors: KeyError for a name that the architecture does not know."""
    return ACTIVATE[kind](x)
