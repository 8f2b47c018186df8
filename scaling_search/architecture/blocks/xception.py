"""Depthwise separable convolutions: the blocks of Xception (Chollet 2016, arXiv:1610.02357, Figure 5)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from scaling_search.architecture.block import Kernel, Stage, Style
from scaling_search.architecture.operations import Chain, Conv, Operation, Pool, Residual, chain


def separable(
    *, inputs: int, features: int, kernel: int, style: Style, stride: int = 1, act: bool = False
) -> Chain:
    """k x k depthwise, 1x1, norm (or bias), and an activation where asked; nothing between the two convolutions."""
    depthwise = Conv(features=inputs, kernel=kernel, stride=stride, groups=inputs, padding=style.padding)
    return chain(depthwise, style.conv(features, act=act))


class XceptionExit(Stage):
    """Depthwise separable convolution, norm, activation: what Xception's exit flow ends in. Wider: its channels."""

    block: Literal["xception-exit"]
    kernel: Kernel = 3

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:  # noqa: ARG002
        return separable(
            inputs=inputs, features=self.width, kernel=self.kernel, style=style, stride=stride, act=True
        )


class Xception(Stage):
    """`layers` times (activation, separable convolution, norm); max pooling by the stride; beside it the shortcut.

    The shortcut is the map itself where shapes agree, else a 1x1 convolution and norm. The channels change in the
    first layer, or with `widen = "last"` in the last. The first activation also stands where Xception leaves it out
    (behind the stem): ReLU twice is ReLU. Wider: output channels. Deeper: more blocks.
    """

    block: Literal["xception"]
    kernel: Kernel = 3
    layers: Annotated[int, Field(ge=1, le=16)] = 3
    widen: Literal["first", "last"] = "first"

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:
        inner = self.width if self.widen == "first" else inputs
        widths = [inputs, *[inner] * (self.layers - 1), self.width]
        branch = chain(
            *(
                chain(
                    style.act(),
                    separable(inputs=before, features=after, kernel=self.kernel, style=style),
                )
                for before, after in pairwise(widths)
            ),
            Pool(kind="max", kernel=3, stride=stride, padding=1) if stride > 1 else None,
        )
        same = stride == 1 and inputs == self.width
        shortcut = Chain() if same else style.conv(self.width, stride=stride, act=False, padding="valid")
        return Residual(branch=branch, shortcut=shortcut, drop_rate=drop_rate)
