"""Squeeze-and-excite (Hu et al. 2018) as one kernel each way: on a CPU its thirteen small operations take XLA longer to
compile than anything else in a small network.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32

from scaling_search.architecture.operations import Activation, Chain, Conv, GlobalPool, Operation
from scaling_search.networks import native

# In the order of `enum Activation` in kernels/normalization.h.
_IN_KERNEL = ("identity", "relu", "relu6", "silu", "hard_swish", "sigmoid", "hard_sigmoid")

Kinds = tuple[str, str]


def kinds(branch: Operation) -> Kinds | None:
    """The two activations of a gate's branch that is a squeeze-and-excite the kernel can run; None for any other."""
    match branch:
        case Chain(
            operations=(
                GlobalPool(),
                Conv(kernel=1, stride=1, groups=1, bias=True),
                Activation(kind=inner),
                Conv(kernel=1, stride=1, groups=1, bias=True),
                Activation(kind=outer),
            )
        ) if inner in _IN_KERNEL and outer in _IN_KERNEL:
            return inner, outer
    return None


@partial(jax.custom_vjp, nondiff_argnums=(5,))
def squeeze_and_excite(
    x: Float32[Array, "batch height width channels"],
    w1: Float32[Array, "channels reduced"],
    b1: Float32[Array, " reduced"],
    w2: Float32[Array, "reduced channels"],
    b2: Float32[Array, " channels"],
    kinds: Kinds,
) -> Float32[Array, "batch height width channels"]:
    """`y = x · outer(inner(mean(x)·w1 + b1)·w2 + b2)`, (inner, outer) = `kinds`, the mean over an image's pixels.

    Needs `native.version()`.
    """
    return _forward(x, w1, b1, w2, b2, kinds)[0]


def _forward(
    x: jax.Array, w1: jax.Array, b1: jax.Array, w2: jax.Array, b2: jax.Array, kinds: Kinds
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    wide, narrow = (len(x), len(w1)), (len(x), len(w2))
    results = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (x.shape, wide, narrow, wide)]
    y, *inside = native.call("gate_forward", results, x, w1, b1, w2, b2, **_attributes(kinds))
    return y, (x, w1, b1, w2, b2, *inside)


def _backward(kinds: Kinds, saved: tuple[jax.Array, ...], grad: jax.Array) -> tuple[jax.Array, ...]:
    x, w1, b1, w2, b2, *inside = saved
    results = [jax.ShapeDtypeStruct(array.shape, jnp.float32) for array in (x, w1, b1, w2, b2)]
    return tuple(native.call("gate_backward", results, x, grad, w1, w2, *inside, **_attributes(kinds)))


squeeze_and_excite.defvjp(_forward, _backward)


def _attributes(kinds: Kinds) -> dict[str, np.int64]:
    inner, outer = (np.int64(_IN_KERNEL.index(kind)) for kind in kinds)
    return {"inner": inner, "outer": outer}
