"""Opening: what is no ledger, read-only places, network file systems, and what is imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from scaling_search.errors import DamagedError, InputError, ScalingSearchError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.filesystem import file_system, network_warning
from scaling_search.ledger.storage.rows import TrialRow


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"a text, long enough to be looked at" * 100, DamagedError, "not a ledger"),
        (None, InputError, "a folder"),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_no_ledger(
    tmp_path: Path, content: bytes | None, error: type[ScalingSearchError], said: str, read_only: bool
) -> None:
    path = tmp_path / "x.db"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(error, match=said):
        Ledger.open(path, read_only=read_only)
    assert content is None or path.read_bytes() == content


OPEN_AS_NOBODY = """
import os, sys
from scaling_search.errors import ScalingSearchError
from scaling_search.ledger.ledger import Ledger
warm, path, read_only = sys.argv[1:]
Ledger.open(warm, read_only=True).close()  # imports all there is to import, while that is allowed
if os.getuid() == 0:  # whom no permission stops
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    with Ledger.open(path, read_only=read_only == "True") as ledger:
        print(len(ledger.trials()))
        ledger.add_trials([])
except ScalingSearchError as error:
    print(type(error).__name__, error)
"""


def test_read_only_folder(blank: Path, trial: Callable[[int], TrialRow]) -> None:
    def opened(path: Path, read_only: bool) -> str:
        command = [sys.executable, "-c", OPEN_AS_NOBODY, str(blank), str(path), str(read_only)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    # Not in pytest's folder, which only its owner may enter.
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        path = Path(shutil.copy(blank, folder / "ledger.db"))
        with Ledger.open(path) as ledger:
            ledger.add_trials([trial(0)])
        path.chmod(0o444)
        folder.chmod(0o555)
        reading = opened(path, True)
        assert reading.startswith("1\nStorageError")
        assert "opened for reading only" in reading
        assert opened(path, False).startswith(
            f"StorageError {path}: no permission to write the ledger or its folder"
        )
        missing = opened(folder / "new.db", False)
        assert missing == f"StorageError {folder}/new.db: no permission to write in its folder\n"
        Path(f"{path}-journal").write_bytes(b"x" * 4096)
        assert "killed while it wrote, and undoing its half-done write (ledger.db-journal) needs" in opened(
            path, True
        )
        path.chmod(0)
        assert "no permission to read" in opened(path, True)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


Mount = namedtuple("Mount", ["mountpoint", "fstype"])
MOUNTS = [
    Mount("/", "ext4"),
    Mount("/data/a b", "nfs4"),
    Mount("/data/a b/local", "tmpfs"),
    Mount("/data/ü\udcff", "lustre"),
    Mount("/mnt", "cifs"),
    Mount("/mnt", "tmpfs"),
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/x/y.db", "ext4"),
        ("/data/a b/y.db", "nfs4"),
        ("/data/a bc/y.db", "ext4"),
        ("/data/a b/local/y.db", "tmpfs"),
        ("/data/ü\udcff/y.db", "lustre"),
        ("/mnt/y.db", "tmpfs"),
    ],
)
def test_file_system(path: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: MOUNTS)
    assert file_system(Path(path)) == kind


def test_network_file_system_is_warned_about(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a link leads to one."""
    link = tmp_path.parent / f"{tmp_path.name}-link.db"
    link.symlink_to(path)
    mounts = [Mount("/", "ext4"), Mount(str(tmp_path), "nfs")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    for name in (path, link):
        with Ledger.open(name) as ledger:
            (warning,) = ledger.warnings
        assert f"{name} is on a network file system (nfs)" in warning
    mounts.pop()
    assert network_warning(path) is None
    with Ledger.open(path) as ledger:
        assert ledger.warnings == ()
    mounts.clear()
    assert network_warning(path) is None


def test_light_imports(path: Path) -> None:
    """A report opens ledgers without an accelerator library and without the migration machinery."""
    code = (
        "import sys; from scaling_search.ledger.ledger import Ledger;"
        "Ledger.open(sys.argv[1], read_only=True).trials();"
        "assert not {'jax', 'alembic', 'numpy', 'mako'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
