"""Mlpconv: the layer of Network in Network (Lin, Chen & Yan 2013, arXiv:1312.4400)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from scaling_search.architecture.block import Count, Kernel, Rounder, Style
from scaling_search.architecture.blocks.pooled import PooledStage, Side
from scaling_search.architecture.operations import Operation, chain


class Mlpconv(PooledStage):
    """k x k convolution, then 1x1 convolutions: a small perceptron slid over the map; behind the last, pooling.

    The channels are `inner` in turn and then `width`; each convolution has norm (or bias) and activation.
    Wider: all of these channels. Deeper: more mlpconv layers before the pooling.
    """

    block: Literal["mlpconv"]
    kernel: Kernel = 3
    padding: Side | None = None
    inner: Annotated[tuple[Count, ...], Field(min_length=1, strict=False)]

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:  # noqa: ARG002
        first, *rest = *self.inner, self.width
        return chain(
            style.conv(first, kernel=self.kernel, stride=stride, padding=self.padding),
            *(style.conv(width) for width in rest),
        )

    def wider(self, rounded: Rounder) -> Self:
        inner = tuple(rounded(width) for width in self.inner)
        return self.model_copy(update={"inner": inner, "width": rounded(self.width)})
