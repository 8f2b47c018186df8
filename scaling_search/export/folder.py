"""An exported folder: written beside its place and moved there when all of it is on the disk."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from scaling_search.architecture.network import Network
from scaling_search.architecture.toml import write
from scaling_search.errors import (
    DeviceError,
    InputError,
    ScalingSearchError,
    StorageError,
    UsageError,
    suggest,
)
from scaling_search.export import reference
from scaling_search.export.job import Job
from scaling_search.export.layers import layers
from scaling_search.export.metadata import Metadata, config
from scaling_search.networks.weights import unstack
from scaling_search.system.files import DRAFT_PREFIX, as_new, sync_folder

FORMATS = ("torch", "onnx", "flax", "timm")
# A model's logits may differ from ours by this share of the largest, or by so many times our own rounding errors.
TOLERANCE = 1e-5
ROUNDINGS = 3
# Channels last here, as in flax; the others have them first.
_CHANNELS_LAST = ("flax",)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A folder that was written, and what is in it: name and size in bytes of every file."""

    folder: Path
    format: str
    files: dict[str, int]


def export(
    network: Network,
    params: dict[str, Any],
    batch_stats: dict[str, Any],
    *,
    format: str,
    out: Path,
    metadata: Metadata | None = None,
    images: np.ndarray | None = None,
    normalise: bool = False,
    seed: int = 0,
) -> Exported:
    """Writes a network with these weights (trees of `networks.build`) to the new folder `out`.

    `images` (16, H, W, C), float32 and normalised, are those of the check file; noise of `seed` unless given. With
    `normalise` the model itself does (pixel - mean) / std, and takes pixels of 0..255.
    Errors: UsageError for an unknown format or a folder that has something in it; InputError for what the format
    cannot express, a network without mean and std to `normalise` by, lists of another length; StorageError.
    """
    about = metadata or Metadata()
    check_target(format, out)
    about.check(network)
    if normalise and format != "onnx":
        raise UsageError(f"only onnx has normalisation inside the model, not {format}")
    moments = None
    if normalise:
        if about.mean is None or about.std is None:
            raise UsageError("normalisation inside the model needs mean and std")
        moments = np.asarray(about.mean, np.float32), np.asarray(about.std, np.float32)
    job = Job(
        network=network,
        weights=tuple(zip(layers(network), unstack(network, params, batch_stats), strict=True)),
        about=_about(network),
        normalise=moments,
    )
    module = _format(format)
    files: dict[str, bytes] = module.files(job)
    given = reference.noise(network, seed) if images is None else np.asarray(images, np.float32)
    ours = (network, params, batch_stats, given)
    logits = reference.logits(*ours)
    if not np.isfinite(logits).all():
        raise InputError(
            f"{network.name}: its logits are not finite: its weights are beyond what float32 holds"
        )
    if moments is not None:
        given = given * moments[1] + moments[0]
    shown = given if format in _CHANNELS_LAST else np.ascontiguousarray(given.transpose(0, 3, 1, 2))
    check = io.BytesIO()
    np.savez(check, images=shown, logits=logits)
    content = config(network, about, format=format, normalises=normalise)
    content["weights_sha256"] = hashlib.sha256(files["model.safetensors"]).hexdigest()
    files |= {
        "network.toml": write(network).encode(),
        "config.json": (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode(),
        "check.npz": check.getvalue(),
    }
    if hasattr(module, "logits"):
        _verify(module.logits(files, shown), logits, lambda: reference.logits(*ours, double=True))
    _write(files, out)
    return Exported(folder=out, format=format, files={name: len(data) for name, data in files.items()})


def _verify(theirs: np.ndarray, ours: np.ndarray, exact: Callable[[], np.ndarray]) -> None:
    """Errors: ScalingSearchError where a model's logits are further from ours than rounding explains."""
    difference = float(np.abs(theirs - ours).max())
    if difference <= TOLERANCE * float(np.abs(ours).max()):
        return
    rounding = float(np.abs(exact() - ours).max())
    if not difference <= ROUNDINGS * rounding:
        raise ScalingSearchError(
            f"the exported model's logits differ by {difference:.1e} from ours, and rounding explains {rounding:.1e}"
        )


def check_target(format: str, out: Path) -> None:
    """Errors: UsageError for an unknown format, or a folder that cannot be written anew. Costs nothing."""
    if format not in FORMATS:
        raise UsageError(suggest("format", format, FORMATS))
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file: give --out a new folder")
    if any(out.iterdir()):
        raise UsageError(f"{out} is there already and not empty: give --out another folder, or remove it")
    if out.samefile(Path.cwd()):
        raise UsageError(f"{out} is the folder that you are in, which is made anew: give --out another")


def _format(name: str) -> Any:
    try:
        return importlib.import_module(f"scaling_search.export.formats.{name}")
    except ModuleNotFoundError as error:
        raise DeviceError(
            f"format {name} needs the package {error.name}: pip install 'scaling-search[{name}]'"
        ) from None


def _about(network: Network) -> str:
    name = "".join(letter if letter.isprintable() and letter not in '"\\' else "?" for letter in network.name)
    return f"{name}, written by scaling-search {version('scaling-search')}. Run it to compare with check.npz."


def _write(files: dict[str, bytes], out: Path) -> None:
    draft: Path | None = None
    try:
        out = out.resolve()  # a link stays one
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=out.parent, prefix=DRAFT_PREFIX))
        for name, data in files.items():
            with (draft / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        as_new(draft, 0o777)
        sync_folder(draft)
        draft.rename(out)
        sync_folder(out.parent)
    except OSError as error:
        size = sum(map(len, files.values()))
        raise StorageError(f"cannot write {out} ({size:,} bytes): {error.strerror or error}") from error
    finally:
        if draft is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(draft)
