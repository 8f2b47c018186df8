"""The stems and heads that most families share."""

from __future__ import annotations

from typing import Literal, Self

from scaling_search.architecture.block import Count, Head, Kernel, Rate, Rounder, Stem, Stride, Style, dropped
from scaling_search.architecture.operations import Dense, GlobalPool, Operation, Pool, chain


class ConvStem(Stem):
    """k x k convolution, norm, activation; with `pool`, a max pooling of that kernel and stride 2 behind.

    `bare` is the convolution alone: pre-activation networks normalise in their blocks. Wider: its channels, kept a
    multiple of `multiple` where the blocks behind work in groups.
    """

    block: Literal["conv"] = "conv"
    width: Count
    kernel: Kernel = 3
    stride: Stride = 2
    pool: Kernel | None = None
    bare: bool = False
    multiple: Count = 1

    def operation(self, *, style: Style) -> Operation:
        pool = self.pool and Pool(kind="max", kernel=self.pool, stride=2, padding=style.padding)
        conv = style.bare if self.bare else style.conv
        return chain(conv(self.width, kernel=self.kernel, stride=self.stride), pool or None)

    def wider(self, rounded: Rounder) -> Self:
        return self.model_copy(update={"width": rounded(self.width, multiple=self.multiple)})

    def without_stride(self) -> Self | None:
        if self.stride > 1:
            return self.model_copy(update={"stride": 1})
        return None if self.pool is None else self.model_copy(update={"pool": None})


class ConvHead(Head):
    """1x1 convolution to `width` channels (where given), norm, activation, global mean, dropout, dense layer.

    With `normalise`, a norm and activation of the incoming map come first: what pre-activation networks end in.
    Wider: the convolution's channels.
    """

    block: Literal["conv"] = "conv"
    width: Count | None = None
    dropout: Rate = 0.0
    normalise: bool = False

    def operation(self, *, inputs: int, classes: int, style: Style) -> Operation:  # noqa: ARG002
        return chain(
            style.preact() if self.normalise else None,
            (self.width and style.conv(self.width)) or None,
            GlobalPool(),
            dropped(self.dropout),
            Dense(features=classes),
        )

    def wider(self, rounded: Rounder) -> Self:
        return self if self.width is None else self.model_copy(update={"width": rounded(self.width)})
