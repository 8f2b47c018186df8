from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import struct
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tensorflow_datasets.core.download.checksums import UrlInfo
from tensorflow_datasets.core.utils import Size

from scaling_search.data import catalog, fashion_mnist, tfds_builder
from scaling_search.data.fashion_mnist import GzipFile, read_idx, restore, restore_header
from scaling_search.errors import InputError, StorageError


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def published(content: bytes, name: str, time: int) -> bytes:
    """A gzip file with its name and time in the header, as gzip(1) writes it."""
    file = io.BytesIO()
    with gzip.GzipFile(filename=name, mode="wb", fileobj=file, mtime=time) as stream:
        stream.write(content)
    packed = bytearray(file.getvalue())
    packed[8:10] = bytes([0, 3])  # Python says XFL 2 and OS 255
    return bytes(packed)


def stripped(packed: bytes, name: str) -> bytes:
    """The same file with a header of ten bytes, no name and no time, as Debian repacks it."""
    return bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]) + packed[10 + len(name) + 1 :]


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as Debian's package has it, of twelve images and four; FILES says what they were once."""
    random = np.random.default_rng(0)
    folder = tmp_path / "debian"
    folder.mkdir()
    files = []
    for file, count in zip(fashion_mnist.FILES, (12, 12, 4, 4), strict=True):
        labels = "labels" in file.name
        array = (
            np.arange(count, dtype=np.uint8) % 2
            if labels
            else random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        )
        if not labels:
            array[:, 0, 0] = np.arange(count) % 2
        packed = published(idx(array), file.name, file.time)
        (folder / f"{file.name}.gz").write_bytes(stripped(packed, file.name))
        files.append(GzipFile(name=file.name, time=file.time, sha256=hashlib.sha256(packed).hexdigest()))
    monkeypatch.setattr(fashion_mnist, "FILES", tuple(files))
    sums = {
        f"{tfds_builder._FashionMNIST.URL}{file.name}.gz": UrlInfo(
            size=Size((folder / f"{file.name}.gz").stat().st_size + len(file.name) + 1),
            checksum=file.sha256,
            filename=f"{file.name}.gz",
        )
        for file in files
    }
    monkeypatch.setattr(tfds_builder._FashionMNIST, "url_infos", sums)
    return folder


def test_the_header_comes_back(debian: Path, tmp_path: Path) -> None:
    target = tmp_path / "restored"
    target.mkdir()
    restore(debian, target, fashion_mnist.FILES)
    for file in fashion_mnist.FILES:
        content = (target / f"{file.name}.gz").read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        with gzip.open(target / f"{file.name}.gz") as stream:
            stream.read()
            assert stream.mtime == file.time
    # Files that are whole already are taken as they are.
    again = tmp_path / "again"
    again.mkdir()
    restore(target, again, fashion_mnist.FILES)
    assert (again / "t10k-labels-idx1-ubyte.gz").read_bytes() == content


def test_the_header_by_hand() -> None:
    body = b"\x03\x00" + bytes(8)
    restored = restore_header(b"\x1f\x8b\x08\x00" + bytes(6) + body, name="ab", time=1504176606)
    assert restored == b"\x1f\x8b\x08\x08\xde\xe9\xa7\x59\x00\x03ab\x00" + body
    for other in (b"", b"\x1f\x8b\x08\x08" + bytes(20), b"PK\x03\x04" + bytes(20)):
        assert restore_header(other, name="ab", time=0) == other


def test_prepared_from_debians_files(
    debian: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="run `scaling-search data prepare fashion_mnist`"):
        catalog.load("fashion_mnist")
    assert not catalog.describe("fashion_mnist").prepared
    monkeypatch.setattr(fashion_mnist, "debian_folder", lambda: debian)
    info = catalog.prepare("fashion_mnist")
    assert capfd.readouterr().out == ""  # tfds prints there
    assert info.prepared
    assert (info.train_count, info.test_count, info.size, info.channels) == (12, 4, (28, 28), 1)
    assert info.classes == fashion_mnist.INFO.classes
    data = catalog.load("fashion_mnist", validation=0.5)
    for part in (data.train, data.validation, catalog.load_test("fashion_mnist")):
        assert (part.images[:, 0, 0, 0] == part.labels).all()
    location = info.location
    assert location is not None
    assert [path.name for path in location.parent.parent.iterdir()] == ["fashion_mnist"]  # nothing left over


