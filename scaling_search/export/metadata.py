"""What a folder says of a network besides its table: `config.json`, in timm's field names where timm has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scaling_search.architecture.network import Network, fingerprint, parts
from scaling_search.costs.count import cost
from scaling_search.data.summary import Fit
from scaling_search.errors import InputError
from scaling_search.system.text import read_text

GREY_LEVELS = 255.0
_MOST = 1e6
# timm's words.
_CROP_MODES = {"crop": "center", "pad": "border", "squash": "squash", None: "squash"}


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """A share of right answers, 0 to 1, with its confidence interval and the images that it was measured on."""

    value: float
    low: float
    high: float
    level: float
    split: str
    images: int


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """All that may be known of trained weights; None where it is not, and null in the file.

    `mean` and `std` are those of each channel in the images' own units, 0 to 255: the network was trained on
    (pixel - mean) / std. `interpolation`, `crop_pct` and `fit` say how an image of another shape is brought to the
    network's: "crop", the largest centred square, which is all of its shorter side; "squash" or "pad", all of it; None,
    padded where it is more than 10 % off `shape`, the images' common width / height. `stored_size` is the (height,
    width) to which it is brought by that, as the data set's own images were, before it is scaled to the network's
    square: what is enlarged then has no more detail.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    class_names: tuple[str, ...] | None = None
    interpolation: str = "bilinear"
    crop_pct: float = 1.0
    fit: Fit | None = "crop"
    stored_size: tuple[int, int] | None = None
    shape: float | None = None
    accuracy: Accuracy | None = None
    recipe: Mapping[str, Any] | None = None
    provenance: Mapping[str, Any] | None = None

    def check(self, network: Network) -> None:
        """Errors: InputError where a list has another length than the network has channels or classes."""
        for what, values, expected, of in (
            ("mean", self.mean, network.channels, "channels"),
            ("std", self.std, network.channels, "channels"),
            ("class names", self.class_names, network.classes, "classes"),
        ):
            if values is not None and len(values) != expected:
                raise InputError(f"{what}: {len(values)} given, but {network.name} has {expected} {of}")
        if (self.mean is None) != (self.std is None):
            raise InputError("mean and std are given together or not at all")
        if self.std is not None and not all(value >= 1 / _MOST for value in self.std):
            raise InputError(f"std: {', '.join(map(str, self.std))}: every value must be over 0")
        for value in (*(self.mean or ()), *(self.std or ())):
            if not abs(value) <= _MOST:
                raise InputError(
                    f"mean and std are of pixels of 0 to {GREY_LEVELS:g}, {value:g} is beyond {_MOST:g}"
                )


def read_class_names(path: Path) -> tuple[str, ...]:
    """The names of a file with one a line. Errors: InputError where it cannot be read."""
    return tuple(read_text(path, "class names").splitlines())


def config(network: Network, metadata: Metadata, *, format: str, normalises: bool) -> dict[str, Any]:
    """The content of `config.json`. `mean` and `std` are timm's, of pixels scaled to 0..1."""
    counted = cost(network)
    size = network.resolution
    return {
        "architecture": network.name,
        "format": format,
        "num_classes": network.classes,
        "num_features": parts(network)[-1].inputs[2],
        "input_size": [network.channels, size, size],
        "mean": _scaled(metadata.mean),
        "std": _scaled(metadata.std),
        "normalisation_in_model": normalises,
        "interpolation": metadata.interpolation,
        "crop_pct": metadata.crop_pct,
        "crop_mode": _CROP_MODES[metadata.fit],
        "fit": metadata.fit,
        "shape": metadata.shape,
        "stored_size": None if metadata.stored_size is None else list(metadata.stored_size),
        "label_names": None if metadata.class_names is None else list(metadata.class_names),
        "parameters": counted.parameters,
        "macs": counted.macs,
        "accuracy": None if metadata.accuracy is None else asdict(metadata.accuracy),
        "recipe": None if metadata.recipe is None else dict(metadata.recipe),
        "provenance": None if metadata.provenance is None else dict(metadata.provenance),
        "fingerprint": fingerprint(network),
        "written_by": f"scaling-search {version('scaling-search')}",
    }


def _scaled(values: tuple[float, ...] | None) -> list[float] | None:
    return None if values is None else [value / GREY_LEVELS for value in values]
