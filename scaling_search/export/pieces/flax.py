import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

HERE = Path(__file__).parent
# Of dropout and stochastic depth.
RNGS = nnx.Rngs(0)


def conv2d(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    padding: int | str = "SAME",
    groups: int = 1,
    bias: bool = False,
) -> nnx.Conv:
    """A convolution with a square kernel, 0 until `load` fills it."""
    window = (kernel, kernel)
    # The weights come from a file; to draw first ones would compile a program for every shape.
    options = {"kernel_init": nnx.initializers.zeros, "use_bias": bias, "rngs": RNGS}
    options |= {"feature_group_count": groups, "padding": padding}
    return nnx.Conv(inputs, outputs, window, stride, **options)


def linear(inputs: int, outputs: int, bias: bool = True) -> nnx.Linear:
    """A dense layer on maps of one pixel, 0 until `load` fills it."""
    options = {"kernel_init": nnx.initializers.zeros, "use_bias": bias, "rngs": RNGS}
    return nnx.Linear(inputs, outputs, **options)


def dropout(rate: float) -> nnx.Dropout:
    """In training, zeroes each element with this probability."""
    return nnx.Dropout(rate, rngs=RNGS)


def Norm(channels: int) -> nnx.BatchNorm:
    """Batch normalisation, as the network was trained."""
    return nnx.BatchNorm(channels, momentum=MOMENTUM, epsilon=EPSILON, rngs=RNGS)


class Pool(nnx.Module):
    """The maximum or the mean of a window; the mean leaves the padding out."""

    def __init__(
        self,
        kind: str,
        kernel: int,
        stride: int,
        padding: int | str,
        ceil: bool = False,
    ) -> None:
        self.kind, self.kernel, self.stride = kind, kernel, stride
        self.padding, self.ceil = padding, ceil

    def sides(self, size: int) -> tuple[int, int]:
        """Pixels before and after an axis; with `ceil` as many as the last window needs."""
        side, behind = self.padding, self.padding
        if self.ceil:
            windows = math.ceil((size + 2 * side - self.kernel) / self.stride) + 1
            windows -= (windows - 1) * self.stride >= size + side
            behind = max((windows - 1) * self.stride + self.kernel - size - side, 0)
        return side, behind

    def __call__(self, x: Array) -> Array:
        padding = self.padding
        if padding != "SAME":
            padding = [self.sides(size) for size in x.shape[1:3]]
        windows = (self.kernel, self.kernel), (self.stride, self.stride), padding
        if self.kind == "max":
            return nnx.max_pool(x, *windows)
        return nnx.avg_pool(x, *windows, count_include_pad=False)


def global_pool(x: Array) -> Array:
    """The mean over the map."""
    return x.mean((1, 2), keepdims=True)


def flatten(x: Array) -> Array:
    """A map to one pixel."""
    return x.reshape(len(x), 1, 1, -1)


def identity(x: Array) -> Array:
    """The same."""
    return x


class Shuffle(nnx.Module):
    """The channels of all groups in turn."""

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def __call__(self, x: Array) -> Array:
        apart = x.reshape(*x.shape[:3], self.groups, -1)
        return apart.swapaxes(-1, -2).reshape(x.shape)


