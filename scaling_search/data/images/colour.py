"""Pillow's modes brought to grey or colour, as the image is seen: transparency, palettes, CMYK, Lab, profiles.

What is transparent is laid on white. A palette is grey if every colour that the image then shows is. CMYK, Lab and
colours with a profile become sRGB by LittleCMS; CMYK without a profile becomes RGB by the plain formula.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from scaling_search.data.images.arrays import numbers
from scaling_search.data.images.pixels import Pixels, UnusableError, full_scale, on_white
from scaling_search.data.summary import Change

_ALPHA = {"LA": "L", "La": "L", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB"}
_DEEP = ("I", "F")  # and I;16 in its byte orders


def seen(image: Image.Image) -> Pixels:
    """The samples of a loaded image, not yet turned. UnusableError: a mode that is neither grey nor colour."""
    mode = image.mode
    if mode.startswith(_DEEP):
        return _deep(image)
    changes: set[Change] = set()
    if mode in ("P", "PA"):
        changes.add("palette")
    if mode in _ALPHA or "transparency" in image.info:
        return _over_white(image, changes)
    if mode == "P":
        return Pixels(
            values=_grey_if_grey(_array(image.convert("RGB"))), white=255, changes=frozenset(changes)
        )
    if mode == "CMYK":
        changes.add("cmyk")
    if mode == "LAB":
        changes.add("lab")
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return Pixels(values=_array(_to_srgb(image, profile)), white=255, changes=frozenset(changes))
    if mode not in ("1", "L", "RGB", "CMYK", "YCbCr", "HSV"):
        raise UnusableError("of no usable kind", f"neither grey nor colour (Pillow mode {mode!r})")
    values = _array(_managed(image, changes))
    return Pixels(values=values, white=255, changes=frozenset(changes))


def _over_white(image: Image.Image, changes: set[Change]) -> Pixels:
    base = _ALPHA.get(image.mode) or ("L" if image.mode in ("1", "L") else "RGB")
    straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
    clear = (image.convert(straight) if straight else image).convert("RGBA")
    alpha = np.asarray(clear.getchannel("A"))
    opaque = clear.convert("RGB")
    if "icc_profile" in image.info and image.mode not in ("P", "PA"):
        opaque.info["icc_profile"] = image.info["icc_profile"]
        opaque = _managed(opaque, changes) if base == "RGB" else opaque
    values = _array(opaque)
    if alpha.min() < 255:
        values = on_white(values, alpha, 255)
        changes.add("transparency")
    if base == "L":
        values = values[:, :, :1]
    elif "palette" in changes:
        values = _grey_if_grey(values)
    return Pixels(values=values, white=255, changes=frozenset(changes))


def _deep(image: Image.Image) -> Pixels:
    pixels = numbers(np.asarray(image)[:, :, None])
    clear, values = image.info.get("transparency"), pixels.values
    if isinstance(clear, int) and (values == clear).any():
        # One grey counts as transparent. White is what the bits that the other greys use can hold.
        shown = values[values != clear]
        white = full_scale(int(shown.max())) if shown.size else 65535
        values = np.where(values == clear, white, values).astype(values.dtype)
        return Pixels(values=values, white=None, changes=frozenset({"transparency"}))
    return pixels


def _managed(image: Image.Image, changes: set[Change]) -> Image.Image:
    """The image in L or RGB, by its colour profile where it has one that is not sRGB already."""
    plain = "L" if image.mode in ("1", "L") else "RGB"
    icc = image.info.get("icc_profile")
    if icc and image.mode in ("L", "RGB", "CMYK"):
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if "srgb" not in ImageCms.getProfileDescription(profile).lower():
                managed = _to_srgb(image, profile)
                changes.add("profile")
                return managed if plain == "RGB" else managed.convert("L")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            changes.add("profile unreadable")
    return image if image.mode == plain else image.convert(plain)


def _to_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    made = ImageCms.profileToProfile(image, profile, target, outputMode="RGB")
    if made is None:  # only where the image itself was to be changed
        raise ImageCms.PyCMSError("no image was made")
    return made


def _grey_if_grey(values: np.ndarray) -> np.ndarray:
    return values[:, :, :1] if (values == values[:, :, :1]).all() else values


def _array(image: Image.Image) -> np.ndarray:
    values = np.asarray(image, np.uint8)
    return values[:, :, None] if values.ndim == 2 else values
