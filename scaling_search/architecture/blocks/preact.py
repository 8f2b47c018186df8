"""Pre-activation residual blocks: identity mappings (He et al. 2016, arXiv:1603.05027) and Wide ResNets (Zagoruyko &
Komodakis 2016, arXiv:1605.07146).

Such a network has a `bare` stem and a head that normalises first.
"""

from __future__ import annotations

from typing import Literal, Self

from scaling_search.architecture.block import Count, Kernel, Rate, Rounder, Stage, Style, dropped
from scaling_search.architecture.operations import Operation, Residual, chain


class PreactBasic(Stage):
    """Norm, activation, k x k convolution (of the block's stride), norm, activation, dropout, k x k convolution; added
    to the shortcut.

    The shortcut is the identity; where shapes differ it is a 1x1 convolution of the normalised, activated input.
    Wider: all channels. Deeper: more blocks of stride 1.
    """

    block: Literal["preact-basic"]
    kernel: Kernel = 3
    dropout: Rate = 0.0

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:
        branch = chain(
            style.bare(self.width, kernel=self.kernel, stride=stride),
            style.preact(),
            dropped(self.dropout),
            style.bare(self.width, kernel=self.kernel),
        )
        return _added(branch, inputs, self.width, stride, drop_rate, style)


class PreactBottleneck(Stage):
    """Norm, activation, 1x1 convolution to `inner` (of the block's stride), norm, activation, k x k, norm, activation,
    1x1 to `width`; added to the shortcut.

    The shortcut is the identity; where shapes differ it is a 1x1 convolution of the normalised, activated input. The
    stride is on the first convolution, as in the authors' code. Wider: `width` and `inner`, each rounded. Deeper: more
    blocks of stride 1.
    """

    block: Literal["preact-bottleneck"]
    inner: Count
    kernel: Kernel = 3

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:
        branch = chain(
            style.bare(self.inner, stride=stride),
            style.preact(),
            style.bare(self.inner, kernel=self.kernel),
            style.preact(),
            style.bare(self.width),
        )
        return _added(branch, inputs, self.width, stride, drop_rate, style)

    def wider(self, rounded: Rounder) -> Self:
        return self.model_copy(update={"width": rounded(self.width), "inner": rounded(self.inner)})


def _added(
    branch: Operation, inputs: int, width: int, stride: int, drop_rate: float, style: Style
) -> Operation:
    if stride == 1 and inputs == width:
        return Residual(branch=chain(style.preact(), branch), drop_rate=drop_rate)
    shortcut = style.bare(width, stride=stride)
    return chain(style.preact(), Residual(branch=branch, shortcut=shortcut, drop_rate=drop_rate))
