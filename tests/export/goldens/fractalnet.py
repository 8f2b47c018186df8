"""fractalnet, as the tests write it."""

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


def fractal(inputs: int, outputs: int) -> nn.Module:
    return Mean(
        nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            Norm(outputs),
            nn.ReLU(),
        ),
        nn.Sequential(
            Mean(
                nn.Sequential(
                    nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                    Norm(outputs),
                    nn.ReLU(),
                ),
                nn.Sequential(
                    Mean(
                        nn.Sequential(
                            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        nn.Sequential(
                            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        drop=0.15,
                    ),
                    Mean(
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        drop=0.15,
                    ),
                ),
                drop=0.15,
            ),
            Mean(
                nn.Sequential(
                    nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                    Norm(outputs),
                    nn.ReLU(),
                ),
                nn.Sequential(
                    Mean(
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        drop=0.15,
                    ),
                    Mean(
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        drop=0.15,
                    ),
                ),
                drop=0.15,
            ),
        ),
        drop=0.15,
    )


def fractal_2() -> nn.Module:
    return nn.Sequential(nn.MaxPool2d(2, 2))


def fractal_3(inputs: int, outputs: int, rate: float) -> nn.Module:
    return Mean(
        nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.Dropout(rate),
            Norm(outputs),
            nn.ReLU(),
        ),
        nn.Sequential(
            Mean(
                nn.Sequential(
                    nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                    nn.Dropout(rate),
                    Norm(outputs),
                    nn.ReLU(),
                ),
                nn.Sequential(
                    Mean(
                        nn.Sequential(
                            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        nn.Sequential(
                            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        drop=0.15,
                    ),
                    Mean(
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        drop=0.15,
                    ),
                ),
                drop=0.15,
            ),
            Mean(
                nn.Sequential(
                    nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                    nn.Dropout(rate),
                    Norm(outputs),
                    nn.ReLU(),
                ),
                nn.Sequential(
                    Mean(
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        drop=0.15,
                    ),
                    Mean(
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        nn.Sequential(
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                            nn.Dropout(rate),
                            Norm(outputs),
                            nn.ReLU(),
                        ),
                        drop=0.15,
                    ),
                ),
                drop=0.15,
            ),
        ),
        drop=0.15,
    )


STAGES = (
    ((fractal, 1, 3, 16), (fractal_2, 1)),
    ((fractal_3, 1, 16, 32, 0.1), (fractal_2, 1)),
    ((fractal_3, 1, 32, 64, 0.2), (fractal_2, 1)),
    ((fractal_3, 1, 64, 128, 0.3), (fractal_2, 1)),
    ((fractal_3, 1, 128, 128, 0.4), (fractal_2, 1)),
)


def stage(rows: tuple) -> nn.Module:
    """Each row is a block function, how many blocks, and its arguments."""
    blocks = [block(*numbers) for block, depth, *numbers in rows for _ in range(depth)]
    return nn.Sequential(*blocks)


class Model(nn.Module):
    """Normalised images (N, 3, 32, 32) to logits (N, 100)."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(*map(stage, STAGES))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), Dense(128, 100))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stages(x)).flatten(1)


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
