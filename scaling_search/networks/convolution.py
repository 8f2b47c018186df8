"""Convolution by whichever formulation is fastest for its shape and platform, all equal within rounding.

XLA's CPU backend lowers a grouped convolution and the gradients of a dense one naively, while its matrix
products are excellent; so on a CPU every convolution is rewritten in terms of what is fast there.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from scaling_search.errors import InputError
from scaling_search.networks import native
from scaling_search.networks.arrays import Kernel, Maps, NewMaps, Padding
from scaling_search.networks.dense import dense
from scaling_search.networks.depthwise import depthwise, shift_and_add
from scaling_search.networks.grouped import grouped, pointwise


def convolve(
    x: Maps,
    kernel: Kernel,
    *,
    stride: int,
    padding: Padding,
    groups: int,
    platform: str,
    batched: bool = False,
) -> NewMaps:
    """Cross-correlate images with a kernel, as `lax.conv_general_dilated` does, and faster.

    `y[b, p, q, o] = Σ_{i,j,c} x̂[b, p·stride + i, q·stride + j, g(o)·C_in/groups + c] · kernel[i, j, c, o]`
    where x̂ is x padded with zeros and g(o) = ⌊o·groups/C_out⌋.

    Shapes: x (B, H, W, C_in); kernel (kh, kw, C_in/groups, C_out), output channels ordered by group;
    padding ((top, bottom), (left, right)); result (B, H', W', C_out) in x's type, summed in float32.
    `platform` is the backend that will run it ("cpu", "gpu", "tpu", or `native.PLAIN`); `batched` says that it will be
    batched over kernels too (`jax.vmap`), as seeds that train together are.
    Raises InputError where channels and groups don't agree.
    """
    channels, (_, _, group_channels, features) = x.shape[-1], kernel.shape
    if channels != groups * group_channels or features % groups:
        raise InputError(
            f"a convolution of {channels} channels to {features} cannot have {groups} groups of {group_channels}"
        )
    apart = groups > 1 and group_channels == 1
    mixing = kernel.shape[:2] == (1, 1) and padding == ((0, 0), (0, 0)) and not apart
    # Batched over kernels a convolution gets a group for each, and its weight gradient a filter as large as the map.
    if platform not in ("cpu", native.PLAIN) and not (batched and mixing):
        return reference(x, kernel, stride=stride, padding=padding, groups=groups)
    if mixing:
        return pointwise(x[:, ::stride, ::stride], kernel[0, 0], groups=groups)
    if apart:
        if features > groups:
            x = jnp.repeat(x, features // groups, axis=-1)
        each = shift_and_add if platform == native.PLAIN else depthwise
        return each(x, kernel[:, :, 0], stride, padding)
    if native.serves(platform):
        return dense(x, kernel, stride, padding, groups)
    if groups > 1:
        return grouped(x, kernel, stride=stride, padding=padding, groups=groups)
    return reference(x, kernel, stride=stride, padding=padding, groups=groups)


def reference(
    x: Maps,
    kernel: Kernel,
    *,
    stride: int,
    padding: Padding,
    groups: int,
) -> NewMaps:
    """The same convolution by XLA's own operation: what every fast path is tested against."""
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )
