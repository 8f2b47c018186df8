"""Fire: the module of SqueezeNet (Iandola et al. 2016, arXiv:1602.07360)."""

from __future__ import annotations

from typing import Literal, Self

from scaling_search.architecture.block import Count, Rounder, Style
from scaling_search.architecture.blocks.pooled import PooledStage
from scaling_search.architecture.operations import Concat, Operation, chain


class Fire(PooledStage):
    """1x1 squeeze to `squeeze` channels, then 1x1 and 3x3 expansions side by side, `width` channels together.

    Each convolution has norm (or bias) and activation; the 3x3 one makes half of the channels, rounded down.
    Wider: squeeze and expand. Deeper: more fire modules before the pooling.
    """

    block: Literal["fire"]
    squeeze: Count

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:  # noqa: ARG002
        large = self.width // 2
        return chain(
            style.conv(self.squeeze, stride=stride),
            Concat(
                branches=(style.conv(self.width - large), style.conv(large, kernel=3, padding=1))
                if large
                else (style.conv(self.width),)
            ),
        )

    def wider(self, rounded: Rounder) -> Self:
        return self.model_copy(update={"squeeze": rounded(self.squeeze), "width": rounded(self.width)})
