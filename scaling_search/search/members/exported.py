"""An exported folder as a member."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from scaling_search.architecture import toml
from scaling_search.architecture.faults import explain
from scaling_search.architecture.network import Network, fingerprint
from scaling_search.data.images.form import MOST_SIZE
from scaling_search.data.summary import Fit
from scaling_search.errors import DamagedError
from scaling_search.export.metadata import GREY_LEVELS, Accuracy, Metadata
from scaling_search.search.members.member import Member
from scaling_search.system.text import read_text

Tree = dict[str, Any]
Side = Annotated[int, Field(ge=1, le=MOST_SIZE)]
Moments = Annotated[
    tuple[float, ...],
    AfterValidator(lambda values: tuple(float(np.float32(value)) * GREY_LEVELS for value in values)),
]


class _Config(BaseModel):
    """What is needed of a folder's `config.json`; its moments are of pixels scaled to 0..1."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    mean: Moments | None
    std: Moments | None
    class_names: tuple[str, ...] | None = Field(alias="label_names")
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
    metadata = Metadata(**{field.name: getattr(config, field.name) for field in fields(Metadata)})
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
