"""The only file that imports tensorflow_datasets (without TensorFlow): it builds and reads array_record sets."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from requests import RequestException
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.util import DownloadError
from tensorflow_datasets.image_classification.mnist import FashionMNIST

from scaling_search.data.fashion_mnist import FILES, VERSION, read_idx
from scaling_search.data.paths import printable
from scaling_search.data.storage import PREPARING
from scaling_search.errors import InputError

BATCH = 1024


class _FashionMNIST(FashionMNIST, skip_registration=True):  # type: ignore[misc, call-arg]
    """tfds's own builder, but for opening the files itself: tfds opens archives through TensorFlow."""

    name = "fashion_mnist"
    url_infos = FashionMNIST.url_infos

    def _split_generators(self, dl_manager: Any) -> Mapping[str, Iterator[tuple[int, dict[str, Any]]]]:
        paths = dl_manager.download({file.name: f"{self.URL}{file.name}.gz" for file in FILES})
        train_images, train_labels, test_images, test_labels = (Path(paths[file.name]) for file in FILES)
        return {
            "train": self._generate_examples(train_images, train_labels),
            "test": self._generate_examples(test_images, test_labels),
        }

    def _generate_examples(self, images: Path, labels: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        pairs = zip(read_idx(images), read_idx(labels), strict=True)
        for index, (image, label) in enumerate(pairs):
            yield index, {"image": Image.fromarray(image), "label": int(label)}


def can_download() -> bool:
    """Whether the host that publishes Fashion-MNIST answers, or a proxy is set that may reach it."""
    if urllib.request.getproxies():
        return True
    try:
        address = (str(urlsplit(_FashionMNIST.URL).hostname), urlsplit(_FashionMNIST.URL).port or 80)
        with socket.create_connection(address, timeout=10):
            return True
    except OSError:
        return False


def build_fashion_mnist(root: Path, files: Path | None) -> None:
    """Prepare fashion_mnist under `root` from the four published files in the folder `files`, else by download.

    It is built in a folder beside and moved into place whole. InputError: the download fails, or brings files
    that are not the published ones. OSError: the disk.
    """
    # Cleaning up may meet a download still running in a thread of tfds; what it leaves, a later run removes.
    scratch_folder = tempfile.TemporaryDirectory(prefix=PREPARING, dir=root, ignore_cleanup_errors=True)
    with _quiet(), scratch_folder as scratch:
        builder = _FashionMNIST(data_dir=scratch)
        options = tfds.download.DownloadConfig(manual_dir=files)
        try:
            builder.download_and_prepare(file_format="array_record", download_config=options)
        except (RequestException, DownloadError, NonMatchingChecksumError) as error:
            raise InputError(f"fashion_mnist: the download failed: {printable(error)}") from error
        except RuntimeError as error:
            # The record writer says in words alone what the system told it.
            for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO):
                if os.strerror(number) in str(error):
                    raise OSError(number, os.strerror(number)) from error
            raise
        target = root / "fashion_mnist" / VERSION
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():  # else another process was faster, with the same files
            Path(builder.data_dir).rename(target)


def read_images(
    directory: Path, splits: tuple[str, ...], *, image_key: str, label_key: str
) -> Iterator[tuple[np.ndarray, int]]:
    """The (image (H, W, C) uint8, label) pairs of a prepared set, split after split, in stored order."""
    with _reading(directory):
        builder = tfds.builder_from_directory(str(directory))
    for split in splits:
        with _reading(directory):
            source = builder.as_data_source(split=split)
        for start in range(0, len(source), BATCH):
            with _reading(directory):
                examples = source.__getitems__(range(start, min(start + BATCH, len(source))))
            for example in examples:
                yield np.asarray(example[image_key], np.uint8), int(example[label_key])


@contextlib.contextmanager
def _reading(directory: Path) -> Iterator[None]:
    with _quiet():
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # of four libraries, each with errors of its own for damaged records
            raise InputError(
                f"the set in {printable(directory)} cannot be read: {printable(error)}; prepare it again"
            ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """tfds prints on standard output, which is for data; its progress bars are for terminals."""
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    with contextlib.redirect_stdout(sys.stderr):
        yield
