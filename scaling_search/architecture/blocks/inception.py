"""Inception: the module of GoogLeNet (Szegedy et al. 2014, arXiv:1409.4842, Figure 2 and Table 1)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from scaling_search.architecture.block import Count, Rate, Rounder, Style, dropped
from scaling_search.architecture.blocks.pooled import PooledStage, Pooling
from scaling_search.architecture.operations import Auxiliary, Concat, Dense, Flatten, Operation, Pool, chain
from scaling_search.architecture.schema import Strict

Pair = Annotated[tuple[Count, Count], Field(strict=False)]


class AuxiliaryHead(Strict):
    """Pooling, 1x1 convolution, activation, dense, activation, dropout, logits; only in training (section 5)."""

    pool: Pooling
    width: Count = 128
    hidden: Count = 1024
    dropout: Rate = 0.7
    weight: Annotated[float, Field(gt=0, le=10)] = 0.3

    def operation(self, *, style: Style) -> Auxiliary:
        return Auxiliary(
            weight=self.weight,
            branch=chain(
                self.pool.operation(),
                style.conv(self.width),
                Flatten(),
                Dense(features=self.hidden),
                style.act(),
                dropped(self.dropout),
                Dense(features=style.classes),
            ),
        )

    def wider(self, rounded: Rounder) -> Self:
        return self.model_copy(update={"width": rounded(self.width), "hidden": rounded(self.hidden)})


class Inception(PooledStage):
    """Side by side: 1x1; 1x1 then 3x3; 1x1 then 5x5; 3x3 max pooling then 1x1. Behind the
    last: auxiliary head, pooling.

    `three` and `five` are the channels of (reduction, convolution); the pooling branch has what is left of `width`.
    Each convolution has norm (or bias) and activation. Wider: every one of these channels, and the auxiliary head's.
    Deeper: more modules.
    """

    block: Literal["inception"]
    one: Count
    three: Pair
    five: Pair
    auxiliary: AuxiliaryHead | None = None

    @property
    def pooled(self) -> int:
        """Channels of the pooling branch."""
        return self.width - self.one - self.three[1] - self.five[1]

    @model_validator(mode="after")
    def _some_channels_are_pooled(self) -> Self:
        if self.pooled < 1:
            taken = self.width - self.pooled
            raise PydanticCustomError(
                "inception_width",
                f"width {self.width} leaves the pooling branch nothing: the other branches make {taken} channels",
            )
        return self

    def operation(self, *, inputs: int, stride: int, drop_rate: float, style: Style) -> Operation:  # noqa: ARG002
        (reduce3, width3), (reduce5, width5) = self.three, self.five
        return Concat(
            branches=(
                style.conv(self.one, stride=stride),
                chain(style.conv(reduce3), style.conv(width3, kernel=3, stride=stride, padding=1)),
                chain(style.conv(reduce5), style.conv(width5, kernel=5, stride=stride, padding=2)),
                chain(Pool(kind="max", kernel=3, stride=stride, padding=1), style.conv(self.pooled)),
            )
        )

    def transition(self, *, inputs: int, style: Style) -> Operation | None:  # noqa: ARG002
        auxiliary = None if self.auxiliary is None else self.auxiliary.operation(style=style)
        return chain(auxiliary, self.behind())

    def wider(self, rounded: Rounder) -> Self:
        one, three, five = (
            rounded(self.one),
            tuple(rounded(width) for width in self.three),
            tuple(rounded(width) for width in self.five),
        )
        return self.model_copy(
            update={
                "width": one + three[1] + five[1] + rounded(self.pooled),
                "one": one,
                "three": three,
                "five": five,
                "auxiliary": self.auxiliary and self.auxiliary.wider(rounded),
            }
        )
