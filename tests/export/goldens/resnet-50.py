"""resnet-50, as the tests write it."""

import ast
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

HERE = Path(__file__).parent
EPSILON = 1e-05
MOMENTUM = 0.1


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


def bottleneck(inputs: int, outputs: int, inner: int, stride: int) -> nn.Module:
    return nn.Sequential(
        Residual(
            nn.Sequential(
                nn.Conv2d(inputs, inner, 1, bias=False),
                Norm(inner),
                nn.ReLU(),
                nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False),
                Norm(inner),
                nn.ReLU(),
                nn.Conv2d(inner, outputs, 1, bias=False),
                Norm(outputs),
            ),
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), Norm(outputs)
            ),
        ),
        nn.ReLU(),
    )


def bottleneck_2(inputs: int, inner: int) -> nn.Module:
    return nn.Sequential(
        Residual(
            nn.Sequential(
                nn.Conv2d(inputs, inner, 1, bias=False),
                Norm(inner),
                nn.ReLU(),
                nn.Conv2d(inner, inner, 3, padding=1, bias=False),
                Norm(inner),
                nn.ReLU(),
                nn.Conv2d(inner, inputs, 1, bias=False),
                Norm(inputs),
            ),
        ),
        nn.ReLU(),
    )


STAGES = (
    ((bottleneck, 1, 64, 256, 64, 1), (bottleneck_2, 2, 256, 64)),
    ((bottleneck, 1, 256, 512, 128, 2), (bottleneck_2, 3, 512, 128)),
    ((bottleneck, 1, 512, 1024, 256, 2), (bottleneck_2, 5, 1024, 256)),
    ((bottleneck, 1, 1024, 2048, 512, 2), (bottleneck_2, 2, 2048, 512)),
)


def stage(rows: tuple) -> nn.Module:
    """Each row is a block function, how many blocks, and its arguments."""
    blocks = [block(*numbers) for block, depth, *numbers in rows for _ in range(depth)]
    return nn.Sequential(*blocks)


class Model(nn.Module):
    """Normalised images (N, 3, 224, 224) to logits (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
            Norm(64),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.stages = nn.Sequential(*map(stage, STAGES))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), Dense(2048, 1000))

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
