"""How weights begin, drawn in host memory.

There are two ways, the ``init`` of a recipe:

- ``reference``, as the papers' code: convolutions N(0, 2 / fan-out) (He et al. 2015, depthwise ones included), dense
  layers U(-1, 1) / √outputs (the reference EfficientNet's), norms 1.
- ``small-head``: the same but for what makes a large network start worse than a small one, with a loss far over
  ln(classes) and larger gradients. Layers that give logits are U(-1, 1) / √fan-in. The last norm (or convolution)
  of each of n residual branches is 1/√n times as large, so that their sum is as large as one (De & Smith 2020,
  arXiv:2002.10444). Where nothing normalises, kernels are N(0, 2 / fan-in), which keeps maps equally large through
  the depth; by fan-out, narrow branches side by side make them larger block by block.

XLA needs 0.3 s to compile a normal draw of each new shape, 30 s and more for a network, and forgets it all for the next
candidate. NumPy draws the whole of a B0 in 0.1 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

Init = Literal["reference", "small-head"]
# What the last layer of an operation gives: the network's logits, or what is added to a residual's shortcut.
Gives = Literal["logits", "branch"]


@dataclass(frozen=True)
class Begin:
    """A weight's first value: `scale` times a draw of N(0, 1) or of U(-1, 1), or `scale` itself."""

    kind: Literal["normal", "uniform", "constant"]
    scale: float


@dataclass(frozen=True, kw_only=True)
class Start:
    """How the weights of one network begin. ``residuals``: how many blocks it adds up; ``normalised``: has norms.

    ``copies``: the leading axes that weights inside loops have.
    """

    init: Init
    residuals: int
    normalised: bool
    copies: tuple[int, ...] = ()

    def conv(
        self, shape: tuple[int, int, int, int], groups: int, gives: Gives | None
    ) -> nnx.Param[jax.Array]:
        """A kernel (k, k, C_in/groups, C_out)."""
        fan_out = shape[0] * shape[1] * shape[3] // groups
        return self._kernel(shape, gives, Begin("normal", math.sqrt(2 / fan_out) * self.norm(gives)))

    def dense(self, shape: tuple[int, int], gives: Gives | None) -> nnx.Param[jax.Array]:
        """A kernel (C_in, C_out)."""
        return self._kernel(shape, gives, Begin("uniform", 1 / math.sqrt(shape[1])))

    def _kernel(self, shape: tuple[int, ...], gives: Gives | None, reference: Begin) -> nnx.Param[jax.Array]:
        """A kernel that begins as `reference` says, but where `small-head` draws it differently."""
        fan_in, begin = math.prod(shape[:-1]), reference
        if self.init == "small-head" and gives == "logits":
            begin = Begin("uniform", 1 / math.sqrt(fan_in))
        elif self.init == "small-head" and not self.normalised:
            begin = Begin("normal", math.sqrt(2 / fan_in) * self.norm(gives))
        found: nnx.Param[jax.Array] = self._begins(nnx.Param, shape, begin)
        return found

    def norm(self, gives: Gives | None) -> float:
        """The scale of a norm, or the factor of a kernel that ends a branch without one."""
        small = self.init == "small-head" and gives == "branch"
        return 1 / math.sqrt(self.residuals) if small else 1.0

    def constant(self, variable: type[nnx.Variable[jax.Array]], size: int, value: float) -> Any:
        """A vector of `variable`'s kind that begins as `value` throughout."""
        return self._begins(variable, (size,), Begin("constant", value))

    def _begins(self, variable: Any, shape: tuple[int, ...], begin: Begin) -> Any:
        """Without values: `begin` draws them all, in the order of their paths."""
        return variable(jax.ShapeDtypeStruct((*self.copies, *shape), jnp.float32), begin=begin)


def draw(generator: np.random.Generator, state: Any) -> dict[str, Any]:
    """The values of an abstract state as nested dicts of float32, drawn in the order of its paths.

    Stacked weights of a loop are drawn as one array: independent, as the unrolled ones would be.
    """
    values = {}
    for path, variable in sorted(nnx.to_flat_state(state), key=lambda item: [str(part) for part in item[0]]):
        begin: Begin = variable.get_metadata()["begin"]
        shape = variable.shape
        match begin.kind:
            case "normal":
                value = np.float32(begin.scale) * generator.standard_normal(shape, np.float32)
            case "uniform":
                value = generator.uniform(-begin.scale, begin.scale, shape).astype(np.float32)
            case "constant":
                value = np.full(shape, begin.scale, np.float32)
        values[path] = value
    return nested(values)


def nested(values: dict[tuple[Any, ...], Any]) -> dict[str, Any]:
    """{("a", "b"): x} as {"a": {"b": x}}."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        place = tree
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return tree


def begin(key: jax.Array, params: Any, stats: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of both states for a key; equal keys give equal values. Under a trace the host is called back."""

    def values(words: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        # Counter-based, as jax's own generator is.
        generator = np.random.Generator(np.random.Philox(key=np.asarray(words).astype(np.uint64)[:2]))
        return draw(generator, params), draw(generator, stats)

    words = jax.random.key_data(key)
    if not isinstance(words, jax.core.Tracer):
        return values(words)
    shapes = [
        nested(
            {path: jax.ShapeDtypeStruct(leaf.shape, jnp.float32) for path, leaf in nnx.to_flat_state(state)}
        )
        for state in (params, stats)
    ]
    traced: tuple[dict[str, Any], dict[str, Any]] = jax.pure_callback(
        values, tuple(shapes), words, vmap_method="sequential"
    )
    return traced
