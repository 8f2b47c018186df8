"""File systems whose locks SQLite cannot trust."""

from __future__ import annotations

from pathlib import Path

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
_MOUNTS = Path("/proc/mounts")


def file_system(path: Path, mounts: str) -> str | None:
    """The type of the file system that holds a path, from the text of /proc/mounts; None when it does not say."""
    whole = path.absolute()
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # /proc/mounts writes space, tab, newline and backslash in octal.
        point = Path(fields[1].encode().decode("unicode_escape"))
        # The last of two mounts on one point hides the first.
        if whole.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), fields[2])
    return best[1] if best else None


def network_warning(path: Path) -> str | None:
    """What to tell the user about a ledger on a network file system, or None."""
    try:
        mounts = _MOUNTS.read_text(errors="replace")
    except OSError:
        return None
    kind = file_system(path.resolve(), mounts)
    if kind is None or not kind.startswith(_NETWORK):
        return None
    return (
        f"{path} is on a network file system ({kind}), where SQLite's locks may not hold: use it "
        "from one machine at a time, put it on a local disk, or give --ledger postgresql+psycopg://HOST/NAME"
    )
