"""What a block is: its options, the operations it makes, and what *wider* and *deeper* mean for it.

A stage is `depth` blocks in a row; the first has the stage's stride. A new family is a subclass in `blocks/` (options
as fields, `operation` as a pure function of them) and a TOML table; nothing here or there knows JAX.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, Self

from pydantic import Field

from scaling_search.architecture.operations import (
    Activation,
    Chain,
    Conv,
    Dropout,
    Norm,
    Operation,
    Padding,
    chain,
)
from scaling_search.architecture.schema import Strict

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Kernel = Annotated[int, Field(ge=1, le=31)]
Stride = Annotated[int, Field(ge=1, le=8)]
Rate = Annotated[float, Field(ge=0.0, lt=1.0)]


class Rounder(Protocol):
    """A width of the baseline -> the scaled one, rounded; see `scaling_search.scaling.rounding`."""

    def __call__(self, base: int, *, multiple: int = 1) -> int:
        """`multiple` is what a block itself needs its width to be divisible by (its groups, say)."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """What all blocks of one network share. Without a norm, convolutions have a bias."""

    activation: str
    norm: Norm | None
    padding: Padding
    classes: int

    def act(self) -> Activation:
        return Activation(kind=self.activation)

    def bare(
        self,
        features: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        padding: Padding | None = None,
    ) -> Conv:
        """The convolution alone."""
        return Conv(
            features=features,
            kernel=kernel,
            stride=stride,
            groups=groups,
            bias=self.norm is None,
            padding=self.padding if padding is None else padding,
        )

    def conv(self, features: int, *, act: bool = True, **options: Any) -> Chain:
        """Convolution (`options` of `bare`), norm (or bias), activation: the unit nearly every block is made of."""
        return chain(self.bare(features, **options), self.norm, self.act() if act else None)

    def preact(self) -> Chain:
        """Norm, activation: what stands before a convolution where it does not stand behind."""
        return chain(self.norm, self.act())


def dropped(rate: float) -> Dropout | None:
    """Dropout, where there is any."""
    return Dropout(rate=rate) if rate else None


class Stage(Strict, ABC):
    """`depth` blocks of `width` output channels; the first has stride `stride`."""

    block: str
    depth: Count = 1
    width: Count
    stride: Stride = 1

    @abstractmethod
    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:
        """One block on `inputs` channels. `drop_rate` is its stochastic-depth rate, 0 without a residual."""

    def block_at(self, index: int, *, inputs: int, drop_rate: float, style: Style) -> Operation:
        """Block number `index` of the stage, counted from 0."""
        return self.operation(
            inputs=inputs, stride=self.stride if index == 0 else 1, drop_rate=drop_rate, style=style
        )

    def transition(self, *, inputs: int, style: Style) -> Operation | None:  # noqa: ARG002
        """What stands between the last block and the next stage, if anything."""
        return None

    def wider(self, rounded: Rounder) -> Self:
        """Scaled by width. Unless a block says otherwise, its output channels are what is scaled."""
        return self.model_copy(update={"width": rounded(self.width)})

    def deeper(self, rounded: Callable[[int], int]) -> Self:
        """Scaled by depth: more blocks."""
        return self.model_copy(update={"depth": rounded(self.depth)})

    def without_stride(self) -> Self | None:
        """The same stage one down-sampling poorer; None when it has none to give."""
        return None if self.stride == 1 else self.model_copy(update={"stride": 1})


class Stem(Strict, ABC):
    """What comes before the first stage."""

    block: str

    @abstractmethod
    def operation(self, *, style: Style) -> Operation:
        """The whole stem."""

    @abstractmethod
    def wider(self, rounded: Rounder) -> Self:
        """Scaled by width."""

    @abstractmethod
    def without_stride(self) -> Self | None:
        """The same stem one down-sampling poorer; None when it has none to give."""


class Head(Strict, ABC):
    """From the last map to one logit per class."""

    block: str

    @abstractmethod
    def operation(self, *, inputs: int, classes: int, style: Style) -> Operation:
        """The whole head."""

    @abstractmethod
    def wider(self, rounded: Rounder) -> Self:
        """Scaled by width."""
