"""File systems whose locks SQLite cannot trust."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afs",
    "ceph",
    "fuse.sshfs",
    "fuse.gluster",
    "glusterfs",
    "gfs",
    "ncpfs",
    "lustre",
)


def file_system(path: Path) -> str | None:
    """The type of the file system that holds a path; None when the system does not say."""
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):
        return None
    full = Path(os.path.realpath(path))
    holding = [mount for mount in mounts if full.is_relative_to(mount.mountpoint)]
    # The last of two mounts on one point hides the first.
    deepest = max(enumerate(holding), key=lambda at: (len(Path(at[1].mountpoint).parts), at[0]), default=None)
    return None if deepest is None else str(deepest[1].fstype)


def network_warning(path: Path) -> str | None:
    """What to tell the user about a ledger on a network file system, or None."""
    kind = file_system(path)
    if kind is None or not kind.startswith(_NETWORK):
        return None
    return (
        f"{path} is on a network file system ({kind}), where SQLite's locks may not hold: use it "
        "from one machine at a time, put it on a local disk, or give --ledger postgresql+psycopg://HOST/NAME"
    )
