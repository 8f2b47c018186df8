"""Class activation maps of members, side by side on the same images, as PNG files that a page can take in."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from scaling_search.errors import DamagedError, InputError
from scaling_search.report.figures import count
from scaling_search.report.page.data import ActivationMap, MappedImage
from scaling_search.search.members.member import Member
from scaling_search.search.members.predict import Prediction, moments
from scaling_search.system.files import save
from scaling_search.system.text import read_text

INDEX = "maps.json"
_MOST = 24
_SIDE = 224
# From nothing to much: black, violet, orange, yellow (readable in grey and by the colour-blind).
_COLOURS = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], np.float64)


def maps_of(
    member: Member, images: UInt8[np.ndarray, "n h w c"]
) -> tuple[Float[np.ndarray, "n h w"], np.ndarray]:
    """Maps of the class that the member names for each stored image, and the classes' numbers."""
    import jax
    import jax.numpy as jnp

    from scaling_search.data import augment
    from scaling_search.networks.maps import activation_maps

    mean, std = moments(member)
    params, batch_stats = member.weights
    run = activation_maps(member.network, platform=jax.default_backend())
    inputs = augment.normalise(jnp.asarray(augment.resize(images, member.network.resolution)), mean, std)
    _, logits = run(params, batch_stats, inputs, jnp.zeros(len(images), jnp.int32))
    named = np.argmax(np.asarray(logits), axis=1)
    found, _ = run(params, batch_stats, inputs, jnp.asarray(named))
    return np.asarray(found, np.float64), named


def mapped(found: Prediction) -> list[MappedImage]:
    """The first images of a prediction, and where each member looks in them."""
    images = found.images.images[:_MOST]
    by_member = [(member, *maps_of(member, images)) for member in found.members]
    result = []
    for at in range(len(images)):
        label = int(found.images.labels[at])
        result.append(
            MappedImage(
                name=Path(found.images.names[at]).name,
                label=None if label < 0 else found.classes[label],
                png=_png(_enlarged(images[at])),
                maps=tuple(
                    ActivationMap(
                        member=member.label,
                        predicted=member.classes[int(named[at])],
                        png=_png(overlay(images[at], maps[at])),
                    )
                    for member, maps, named in by_member
                ),
            )
        )
    return result


def overlay(image: UInt8[np.ndarray, "h w c"], found: Float[np.ndarray, "a b"]) -> UInt8[np.ndarray, "s s 3"]:
    """An image in grey with its map over it; the map's largest absolute value is the brightest colour."""
    grey = _enlarged(image).mean(axis=2, keepdims=True)
    most = float(np.abs(found).max()) or 1.0
    heat = Image.fromarray((found / most).astype(np.float32)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    level = np.clip(np.asarray(heat), 0, 1) * (len(_COLOURS) - 1)
    low = np.clip(level.astype(int), 0, len(_COLOURS) - 2)
    share = (level - low)[:, :, None]
    colour = _COLOURS[low] * (1 - share) + _COLOURS[low + 1] * share
    return np.asarray(np.clip(0.45 * grey + 0.55 * colour, 0, 255).astype(np.uint8))


def write_maps(found: Prediction, folder: Path) -> list[str]:
    """Writes PNG files and their index into a folder; says what is there. Errors: StorageError."""
    rows = mapped(found)
    index = []
    for number, row in enumerate(rows):
        stem = f"{number:03d}-{_safe(row.name)}"
        save(row.png, folder / f"{stem}.png")
        files = []
        for place, one in enumerate(row.maps):
            file = f"{stem}-{place}-{_safe(one.member)}.png"
            save(one.png, folder / file)
            files.append({"member": one.member, "predicted": one.predicted, "file": file})
        index.append({"name": row.name, "label": row.label, "file": f"{stem}.png", "maps": files})
    save(json.dumps(index, indent=2, ensure_ascii=False) + "\n", folder / INDEX)
    left = len(found.images.names) - len(rows)
    more = f"; {count(left, 'image')} without" if left else ""
    return [
        f"{count(len(rows), 'image')} with maps in {folder}{more}. "
        f"`scaling-search report --format html --maps {folder} --output report.html` shows them in the page"
    ]


def read_maps(folder: Path) -> tuple[MappedImage, ...]:
    """What `write_maps` wrote. Errors: InputError, DamagedError."""
    try:
        index = json.loads(read_text(folder / INDEX, "maps"))
        return tuple(
            MappedImage(
                name=row["name"],
                label=row["label"],
                png=_read(folder, row["file"]),
                maps=tuple(
                    ActivationMap(
                        member=one["member"], predicted=one["predicted"], png=_read(folder, one["file"])
                    )
                    for one in row["maps"]
                ),
            )
            for row in index
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{folder / INDEX} is damaged ({type(error).__name__}: {error})") from None


def _read(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise InputError(f"{folder / INDEX} names {name!r}, which is not a file of this folder")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {folder / name}: {error.strerror}") from None


def _enlarged(image: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "s s 3"]:
    shown = image[:, :, :3] if image.shape[2] >= 3 else np.repeat(image[:, :, :1], 3, axis=2)
    return np.asarray(Image.fromarray(shown).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR))


def _png(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return file.getvalue()


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:60] or "image"
