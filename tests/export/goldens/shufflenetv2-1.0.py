"""shufflenetv2-1.0, as the tests write it."""

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


class Concat(nn.ModuleList):
    """Branches side by side; with `split` each sees its own share of the channels."""

    def __init__(self, *branches: nn.Module, split: bool = False) -> None:
        super().__init__(branches)
        self.split = split

    def forward(self, x: Tensor) -> Tensor:
        inputs = x.chunk(len(self), 1) if self.split else [x] * len(self)
        return torch.cat([branch(y) for branch, y in zip(self, inputs, strict=True)], 1)


def shuffle_v2(inputs: int, inner: int) -> nn.Module:
    return nn.Sequential(
        Concat(
            nn.Sequential(
                nn.Conv2d(inputs, inputs, 3, 2, padding=1, groups=inputs, bias=False),
                Norm(inputs),
                nn.Conv2d(inputs, inner, 1, bias=False),
                Norm(inner),
                nn.ReLU(),
            ),
            nn.Sequential(
                nn.Conv2d(inputs, inner, 1, bias=False),
                Norm(inner),
                nn.ReLU(),
                nn.Conv2d(inner, inner, 3, 2, padding=1, groups=inner, bias=False),
                Norm(inner),
                nn.Conv2d(inner, inner, 1, bias=False),
                Norm(inner),
                nn.ReLU(),
            ),
        ),
        nn.ChannelShuffle(2),
    )


def shuffle_v2_2(inner: int) -> nn.Module:
    return nn.Sequential(
        Concat(
            nn.Sequential(),
            nn.Sequential(
                nn.Conv2d(inner, inner, 1, bias=False),
                Norm(inner),
                nn.ReLU(),
                nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=False),
                Norm(inner),
                nn.Conv2d(inner, inner, 1, bias=False),
                Norm(inner),
                nn.ReLU(),
            ),
            split=True,
        ),
        nn.ChannelShuffle(2),
    )


STAGES = (
    ((shuffle_v2, 1, 24, 58), (shuffle_v2_2, 3, 58)),
    ((shuffle_v2, 1, 116, 116), (shuffle_v2_2, 7, 116)),
    ((shuffle_v2, 1, 232, 232), (shuffle_v2_2, 3, 232)),
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
            nn.Conv2d(3, 24, 3, 2, padding=1, bias=False),
            Norm(24),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.stages = nn.Sequential(*map(stage, STAGES))
        self.head = nn.Sequential(
            nn.Conv2d(464, 1024, 1, bias=False),
            Norm(1024),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            Dense(1024, 1000),
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
