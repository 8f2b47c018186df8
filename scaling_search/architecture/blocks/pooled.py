"""What may stand behind a layer or a stage: pooling, response normalisation, dropout."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from scaling_search.architecture.block import Kernel, Rate, Stage, Stride, Style, dropped
from scaling_search.architecture.operations import Chain, LocalResponseNorm, Operation, Pool, chain
from scaling_search.architecture.schema import Strict

# Pixels on each side, or a rule; see `operations.Padding`.
Side = Literal["same", "symmetric", "valid"] | Annotated[int, Field(ge=0, le=31)]


class Pooling(Strict):
    """A sliding maximum or mean. `ceil` rounds the output size up, as Caffe does."""

    kind: Literal["max", "average"] = "max"
    kernel: Kernel
    stride: Stride = 2
    padding: Side = "valid"
    ceil: bool = False

    def operation(self) -> Pool:
        return Pool(
            kind=self.kind, kernel=self.kernel, stride=self.stride, padding=self.padding, ceil=self.ceil
        )


class ResponseNorm(Strict):
    """y = x / (k + alpha / size * sum over `size` neighbouring channels of x^2)^beta (Krizhevsky 2012, 3.3).

    The paper's own alpha multiplies the sum, not the mean: it is `size` times smaller than the one here.
    """

    size: Annotated[int, Field(ge=1, le=1024)] = 5
    alpha: Annotated[float, Field(gt=0, le=1e6)] = 1e-4
    beta: Annotated[float, Field(gt=0, le=100)] = 0.75
    k: Annotated[float, Field(gt=0, le=1e6)] = 1.0

    def operation(self) -> LocalResponseNorm:
        return LocalResponseNorm(size=self.size, alpha=self.alpha, beta=self.beta, k=self.k)


class Behind(Strict):
    """Response normalisation, pooling, dropout, each where given; with `pool_first` the pooling comes first."""

    pool: Pooling | None = None
    response_norm: ResponseNorm | None = None
    pool_first: bool = False
    dropout: Rate = 0.0

    def behind(self) -> Chain:
        pool = self.pool and self.pool.operation()
        norm = self.response_norm and self.response_norm.operation()
        return chain(*((pool, norm) if self.pool_first else (norm, pool)), dropped(self.dropout))


class PooledStage(Behind, Stage):
    """A stage with all that behind its last block; its down-samplings are its stride and its pooling, in this order."""

    def transition(self, *, inputs: int, style: Style) -> Operation | None:  # noqa: ARG002
        return self.behind()

    def without_stride(self) -> Self | None:
        if self.stride > 1:
            return self.model_copy(update={"stride": 1})
        return None if self.pool is None else self.model_copy(update={"pool": None})
