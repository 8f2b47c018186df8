"""MBConv, the mobile inverted bottleneck of MobileNetV2, MnasNet and EfficientNet, and its fused form."""

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


def squeeze(fraction: float | None, of: int, channels: int, style: Style) -> Gate | None:
    """Squeeze-and-excite of `channels` to that fraction of a number of channels, where there is any."""
    if not fraction:
        return None
    squeezed = max(1, int(of * fraction))
    return squeeze_and_excite(channels=channels, squeezed=squeezed, inner=style.activation)


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
            squeeze(self.squeeze, inputs, inner, style),
            style.conv(self.width, act=False),
        )
        return _skip(branch, inputs == self.width and stride == 1, drop_rate)


class FusedMBConv(Stage):
    """k x k expansion (of the block's stride), squeeze-and-excite, linear 1x1 projection; residual where shapes agree.

    At `expand = 1` it is one k x k convolution with activation and no projection (Tan & Le 2021, EfficientNetV2). The
    squeeze has `squeeze` of the block's input channels. Wider: output channels, and with them the expansion.
    """

    block: Literal["fused-mbconv"]
    kernel: Kernel = 3
    expand: Annotated[float, Field(gt=0, le=100)] = 4
    squeeze: Annotated[float, Field(gt=0, le=1)] | None = None

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:
        inner = round(inputs * self.expand)
        if self.expand == 1:
            branch = chain(
                style.conv(self.width, kernel=self.kernel, stride=stride),
                squeeze(self.squeeze, inputs, self.width, style),
            )
        else:
            branch = chain(
                style.conv(inner, kernel=self.kernel, stride=stride),
                squeeze(self.squeeze, inputs, inner, style),
                style.conv(self.width, act=False),
            )
        return _skip(branch, inputs == self.width and stride == 1, drop_rate)


def _skip(branch: Chain, agrees: bool, drop_rate: float) -> Operation:
    return Residual(branch=branch, shortcut=Chain(), drop_rate=drop_rate) if agrees else branch
