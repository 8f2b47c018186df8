import ast
import math
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

HERE = Path(__file__).parent


def same(x: Tensor, kernel: int, stride: int) -> list[int]:
    """What to pad (left, right, top, bottom) for ceil(size / stride) outputs."""
    found = []
    for size in (x.shape[-1], x.shape[-2]):
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        found += [total // 2, total - total // 2]
    return found


class Conv(nn.Conv2d):
    """Padded as TensorFlow does ("same"): by the size of the input, the odd pixel last."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, same(x, self.kernel_size[0], self.stride[0])))


class Norm(nn.BatchNorm2d):
    """Keeps the variance of the batch itself, not n / (n - 1) times as much."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPSILON, momentum=MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        before, y = self.running_var.clone(), super().forward(x)
        if self.training:
            share = x.shape[1] / x.numel()
            self.running_var += share * ((1 - MOMENTUM) * before - self.running_var)
        return y


class MaxPool(nn.MaxPool2d):
    """Padded by the size of the input."""

    def forward(self, x: Tensor) -> Tensor:
        sides = same(x, self.kernel_size, self.stride)
        return super().forward(F.pad(x, sides, value=-math.inf))


class AvgPool(nn.AvgPool2d):
    """Padded by the size of the input; the padding does not count."""

    def forward(self, x: Tensor) -> Tensor:
        sides = same(x, self.kernel_size, self.stride)
        share = super().forward(F.pad(torch.ones_like(x[:1, :1]), sides))
        return super().forward(F.pad(x, sides)) / share


class Dense(nn.Linear):
    """On maps of one pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))[:, :, None, None]


class Flatten(nn.Module):
    """A map to one pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :, None, None]


class Residual(nn.Module):
    """Branch and shortcut added; in training some images lose their branch."""

    def __init__(
        self, branch: nn.Module, shortcut: nn.Module | None = None, drop: float = 0.0
    ) -> None:
        super().__init__()
        self.branch, self.shortcut, self.drop = branch, shortcut or nn.Identity(), drop

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)
        if self.training and self.drop:
            keep = 1 - self.drop
            y = y * (torch.rand(len(y), 1, 1, 1, device=y.device) < keep) / keep
        return self.shortcut(x) + y


class Gate(nn.Sequential):
    """Each channel times what the steps make of the map (squeeze-and-excite)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * super().forward(x)


class Concat(nn.ModuleList):
    """Branches side by side; with `split` each sees its own share of the channels."""

    def __init__(self, *branches: nn.Module, split: bool = False) -> None:
        super().__init__(branches)
        self.split = split

    def forward(self, x: Tensor) -> Tensor:
        inputs = x.chunk(len(self), 1) if self.split else [x] * len(self)
        return torch.cat([branch(y) for branch, y in zip(self, inputs, strict=True)], 1)


class Mean(nn.ModuleList):
    """The mean of all columns; in training some drop out for an image, never all."""

    def __init__(self, *branches: nn.Module, drop: float = 0.0) -> None:
        super().__init__(branches)
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        columns = torch.stack([y for branch in self for y in ends(branch, x)])
        if not (self.training and self.drop):
            return columns.mean(0)
        count, batch = columns.shape[:2]
        kept = torch.rand(count, batch, device=x.device) >= self.drop
        kept[torch.randint(count, (batch,)), torch.arange(batch)] = True
        share = kept / kept.sum(0)
        return torch.einsum("kb,kbchw->bchw", share.to(x.dtype), columns)


def ends(branch: nn.Module, x: Tensor) -> list[Tensor]:
    """What comes out of a branch: of one that ends in a mean, all its columns."""
    if isinstance(branch, Mean):
        return [y for column in branch for y in ends(column, x)]
    if isinstance(branch, nn.Sequential) and len(branch):
        return ends(branch[-1], branch[:-1](x))
    return [branch(x)]


class Auxiliary(nn.Module):
    """Passes x on; in training `logits` are those of the branch."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.logits: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.logits = self.branch(x) if self.training else None
        return x


def auxiliaries(model: nn.Module) -> list[Auxiliary]:
    """The auxiliary heads, in the order of their places."""
    return [module for module in model.modules() if isinstance(module, Auxiliary)]


def load(folder: str | Path = HERE) -> "Model":
    """The network with the weights of a folder, in evaluation mode."""
    model = Model()
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval()


def array(name: str, file: Path = HERE / "check.npz") -> Tensor:
    """An array of an .npz file."""
    data = zipfile.ZipFile(file).read(f"{name}.npy")
    start = 10 + int.from_bytes(data[8:10], "little")
    shape = ast.literal_eval(data[10:start].decode())["shape"]
    return torch.frombuffer(bytearray(data[start:]), dtype=torch.float32).reshape(shape)


def check() -> None:
    """Print how far the logits are from those of the network that was exported."""
    logits = array("logits")
    with torch.inference_mode():
        difference = (load()(array("images")) - logits).abs().max()
    largest = logits.abs().max()
    print(f"largest difference {difference:.2e}, largest logit {largest:.2e}")
