"""An exported folder as a member."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network, fingerprint
from scaling_search.data.images.form import Form
from scaling_search.errors import DamagedError
from scaling_search.export.metadata import Accuracy, Metadata
from scaling_search.search.members.member import Member
from scaling_search.system.text import read_text

Tree = dict[str, Any]
_WHITE = 255.0


def of_folder(folder: Path, *, weights_file: Path | None = None) -> Member:
    """An exported folder as a member, or its network with other weights, such as were trained further.

    Errors: InputError where it is none, DamagedError where its files are.
    """
    network = toml.read(folder / "network.toml")
    try:
        config = json.loads(read_text(folder / "config.json", "exported folder"))
        mean, std = (_moments(config[name]) for name in ("mean", "std"))
        names = config["label_names"]
        accuracy = config["accuracy"]
        metadata = Metadata(
            mean=mean,
            std=std,
            class_names=None if names is None else tuple(names),
            interpolation=config["interpolation"],
            crop_pct=config["crop_pct"],
            crop_mode=config["crop_mode"],
            accuracy=None if accuracy is None else Accuracy(**accuracy),
            recipe=config["recipe"],
            provenance=config["provenance"],
        )
        sha256, of = config["weights_sha256"], config["fingerprint"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{folder / 'config.json'} is damaged ({type(error).__name__}: {error})") from None
    metadata.check(network)
    if of != fingerprint(network):
        raise DamagedError(f"{folder / 'network.toml'} is not the network that was exported")
    if weights_file is not None:
        metadata = replace(metadata, accuracy=None, provenance={"weights": weights_file.name})
    side = network.resolution
    height, width = (metadata.provenance or {}).get("stored_size") or (side, side)
    return Member(
        label=folder.name if weights_file is None else f"{folder.name} with {weights_file.name}",
        network=network,
        form=Form(size=(height, width), channels=network.channels, shape=width / height),
        metadata=metadata,
        read=lambda: _read(
            weights_file or folder / "model.safetensors", network, sha256, given=bool(weights_file)
        ),
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
