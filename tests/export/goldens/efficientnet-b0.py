"""efficientnet-b0, as the tests write it."""

import ast
import math
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

HERE = Path(__file__).parent
EPSILON = 0.001
MOMENTUM = 0.01


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


class Dense(nn.Linear):
    """On maps of one pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))[:, :, None, None]


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


def mbconv(inputs: int, outputs: int, squeezed: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        Norm(inputs),
        nn.SiLU(),
        Gate(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(inputs, squeezed, 1),
            nn.SiLU(),
            nn.Conv2d(squeezed, inputs, 1),
            nn.Sigmoid(),
        ),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        Norm(outputs),
    )


def mbconv_2(
    inputs: int, outputs: int, inner: int, kernel: int, stride: int, squeezed: int
) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, inner, 1, bias=False),
        Norm(inner),
        nn.SiLU(),
        Conv(inner, inner, kernel, stride, groups=inner, bias=False),
        Norm(inner),
        nn.SiLU(),
        Gate(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(inner, squeezed, 1),
            nn.SiLU(),
            nn.Conv2d(squeezed, inner, 1),
            nn.Sigmoid(),
        ),
        nn.Conv2d(inner, outputs, 1, bias=False),
        Norm(outputs),
    )


STAGES = (
    ((mbconv, (None,), 32, 16, 8),),
    (
        (mbconv_2, (None,), 16, 24, 96, 3, 2, 4),
        (mbconv_2, (0.025,), 24, 24, 144, 3, 1, 6),
    ),
    (
        (mbconv_2, (None,), 24, 40, 144, 5, 2, 6),
        (mbconv_2, (0.05,), 40, 40, 240, 5, 1, 10),
    ),
    (
        (mbconv_2, (None,), 40, 80, 240, 3, 2, 10),
        (mbconv_2, (0.075, 0.0875), 80, 80, 480, 3, 1, 20),
    ),
    (
        (mbconv_2, (None,), 80, 112, 480, 5, 1, 20),
        (mbconv_2, (0.1125, 0.125), 112, 112, 672, 5, 1, 28),
    ),
    (
        (mbconv_2, (None,), 112, 192, 672, 5, 2, 28),
        (mbconv_2, (0.15, 0.1625, 0.175), 192, 192, 1152, 5, 1, 48),
    ),
    ((mbconv_2, (None,), 192, 320, 1152, 3, 1, 48),),
)


def stage(rows: tuple) -> nn.Module:
    """Each row: a function, drop rates of its blocks (None: no shortcut), its arguments."""
    blocks = []
    for block, drops, *numbers in rows:
        for drop in drops:
            layer = block(*numbers)
            blocks.append(layer if drop is None else Residual(layer, drop=drop))
    return nn.Sequential(*blocks)


class Model(nn.Module):
    """Normalised images (N, 3, 224, 224) to logits (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(Conv(3, 32, 3, 2, bias=False), Norm(32), nn.SiLU())
        self.stages = nn.Sequential(*map(stage, STAGES))
        self.head = nn.Sequential(
            nn.Conv2d(320, 1280, 1, bias=False),
            Norm(1280),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Dropout(0.2),
            Dense(1280, 1000),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stages(self.stem(x))).flatten(1)


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


if __name__ == "__main__":
    check()
