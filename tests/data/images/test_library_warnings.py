"""Warnings of image libraries: with the image's name, once per kind, from all threads."""

from __future__ import annotations

import logging
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from scaling_search.data.images.library_warnings import LibraryWarnings


def test_a_kind_is_said_once_with_its_first_image_and_how_many(capfd: pytest.CaptureFixture[str]) -> None:
    with LibraryWarnings() as warned, ThreadPoolExecutor(4) as threads:

        def meet(number: int) -> None:
            with warned.about(f"{number:02}.png"):
                warnings.warn(f"expected {number} bytes", UserWarning, stacklevel=1)
                if number == 3:
                    logging.getLogger("tifffile.tifffile").warning("odd\ntag \x1b[31m")

        list(threads.map(meet, range(20)))
    assert warned.lines() == (
        "00.png and 19 more: expected 0 bytes",
        "03.png: odd tag \\x1b[31m",
    )
    assert capfd.readouterr().err == ""


def test_afterwards_everything_is_as_before() -> None:
    with LibraryWarnings():
        warnings.warn("inside", UserWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="outside"):
        warnings.warn("outside", UserWarning, stacklevel=1)
    assert all(logging.getLogger(name).propagate for name in ("PIL", "tifffile"))
    assert not any(logging.getLogger(name).handlers for name in ("PIL", "tifffile"))
