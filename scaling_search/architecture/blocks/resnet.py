"""The residual blocks of ResNet, Wide ResNet, ResNeXt and SE-ResNet (He et al. 2015, arXiv:1512.03385)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from scaling_search.architecture.block import Count, Kernel, Rounder, Stage, Style
from scaling_search.architecture.blocks.groups import check_divisible
from scaling_search.architecture.blocks.mbconv import squeeze
from scaling_search.architecture.operations import Chain, Operation, Residual, chain

Fraction = Annotated[float, Field(gt=0, le=1)]


class Basic(Stage):
    """k x k convolution (of the block's stride), k x k without activation; added to the shortcut; activation.

    With `squeeze`, squeeze-and-excite to that fraction of the output channels before the addition. The shortcut is the
    identity, or a 1x1 convolution with norm where shapes differ. Wider: all channels. Deeper: more blocks of stride 1.
    """

    block: Literal["basic"]
    kernel: Kernel = 3
    squeeze: Fraction | None = None

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:
        branch = chain(
            style.conv(self.width, kernel=self.kernel, stride=stride),
            style.conv(self.width, kernel=self.kernel, act=False),
            squeeze(self.squeeze, self.width, self.width, style),
        )
        return _added(branch, inputs, self.width, stride, drop_rate, style)


class Bottleneck(Stage):
    """1x1 convolution to `inner`, k x k in `groups` groups (of the block's stride), 1x1 to `width` without activation;
    added to the shortcut; activation.

    With `squeeze`, squeeze-and-excite to that fraction of the output channels before the addition. The shortcut is the
    identity, or a 1x1 convolution with norm where shapes differ. Wider: `width` and `inner`, each rounded; `inner`
    stays a multiple of `groups`, whose number (the cardinality of Xie et al. 2017) does not change. Deeper: more
    blocks of stride 1.
    """

    block: Literal["bottleneck"]
    inner: Count
    groups: Count = 1
    kernel: Kernel = 3
    squeeze: Fraction | None = None

    @model_validator(mode="after")
    def _groups_divide(self) -> Self:
        check_divisible("inner", self.inner, "groups", self.groups)
        return self

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:
        branch = chain(
            style.conv(self.inner),
            style.conv(self.inner, kernel=self.kernel, stride=stride, groups=self.groups),
            style.conv(self.width, act=False),
            squeeze(self.squeeze, self.width, self.width, style),
        )
        return _added(branch, inputs, self.width, stride, drop_rate, style)

    def wider(self, rounded: Rounder) -> Self:
        update = {"width": rounded(self.width), "inner": rounded(self.inner, multiple=self.groups)}
        return self.model_copy(update=update)


def _added(
    branch: Operation, inputs: int, width: int, stride: int, drop_rate: float, style: Style
) -> Operation:
    projected = stride > 1 or inputs != width
    shortcut = style.conv(width, stride=stride, act=False) if projected else Chain()
    return chain(Residual(branch=branch, shortcut=shortcut, drop_rate=drop_rate), style.act())
