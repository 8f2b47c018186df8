"""An exported folder as a member."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scaling_search.architecture import toml
from scaling_search.architecture.faults import explain
from scaling_search.architecture.network import Network, fingerprint
from scaling_search.data.images.form import MOST_SIZE
from scaling_search.data.summary import Fit
from scaling_search.errors import DamagedError
from scaling_search.export.metadata import Accuracy, Metadata
from scaling_search.search.members.member import Member
from scaling_search.system.text import read_text

Tree = dict[str, Any]
Side = Annotated[int, Field(ge=1, le=MOST_SIZE)]
_WHITE = 255.0


class _Config(BaseModel):
    """What is needed of a folder's `config.json`."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    label_names: tuple[str, ...] | None
    interpolation: str
    crop_pct: float
    fit: Fit | None
    stored_size: tuple[Side, Side] | None
    shape: Annotated[float, Field(gt=0)] | None
    accuracy: Accuracy | None
    recipe: dict[str, Any] | None
    provenance: dict[str, Any] | None
    fingerprint: str
    weights_sha256: str


def of_folder(folder: Path, *, weights_file: Path | None = None) -> Member:
    """An exported folder as a member, or its network with other weights, such as were trained further.

    Errors: InputError where it is none, DamagedError where its files are.
    """
    network = toml.read(folder / "network.toml")
    path = folder / "config.json"
    try:
        config = _Config.model_validate_json(read_text(path, "exported folder"))
    except ValidationError as error:
        raise DamagedError(str(explain(error, f"{path} is damaged"))) from None
    metadata = Metadata(
        mean=_moments(config.mean),
        std=_moments(config.std),
        class_names=config.label_names,
        interpolation=config.interpolation,
        crop_pct=config.crop_pct,
        fit=config.fit,
        stored_size=config.stored_size,
        shape=config.shape,
        accuracy=config.accuracy,
        recipe=config.recipe,
        provenance=config.provenance,
    )
    metadata.check(network)
    if config.fingerprint != fingerprint(network):
        raise DamagedError(f"{folder / 'network.toml'} is not the network that was exported")
    if weights_file is not None:
        metadata = replace(metadata, accuracy=None, provenance={"weights": weights_file.name})
    file, sha256 = weights_file or folder / "model.safetensors", config.weights_sha256
    return Member(
        label=folder.name if weights_file is None else f"{folder.name} with {weights_file.name}",
        network=network,
        metadata=metadata,
        read=lambda: _read(file, network, sha256, given=bool(weights_file)),
    )


def _moments(values: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(np.float32(value)) * _WHITE for value in values)


def _read(file: Path, network: Network, sha256: str, *, given: bool) -> tuple[Tree, Tree]:
    """Errors: as `weights_in.read`; DamagedError where the folder's own file is not what was exported."""
    from scaling_search.export import weights_in

    found = weights_in.read(file, network)
    if not given and hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise DamagedError(
            f"weights {file}: these are not the weights that were exported; where they were trained further, --weights "
            f"{file} takes them as they are"
        )
    return found
