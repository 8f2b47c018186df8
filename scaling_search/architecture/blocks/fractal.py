"""Fractal: the block of FractalNet (Larsson, Maire & Shakhnarovich 2016, arXiv:1605.07648)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scaling_search.architecture.block import Kernel, Rate, Style, dropped
from scaling_search.architecture.blocks.pooled import PooledStage
from scaling_search.architecture.operations import Mean, Operation, chain


class Fractal(PooledStage):
    """The expansion rule f_1 = conv, f_(C+1) = mean of (f_C then f_C) and conv; C is `columns`. Behind: pooling.

    conv is a k x k convolution, dropout at `drop`, norm, activation. Where joins meet they are one mean over all their
    columns. The longest path has 2^(C-1) convolutions, the whole block 2^C - 1. In training a join drops each of its
    columns with `drop_path`, never all: the paper's local sampling (its other half, one column for a whole image, is
    not offered). Wider: the channels of every convolution. Deeper: more blocks before the pooling, not more columns.
    """

    block: Literal["fractal"]
    columns: Annotated[int, Field(ge=1, le=8)] = 4
    kernel: Kernel = 3
    drop: Rate = 0.0
    drop_path: Rate = 0.15

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:  # noqa: ARG002
        return self._fractal(self.columns, stride, style)

    def _fractal(self, columns: int, stride: int, style: Style) -> Operation:
        conv = style.bare(self.width, kernel=self.kernel, stride=stride)
        single = chain(conv, dropped(self.drop), style.preact())
        if columns == 1:
            return single
        twice = chain(self._fractal(columns - 1, stride, style), self._fractal(columns - 1, 1, style))
        return Mean(branches=(single, twice), drop_rate=self.drop_path)