def test_prepared_from_a_folder_given(debian: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "debian_folder", lambda: None)
    assert catalog.prepare("fashion_mnist", source=debian).prepared


def test_files_missing_or_other(debian: Path, data_dir: Path) -> None:
    path = debian / "t10k-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte.gz is not the file that its authors"):
        catalog.prepare("fashion_mnist", source=debian)
    path.unlink()
    with pytest.raises(InputError, match=r"cannot read .*t10k-images-idx3-ubyte.gz: No such file"):
        catalog.prepare("fashion_mnist", source=debian)
    assert list((data_dir / "tfds").iterdir()) == []


def test_without_files_and_network_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "debian_folder", lambda: None)
    monkeypatch.setattr(tfds_builder, "can_download", lambda: False)
    with pytest.raises(InputError, match="apt-get install --no-install-recommends dataset-fashion-mnist"):
        catalog.prepare("fashion_mnist")


@pytest.fixture
def served(debian: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The published files behind a web server of this machine, from which the builder downloads."""
    folder = tmp_path / "served"
    folder.mkdir()
    restore(debian, folder, fashion_mnist.FILES)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        sums = {url + info.filename: info for info in tfds_builder._FashionMNIST.url_infos.values()}
        monkeypatch.setattr(tfds_builder._FashionMNIST, "url_infos", sums)
        monkeypatch.setattr(tfds_builder._FashionMNIST, "URL", url)
        monkeypatch.setattr(fashion_mnist, "debian_folder", lambda: None)
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(variable, raising=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder
        server.shutdown()
        thread.join()


def test_prepared_by_download(served: Path) -> None:
    assert catalog.prepare("fashion_mnist").train_count == 12


def test_a_download_of_other_files_is_refused(served: Path, data_dir: Path) -> None:
    (served / "t10k-labels-idx1-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"the download failed: .*t10k-labels.*wrong checksum"):
        catalog.prepare("fashion_mnist")
    assert not (data_dir / "tfds" / "fashion_mnist").exists()
    left = data_dir / "tfds" / ".preparing-left"
    left.mkdir()
    os.utime(left, (0, 0))
    (served / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match="the download failed"):
        catalog.prepare("fashion_mnist")
    assert not left.exists()


def test_no_room(debian: Path, monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    monkeypatch.setattr(catalog, "FASHION_MNIST_BYTES", 10**18)
    with pytest.raises(StorageError, match=rf"{data_dir}.*{10**18} bytes needed"):
        catalog.prepare("fashion_mnist", source=debian)


def test_a_disk_that_fills_while_records_are_written(debian: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError('Failed to finalize "train": write() failed: No space left on device; at byte 7')

    monkeypatch.setattr(tfds_builder._FashionMNIST, "download_and_prepare", fail)
    with pytest.raises(StorageError, match="no space"):
        catalog.prepare("fashion_mnist", source=debian)


def test_debians_folder_is_asked_of_dpkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fashion_mnist.debian_folder() is None
    dpkg = tmp_path / "dpkg"
    dpkg.write_text(
        "#!/bin/sh\n[ \"$*\" = '-L dataset-fashion-mnist' ] && echo /x/y/train-images-idx3-ubyte.gz\n"
    )
    dpkg.chmod(0o755)
    assert fashion_mnist.debian_folder() == Path("/x/y")
    dpkg.write_text("#!/bin/sh\necho not installed >&2; exit 1\n")
    assert fashion_mnist.debian_folder() is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"plain", "not a whole gzip file"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x03abc")[:-9], "not a whole gzip file"),
        (gzip.compress(b"\0\0\x0d\x01\0\0\0\x03abc"), "not an idx file"),
        (gzip.compress(b"\0\0\x08\x03\0\0\0\x03abc"), "not an idx file"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x04abc"), r"3 bytes of data; its header says \(4,\)"),
    ],
    # named, because gzip writes the second into its header and two test workers would disagree on the names
    ids=["not gzip", "cut short", "wrong type", "too many dimensions", "too few values"],
)
def test_bad_idx_files(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.gz .*{said}"):
        read_idx(tmp_path / "a.gz")


def test_the_description_is_tfdss() -> None:
    from tensorflow_datasets.image_classification.mnist import FashionMNIST

    recorded = {info.filename: info.checksum for info in FashionMNIST.url_infos.values()}
    assert {f"{file.name}.gz": file.sha256 for file in fashion_mnist.FILES} == recorded
    assert str(FashionMNIST.VERSION) == fashion_mnist.VERSION
