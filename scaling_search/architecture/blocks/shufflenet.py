"""ShuffleNet units: grouped 1x1 convolutions and channel shuffle (Zhang et al. 2018, arXiv:1707.01083; Ma et al. 2018,
arXiv:1807.11164)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from scaling_search.architecture.block import Count, Kernel, Rounder, Stage, Style
from scaling_search.architecture.blocks.groups import check_divisible
from scaling_search.architecture.operations import (
    Chain,
    ChannelShuffle,
    Concat,
    Operation,
    Pool,
    Residual,
    chain,
)

# The bottleneck has a quarter of the output channels (section 3.2).
QUARTER = 4


class ShuffleV1(Stage):
    """1x1 convolution in `groups` groups to a quarter of `width`, channel shuffle, k x k depthwise without activation,
    grouped 1x1 without activation; joined with the shortcut; activation.

    The shortcut is the identity and joined by addition; where the unit strides or widens, it is an average pooling
    joined by concatenation, so that the branch gives only the channels that are missing. (Where scaling leaves no
    channel missing, the pooled input is projected by a 1x1 convolution and added.) With `ungrouped_first`, the first
    1x1 of the first unit has one group: stage 2 of the paper, whose input has few channels.
    Wider: output channels, kept a multiple of 4 * groups; the number of groups does not change, and the stem in front
    needs `multiple = groups`. Deeper: more units of stride 1.
    """

    block: Literal["shuffle-v1"]
    groups: Count
    kernel: Kernel = 3
    ungrouped_first: bool = False

    @model_validator(mode="after")
    def _groups_divide(self) -> Self:
        check_divisible("width", self.width, "4 * groups", QUARTER * self.groups)
        return self

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:
        if stride == 1 and inputs == self.width:
            branch = self._branch(self.width, 1, self.groups, style)
            return chain(Residual(branch=branch, drop_rate=drop_rate), style.act())
        groups = 1 if self.ungrouped_first else self.groups
        pool = Pool(kind="average", kernel=3, stride=stride, padding=style.padding) if stride > 1 else None
        if self.width > inputs:
            branch = self._branch(self.width - inputs, stride, groups, style)
            return chain(Concat(branches=(chain(pool), branch)), style.act())
        branch = self._branch(self.width, stride, groups, style)
        shortcut = chain(pool, style.conv(self.width, act=False))
        return chain(Residual(branch=branch, shortcut=shortcut, drop_rate=drop_rate), style.act())

    def _branch(self, features: int, stride: int, groups: int, style: Style) -> Chain:
        inner = self.width // QUARTER
        return chain(
            style.conv(inner, groups=groups),
            ChannelShuffle(groups=self.groups),
            style.conv(inner, kernel=self.kernel, stride=stride, groups=inner, act=False),
            style.conv(features, groups=self.groups, act=False),
        )

    def wider(self, rounded: Rounder) -> Self:
        return self.model_copy(update={"width": rounded(self.width, multiple=QUARTER * self.groups)})


class ShuffleV2(Stage):
    """Channels split in halves; one passes, the other goes through 1x1 convolution, k x k depthwise without activation,
    1x1 convolution; concatenation, channel shuffle.

    Where the unit strides or widens, nothing is split: both branches see all channels, and the first becomes a k x k
    depthwise convolution without activation and a 1x1 convolution. Each branch gives half of `width`.
    Wider: output channels, kept even. Deeper: more units of stride 1.
    """

    block: Literal["shuffle-v2"]
    kernel: Kernel = 3

    @model_validator(mode="after")
    def _even(self) -> Self:
        check_divisible("width", self.width, "its branches", 2)
        return self

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:  # noqa: ARG002
        half = self.width // 2
        branch = chain(
            style.conv(half),
            style.conv(half, kernel=self.kernel, stride=stride, groups=half, act=False),
            style.conv(half),
        )
        if stride == 1 and inputs == self.width:
            return chain(Concat(branches=(Chain(), branch), split=True), ChannelShuffle(groups=2))
        shortcut = chain(
            style.conv(inputs, kernel=self.kernel, stride=stride, groups=inputs, act=False), style.conv(half)
        )
        return chain(Concat(branches=(shortcut, branch)), ChannelShuffle(groups=2))

    def wider(self, rounded: Rounder) -> Self:
        return self.model_copy(update={"width": rounded(self.width, multiple=2)})