class ResponseNorm(nnx.Module):
    """x / (k + alpha * the mean square of `size` neighbouring channels) ** beta."""

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def __call__(self, x: Array) -> Array:
        sides = (self.size // 2, (self.size - 1) // 2)
        squares = jnp.pad(x * x, ((0, 0), (0, 0), (0, 0), sides))
        total = sum(squares[..., i : i + x.shape[-1]] for i in range(self.size))
        return x / (self.k + self.alpha / self.size * total) ** self.beta


class Residual(nnx.Module):
    """Branch and shortcut added; in training some images lose their branch."""

    def __init__(
        self, branch: nnx.Module, shortcut: nnx.Module | None = None, drop: float = 0.0
    ) -> None:
        self.branch, self.shortcut = branch, shortcut or nnx.Sequential()
        self.drop = nnx.Dropout(drop, broadcast_dims=(1, 2, 3), rngs=RNGS)

    def __call__(self, x: Array) -> Array:
        return self.shortcut(x) + self.drop(self.branch(x))


class Gate(nnx.Sequential):
    """Each channel times what the steps make of the map (squeeze-and-excite)."""

    def __call__(self, x: Array) -> Array:
        return x * super().__call__(x)


class Concat(nnx.Module):
    """Branches side by side; with `split` each sees its own share of the channels."""

    def __init__(self, *branches: nnx.Module, split: bool = False) -> None:
        self.branches, self.split = nnx.List(branches), split

    def __call__(self, x: Array) -> Array:
        count = len(self.branches)
        inputs = jnp.split(x, count, -1) if self.split else [x] * count
        found = [branch(y) for branch, y in zip(self.branches, inputs, strict=True)]
        return jnp.concatenate(found, -1)


class Mean(nnx.Module):
    """The mean of all columns; in training some drop out for an image, never all."""

    def __init__(self, *branches: nnx.Module, drop: float = 0.0) -> None:
        self.branches, self.drop = nnx.List(branches), drop
        self.deterministic, self.rngs = False, RNGS.dropout.fork()

    def __call__(self, x: Array) -> Array:
        columns = jnp.stack([y for branch in self.branches for y in ends(branch, x)])
        if self.deterministic or not self.drop:
            return columns.mean(0)
        count, batch = columns.shape[:2]
        always = jax.random.randint(self.rngs(), (batch,), 0, count)
        kept = jax.random.bernoulli(self.rngs(), 1 - self.drop, (count, batch))
        kept |= jnp.arange(count)[:, None] == always[None]
        return jnp.einsum("kb,kbhwc->bhwc", kept / kept.sum(0, keepdims=True), columns)


def ends(branch: nnx.Module, x: Array) -> list[Array]:
    """What comes out of a branch: of one that ends in a mean, all its columns."""
    if isinstance(branch, Mean):
        return [y for column in branch.branches for y in ends(column, x)]
    if isinstance(branch, nnx.Sequential) and len(branch.layers):
        *before, last = branch.layers
        for step in before:
            x = step(x)
        return ends(last, x)
    return [branch(x)]


class Auxiliary(nnx.Module):
    """Passes x on; in training `logits` are those of the branch."""

    def __init__(self, branch: nnx.Module) -> None:
        self.branch, self.deterministic = branch, False
        self.logits = nnx.data(None)

    def __call__(self, x: Array) -> Array:
        self.logits = None if self.deterministic else self.branch(x)
        return x


def auxiliaries(model: nnx.Module) -> list[Auxiliary]:
    """The auxiliary heads, in the order of their places."""
    modules = (module for _, module in nnx.iter_modules(model))
    return [module for module in modules if isinstance(module, Auxiliary)]


def tensors(file: Path) -> dict[str, np.ndarray]:
    """The float32 arrays of a .safetensors file by name."""
    data = file.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        first, end = (start + offset for offset in entry["data_offsets"])
        found[name] = np.frombuffer(data[first:end], "<f4").reshape(entry["shape"])
    return found


def load(folder: str | Path = HERE) -> "Model":
    """The network with the weights of a folder, in evaluation mode."""
    model = Model()
    found = tensors(Path(folder) / "model.safetensors")
    weights = nnx.state(model, (nnx.Param, nnx.BatchStat))
    for path, variable in nnx.to_flat_state(weights):
        parts = [str(part) for part in path if part not in ("layers", "branches")]
        variable[...] = jnp.asarray(found.pop(".".join(parts))).reshape(variable.shape)
    if found:
        raise ValueError(f"not used: {', '.join(found)}")
    model.eval()
    return model


def check() -> None:
    """Print how far the logits are from those of the network that was exported."""
    expected = np.load(HERE / "check.npz")
    logits = expected["logits"]
    difference = abs(np.asarray(nnx.jit(load())(expected["images"])) - logits).max()
    print(f"largest difference {difference:.2e}, largest logit {abs(logits).max():.2e}")
