"""Dense: the layer of DenseNet-BC (Huang et al. 2016, arXiv:1608.06993)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scaling_search.architecture.block import Kernel, Rate, Stage, Style, dropped
from scaling_search.architecture.operations import Chain, Concat, Operation, Pool, chain


class Dense(Stage):
    """The map, and beside it `width` new channels: norm, activation, 1x1, norm, activation, k x k convolution.

    The 1x1 convolution has `bottleneck` times `width` channels; 0 leaves it out. With `compression` the stage opens
    with a transition: norm, activation, 1x1 convolution to that share of the channels (rounded down), mean pooling by
    the stride. Wider: `width`, which is the growth rate, and all else follows from it. Deeper: more layers, each of
    which also makes the map wider by the growth rate.
    """

    block: Literal["dense"]
    kernel: Kernel = 3
    bottleneck: Annotated[int, Field(ge=0, le=64)] = 4
    compression: Annotated[float, Field(gt=0, le=1)] | None = None
    dropout: Rate = 0.0

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:  # noqa: ARG002
        inner = self.bottleneck * self.width
        new = chain(
            self._conv(inner, 1, style) if inner else None,
            self._conv(self.width, self.kernel, style),
            dropped(self.dropout),
        )
        return Concat(branches=(Chain(), new))

    def block_at(self, index: int, *, inputs: int, drop_rate: float, style: Style) -> Operation:
        layer = self.operation(inputs=inputs, stride=1, drop_rate=drop_rate, style=style)
        if index > 0:
            return layer
        transition = self.compression and self._conv(max(1, int(inputs * self.compression)), 1, style)
        pool = Pool(kind="average", kernel=self.stride, stride=self.stride, padding="valid")
        return chain(transition or None, pool if self.stride > 1 else None, layer)

    @staticmethod
    def _conv(features: int, kernel: int, style: Style) -> Chain:
        return chain(style.preact(), style.bare(features, kernel=kernel))
