"""What is measured: proxies exactly as a search would train them, without their random parts."""

from __future__ import annotations

from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import load
from scaling_search.scaling.proxy import proxy

CLASSES = 10
CHANNELS = 3
# One optimizer for all three programs: SGD with momentum.
LEARNING_RATE = 0.01
MOMENTUM = 0.9


@dataclass(frozen=True, kw_only=True)
class Case:
    """A baseline at a width factor and resolution (pixels), trained on `batch` images a step."""

    baseline: str
    width: float
    resolution: int
    batch: int = 64

    @property
    def name(self) -> str:
        return f"{self.baseline}, width {self.width:g}, {self.resolution} px"

    @property
    def network(self) -> Network:
        """Dropout and stochastic depth are off: the frameworks' random numbers differ in kind and cost."""
        small = proxy(
            load(self.baseline),
            resolution=self.resolution,
            width=self.width,
            channels=CHANNELS,
            classes=CLASSES,
        )
        plain_head = small.head.model_copy(
            update={"dropout": 0.0} if "dropout" in type(small.head).model_fields else {}
        )
        return small.model_copy(update={"stochastic_depth": 0.0, "head": plain_head})


# The target: 1.0x PyTorch on each EfficientNet, 1.2x in geometric mean; 0.8x on the dense network.
DEPTHWISE = (
    Case(baseline="efficientnet-b0", width=0.5, resolution=32),
    Case(baseline="efficientnet-b0", width=0.5, resolution=64),
    Case(baseline="efficientnet-b0", width=1.0, resolution=32),
)
DENSE = (Case(baseline="resnet-18", width=0.5, resolution=32),)
CASES = {case.name: case for case in (*DEPTHWISE, *DENSE)}
