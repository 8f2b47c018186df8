"""Sets that tensorflow-datasets has prepared, found by their JSON files alone (importing it takes a second).

A set lies in ROOT/NAME/VERSION or ROOT/NAME/CONFIG/VERSION. One with a config is called NAME.CONFIG here; of
several versions the highest counts. It can be used when it is stored as array_record, has a train split, and
has one image (uint8, 1 or 3 channels) and one class label per example, or supervised keys that name them.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaling_search.data.paths import check_name, printable
from scaling_search.errors import InputError


@dataclass(frozen=True, kw_only=True)
class PreparedSet:
    """A usable set in the layout of tensorflow-datasets, as far as its JSON files tell."""

    name: str
    directory: Path
    version: str
    classes: tuple[str, ...]
    channels: int
    size: tuple[int, int] | None  # height and width, pixels; None: they differ
    image_key: str
    label_key: str
    counts: Mapping[str, int]  # images of each split

    @property
    def test_split(self) -> str | None:
        """`test`, or `validation` where there is no test; None without either."""
        return next((split for split in ("test", "validation") if split in self.counts), None)

    @property
    def origin(self) -> str:
        """Changes when the record files do: a digest of their names, sizes and times (ns)."""
        stats = [
            (path.name, path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(self.directory.glob("*.array_record-*"))
        ]
        return hashlib.sha256(json.dumps([str(self.directory), stats]).encode()).hexdigest()


@dataclass(frozen=True)
class Refused:
    """Why a set cannot be used."""

    reason: str


def find_prepared(roots: tuple[Path, ...]) -> dict[str, PreparedSet | Refused]:
    """Every set under the roots by name; where two roots have one, the first root's."""
    found: dict[str, PreparedSet | Refused] = {}
    for root in roots:
        versions: dict[str, list[Path]] = {}
        for directory in sorted(_set_directories(root)):
            name = ".".join(directory.relative_to(root).parts[:-1])
            try:
                versions.setdefault(check_name(name), []).append(directory)
            except InputError:
                continue  # no set of ours has such a name, and it could not be asked for
        for name, directories in versions.items():
            elsewhere = next((one for one in roots if one != root), root)
            usable = _examine(name, max(directories, key=_version), elsewhere)
            if name not in found or isinstance(found[name], Refused):
                found[name] = usable
    return found


def _set_directories(root: Path) -> Iterator[Path]:
    for pattern in ("*/*/dataset_info.json", "*/*/*/dataset_info.json"):
        try:
            for path in root.glob(pattern):
                if _version(path.parent) and ".incomplete" not in path.parent.name:
                    yield path.parent
        except PermissionError:
            return


def _version(directory: Path) -> tuple[int, ...]:
    parts = directory.name.split(".")
    return tuple(map(int, parts)) if len(parts) == 3 and all(part.isdigit() for part in parts) else ()


def conversion(directory: Path, name: str, root: Path) -> str:
    """What to do with a set whose examples are stored as tfrecord: `root` is where it is looked for next."""
    out = root.joinpath(*name.split("."), directory.name)
    command = [
        "tfds",
        "convert_format",
        f"--dataset_version_dir={directory}",
        "--out_file_format=array_record",
        f"--out_dir={out}",
    ]
    return f"convert it (that needs TensorFlow once): {printable(shlex.join(command))}"


def said_of_folder(folder: Path, root: Path) -> str | None:
    """What to do with a folder that holds a set of tensorflow-datasets in place of images; None of any other."""
    patterns = ("dataset_info.json", "*/dataset_info.json", "*/*/dataset_info.json")
    directory = next((found.parent for pattern in patterns for found in sorted(folder.glob(pattern))), None)
    if directory is None:
        if any(folder.glob("*.tfrecord*")):
            return "holds tfrecord files without a dataset_info.json: write their images into files"
        return None
    try:
        info = json.loads((directory / "dataset_info.json").read_bytes())
        name, stored = str(info["name"]), str(info["fileFormat"])
    except (OSError, ValueError, KeyError, TypeError):
        name, stored = directory.absolute().parent.name, "an unknown format"
    what = f"is a set of tensorflow-datasets, not a folder of images, stored as {printable(stored)}"
    if stored != "array_record":
        return f"{what}; {conversion(directory.absolute(), name, root)}"
    return (
        f"{what}: name the folder that {printable(name)}/ lies in with TFDS_DATA_DIR, and use it by its name"
    )


def _examine(name: str, directory: Path, elsewhere: Path) -> PreparedSet | Refused:
    try:
        info = json.loads((directory / "dataset_info.json").read_bytes())
        if info["fileFormat"] != "array_record":
            how = conversion(directory, name, elsewhere)
            return Refused(f"is stored as {printable(info['fileFormat'])}, not as array_record; {how}")
        features = json.loads((directory / "features.json").read_bytes())["featuresDict"]["features"]
        counts = {one["name"]: sum(map(int, one["shardLengths"])) for one in info["splits"]}
        image_key, label_key = _keys(info, features)
        image, label = features[image_key]["image"], features[label_key]["classLabel"]
        height, width, channels = (int(one) for one in image["shape"]["dimensions"])
        if channels not in (1, 3) or ("dtype" in image and image["dtype"] != "uint8"):
            return Refused("holds images that are neither grey nor colour in 8 bits")
        if "train" not in counts:
            return Refused("has no train split")
        names = directory / f"{label_key}.labels.txt"
        classes = (
            tuple(printable(line) for line in names.read_text(encoding="utf-8").splitlines())
            if names.is_file()
            else tuple(map(str, range(int(label["numClasses"]))))
        )
        return PreparedSet(
            name=name,
            directory=directory,
            version=directory.name,
            classes=classes,
            channels=channels,
            size=(height, width) if height > 0 and width > 0 else None,
            image_key=image_key,
            label_key=label_key,
            counts=counts,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Refused(f"is no set of images with one class each ({printable(error)})")


def _keys(info: Mapping[str, Any], features: Mapping[str, Any]) -> tuple[str, str]:
    """The names of the image and of the label: the only ones of their kind, else the supervised keys."""
    images = [key for key, feature in features.items() if "image" in feature]
    labels = [key for key, feature in features.items() if "classLabel" in feature]
    if len(images) == 1 and len(labels) == 1:
        return images[0], labels[0]
    image, label = (one["featureKey"] for one in info["supervisedKeys"]["tuple"]["items"])
    return image, label
