"""What is measured: baselines with their own strides, and proxies exactly as a search would train them; both without
their random parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import load
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.scale import scale

CLASSES = 10
CHANNELS = 3
# One optimizer for all three programs: SGD with momentum.
LEARNING_RATE = 0.01
MOMENTUM = 0.9


@dataclass(frozen=True, kw_only=True)
class Case:
    """A baseline at a width factor and resolution (pixels), trained on `batch` images a step.

    With `proxy`, strides are taken out as a search does; the same stages then work on larger maps.
    """

    baseline: str
    width: float
    resolution: int
    proxy: bool = False
    batch: int = 64

    @property
    def name(self) -> str:
        return f"{self.baseline}, width {self.width:g}, {self.resolution} px" + ", proxy" * self.proxy

    @property
    def network(self) -> Network:
        """Dropout and stochastic depth are off: the frameworks' random numbers differ in kind and cost."""
        baseline = load(self.baseline)
        if self.proxy:
            small = proxy(
                baseline, resolution=self.resolution, width=self.width, channels=CHANNELS, classes=CLASSES
            )
        else:
            inputs = {"resolution": self.resolution, "channels": CHANNELS, "classes": CLASSES}
            small = scale(baseline, width=self.width, name=self.name).model_copy(update=inputs)
        plain_head = small.head.model_copy(
            update={"dropout": 0.0} if "dropout" in type(small.head).model_fields else {}
        )
        return small.model_copy(update={"stochastic_depth": 0.0, "head": plain_head})


# The target: 1.0x PyTorch on each EfficientNet, 1.2x in geometric mean; 0.8x on the dense network.
_B0 = [(0.5, 32), (0.5, 64), (1.0, 32)]
DEPTHWISE = tuple(Case(baseline="efficientnet-b0", width=width, resolution=size) for width, size in _B0)
DENSE = (Case(baseline="resnet-18", width=0.5, resolution=32, proxy=True),)
PROXIES = tuple(
    Case(baseline="efficientnet-b0", width=width, resolution=size, proxy=True) for width, size in _B0
)
TARGETS = (*DEPTHWISE, *DENSE)
# What a GPU is for.
LARGE = (Case(baseline="efficientnet-b0", width=1.0, resolution=224),)
CASES = {case.name: case for case in (*TARGETS, *PROXIES, *LARGE)}
