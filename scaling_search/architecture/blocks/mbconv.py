"""MBConv: the mobile inverted bottleneck of MobileNetV2, MnasNet and EfficientNet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scaling_search.architecture.block import Kernel, Stage, Style
from scaling_search.architecture.operations import (
    Activation,
    Chain,
    Conv,
    Gate,
    GlobalPool,
    Operation,
    Residual,
    chain,
)


def squeeze_and_excite(*, channels: int, squeezed: int, inner: str, gate: str = "sigmoid") -> Gate:
    """Global mean, 1x1 to `squeezed` (bias), `inner`, 1x1 to `channels` (bias), `gate` (Hu et al. 2018)."""
    return Gate(
        branch=chain(
            GlobalPool(),
            Conv(features=squeezed, bias=True),
            Activation(kind=inner),
            Conv(features=channels, bias=True),
            Activation(kind=gate),
        )
    )


class MBConv(Stage):
    """1x1 expansion, k x k depthwise, squeeze-and-excite, linear 1x1 projection; residual where shapes agree.

    The expansion is left out at `expand = 1`. The squeeze has `squeeze` of the block's *input* channels, as in
    the reference EfficientNet. Wider: output channels, and with them the expansion.
    """

    block: Literal["mbconv"]
    kernel: Kernel = 3
    expand: Annotated[float, Field(gt=0, le=100)] = 6
    squeeze: Annotated[float, Field(gt=0, le=1)] | None = None

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:
        inner = round(inputs * self.expand)
        branch = chain(
            style.conv(inner) if self.expand != 1 else None,
            style.conv(inner, kernel=self.kernel, stride=stride, groups=inner),
            squeeze_and_excite(
                channels=inner, squeezed=max(1, int(inputs * self.squeeze)), inner=style.activation
            )
            if self.squeeze
            else None,
            style.conv(self.width, act=False),
        )
        if stride == 1 and inputs == self.width:
            return Residual(branch=branch, shortcut=Chain(), drop_rate=drop_rate)
        return branch
