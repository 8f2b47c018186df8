"""Fashion-MNIST's four files: found in Debian's package, and given back the gzip header that Debian stripped.

H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747. With the header restored the files have the very SHA-256 that
tensorflow-datasets records, so the genuine `fashion_mnist/3.0.1` can be prepared without a network.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scaling_search.data.dataset import DatasetInfo
from scaling_search.data.paths import printable
from scaling_search.errors import InputError

PACKAGE = "dataset-fashion-mnist"
VERSION = "3.0.1"
INFO = DatasetInfo(
    name="fashion_mnist",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    channels=1,
    size=(28, 28),
    train_count=60000,
    test_count=10000,
    prepared=False,
    how_to_prepare="scaling-search data prepare fashion_mnist",
    source=f"tensorflow-datasets fashion_mnist/{VERSION}",
)


@dataclass(frozen=True, kw_only=True)
class GzipFile:
    """A file as its authors published it: its name, the time in its gzip header (UTC seconds), its SHA-256."""

    name: str
    time: int
    sha256: str


FILES = (
    GzipFile(
        name="train-images-idx3-ubyte",
        time=1504176606,
        sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    GzipFile(
        name="train-labels-idx1-ubyte",
        time=1504176606,
        sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    GzipFile(
        name="t10k-images-idx3-ubyte",
        time=1504176627,
        sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    GzipFile(
        name="t10k-labels-idx1-ubyte",
        time=1504176627,
        sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


def debian_folder() -> Path | None:
    """The folder where Debian's package put the files, None where it is not installed."""
    dpkg = shutil.which("dpkg")
    if dpkg is None:
        return None
    listing = subprocess.run(  # noqa: S603  (a fixed command)
        [dpkg, "-L", PACKAGE], capture_output=True, text=True, check=False, timeout=60
    )
    for line in listing.stdout.splitlines():
        if line.endswith(f"/{FILES[0].name}.gz"):
            return Path(line).parent
    return None


def restore(folder: Path, target: Path, files: tuple[GzipFile, ...]) -> None:
    """Write each file of `folder` to `target` as published (`NAME.gz`), its header put back where it was cut.

    InputError: a file that is missing or that doesn't become the published one, by name.
    """
    for file in files:
        path = folder / f"{file.name}.gz"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"fashion_mnist: cannot read {printable(path)}: {error.strerror}; the folder must hold "
                + ", ".join(f"{one.name}.gz" for one in files)
            ) from error
        if hashlib.sha256(content).hexdigest() != file.sha256:
            content = restore_header(content, name=file.name, time=file.time)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise InputError(f"fashion_mnist: {printable(path)} is not the file that its authors published")
        (target / path.name).write_bytes(content)


def restore_header(content: bytes, *, name: str, time: int) -> bytes:
    """The gzip file with a header of method 8, FNAME, the time, XFL 0, OS 3 (Unix) and the name (RFC 1952 §2.3).

    A header of ten bytes with no flags (what `gzip -n` writes) is replaced; any other content comes back as is.
    """
    if len(content) < 18 or content[:4] != b"\x1f\x8b\x08\x00":
        return content
    return struct.pack("<4BI2B", 0x1F, 0x8B, 8, 8, time, 0, 3) + name.encode() + b"\0" + content[10:]


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in a gzipped idx file: two zero bytes, type 8, rank, big-endian sizes, then the bytes.

    InputError: not gzip, not idx, or cut short.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{printable(path)} is not a whole gzip file: {error}") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise InputError(f"{printable(path)} is not an idx file of bytes")
    shape = struct.unpack(f">{content[3]}I", content[4 : 4 + 4 * content[3]])
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
    if data.size != math.prod(shape):
        raise InputError(f"{printable(path)} holds {data.size} bytes of data; its header says {shape}")
    return data.reshape(shape)
