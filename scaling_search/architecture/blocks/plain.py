"""Plain convolutions with pooling behind: LeNet, AlexNet, ZFNet, VGG, and the first layers of many others."""

from __future__ import annotations

from math import lcm
from typing import Annotated, Literal, Self

from pydantic import Field

from scaling_search.architecture.block import Count, Head, Kernel, Rate, Rounder, Stem, Stride, Style, dropped
from scaling_search.architecture.blocks.pooled import Behind, PooledStage, Side
from scaling_search.architecture.operations import Chain, Dense, Flatten, GlobalPool, Operation, chain
from scaling_search.architecture.schema import Strict


class Plain(PooledStage):
    """k x k convolution, norm (or bias), activation; behind the last one response norm, pooling, dropout.

    Only the first convolution of a stage has its stride and `padding`; the others keep the size of their map, so that
    depth costs no resolution. Wider: its channels, kept a multiple of `groups` and of `multiple` (what the groups of
    the next stage need). Deeper: more convolutions before the pooling.
    """

    block: Literal["plain"]
    kernel: Kernel = 3
    groups: Count = 1
    padding: Side | None = None
    multiple: Count = 1

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:  # noqa: ARG002
        return style.conv(
            self.width, kernel=self.kernel, stride=stride, groups=self.groups, padding=self.padding
        )

    def block_at(self, index: int, *, inputs: int, drop_rate: float, style: Style) -> Operation:
        if index == 0:
            return super().block_at(index, inputs=inputs, drop_rate=drop_rate, style=style)
        return style.conv(self.width, kernel=self.kernel, groups=self.groups, padding="same")

    def wider(self, rounded: Rounder) -> Self:
        width = rounded(self.width, multiple=lcm(self.groups, self.multiple))
        return self.model_copy(update={"width": width})


class Convolution(Strict):
    """The convolution of a stem's layer; scaled, its channels stay a multiple of `multiple`."""

    width: Count
    kernel: Kernel = 3
    stride: Stride = 1
    padding: Side | None = None
    multiple: Count = 1


class Layer(Behind, Convolution):
    """One convolution of a stem, with norm (or bias) and activation, and what stands behind it."""

    def operation(self, *, style: Style) -> Chain:
        conv = style.conv(self.width, kernel=self.kernel, stride=self.stride, padding=self.padding)
        return chain(conv, self.behind())


class LayersStem(Stem):
    """The `layers` one after the other. Wider: all their channels. Depth leaves them alone."""

    block: Literal["layers"]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, strict=False)]

    def operation(self, *, style: Style) -> Operation:
        return chain(*(layer.operation(style=style) for layer in self.layers))

    def wider(self, rounded: Rounder) -> Self:
        return self._with(
            tuple(
                layer.model_copy(update={"width": rounded(layer.width, multiple=layer.multiple)})
                for layer in self.layers
            )
        )

    def without_stride(self) -> Self | None:
        for index, layer in enumerate(self.layers):
            if layer.stride > 1 or layer.pool is not None:
                change = {"stride": 1} if layer.stride > 1 else {"pool": None}
                shorter = layer.model_copy(update=change)
                return self._with((*self.layers[:index], shorter, *self.layers[index + 1 :]))
        return None

    def _with(self, layers: tuple[Layer, ...]) -> Self:
        return self.model_copy(update={"layers": layers})


class FlattenHead(Head):
    """Flatten; dense, activation and dropout for each of `widths`; dense layer to the logits.

    The first dense layer has a weight for every element of the map, so a higher resolution makes it larger.
    Wider: the hidden widths.
    """

    block: Literal["flatten"]
    widths: Annotated[tuple[Count, ...], Field(strict=False)] = ()
    dropout: Rate = 0.0

    def operation(self, *, inputs: int, classes: int, style: Style) -> Operation:  # noqa: ARG002
        hidden = [chain(Dense(features=width), style.act(), dropped(self.dropout)) for width in self.widths]
        return chain(Flatten(), *hidden, Dense(features=classes))

    def wider(self, rounded: Rounder) -> Self:
        return self.model_copy(update={"widths": tuple(rounded(width) for width in self.widths)})


class MapsHead(Head):
    """Dropout, 1x1 convolution to one map per class, norm (or bias), activation, global mean (Lin et al. 2013).

    Nothing in it is wider than the classes.
    """

    block: Literal["maps"]
    dropout: Rate = 0.0

    def operation(self, *, inputs: int, classes: int, style: Style) -> Operation:  # noqa: ARG002
        return chain(dropped(self.dropout), style.conv(classes), GlobalPool())

    def wider(self, rounded: Rounder) -> Self:  # noqa: ARG002
        return self
