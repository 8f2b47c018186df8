"""alexnet, as the tests write it."""

import ast
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

HERE = Path(__file__).parent


class Dense(nn.Linear):
    """On maps of one pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))[:, :, None, None]


class Flatten(nn.Module):
    """A map to one pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :, None, None]


def plain(inputs: int, outputs: int, kernel: int, groups: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups),
        nn.ReLU(),
    )


def plain_2() -> nn.Module:
    return nn.Sequential(nn.LocalResponseNorm(5, 0.0005, 0.75, 2.0), nn.MaxPool2d(3, 2))


def plain_3() -> nn.Module:
    return nn.Sequential(nn.MaxPool2d(3, 2))


STAGES = (
    ((plain, 1, 96, 256, 5, 2), (plain_2, 1)),
    ((plain, 1, 256, 384, 3, 1),),
    ((plain, 1, 384, 384, 3, 2),),
    ((plain, 1, 384, 256, 3, 2), (plain_3, 1)),
)


def stage(rows: tuple) -> nn.Module:
    """Each row is a block function, how many blocks, and its arguments."""
    blocks = [block(*numbers) for block, depth, *numbers in rows for _ in range(depth)]
    return nn.Sequential(*blocks)


class Model(nn.Module):
    """Normalised images (N, 3, 227, 227) to logits (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 96, 11, 4),
            nn.ReLU(),
            nn.LocalResponseNorm(5, 0.0005, 0.75, 2.0),
            nn.MaxPool2d(3, 2),
        )
        self.stages = nn.Sequential(*map(stage, STAGES))
        self.head = nn.Sequential(
            Flatten(),
            Dense(9216, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            Dense(4096, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            Dense(4096, 1000),
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
