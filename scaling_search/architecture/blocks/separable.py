"""The depthwise-separable convolution of MobileNetV1 (Howard et al. 2017, arXiv:1704.04861)."""

from __future__ import annotations

from typing import Literal

from scaling_search.architecture.block import Kernel, Stage, Style
from scaling_search.architecture.operations import Operation, chain


class Separable(Stage):
    """k x k depthwise convolution, norm, activation; 1x1 convolution, norm, activation.

    Wider: output channels (MobileNet's width multiplier). Deeper: more blocks of stride 1. Its resolution multiplier is
    the network's resolution.
    """

    block: Literal["separable"]
    kernel: Kernel = 3

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:  # noqa: ARG002
        return chain(
            style.conv(inputs, kernel=self.kernel, stride=stride, groups=inputs), style.conv(self.width)
        )
