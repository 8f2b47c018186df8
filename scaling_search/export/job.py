"""What every format is given to write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_search.architecture.network import Network
from scaling_search.export.layers import Arrays, Layer


@dataclass(frozen=True, kw_only=True)
class Job:
    """A network, its layers with their arrays as we have them, and the first line of a program's documentation.

    `normalise` is (mean, std) for each channel in units of 0..255, where the model shall do that itself.
    """

    network: Network
    weights: tuple[tuple[Layer, Arrays], ...]
    about: str
    normalise: tuple[np.ndarray, np.ndarray] | None = None
