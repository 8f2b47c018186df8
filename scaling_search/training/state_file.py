"""A training state as files, with a sum for each: what a kill or a full disk cut short is never taken for whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from scaling_search.errors import DamagedError, StorageError
from scaling_search.training.steps import State

MANIFEST = "manifest"


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file under a folder but its manifest. Raises DamagedError when one cannot be read."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST:
            try:
                with path.open("rb") as file:
                    found[name] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise DamagedError(f"{name} cannot be read ({error.strerror})") from error
    return found


def leaves(state: State) -> list[list[Any]]:
    """Path, shape and type of each leaf, in tree order."""
    return [
        [jax.tree_util.keystr(path), list(leaf.shape), str(leaf.dtype)]
        for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]
    ]


def pack(state: State) -> tuple[dict[str, NDArray[Any]], list[list[Any]]]:
    """All leaves of one type as one array, by type, and `leaves`."""
    arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    kinds = sorted({str(array.dtype) for array in arrays})
    return {
        kind: np.concatenate([array.ravel() for array in arrays if str(array.dtype) == kind])
        for kind in kinds
    }, leaves(state)


def unpack(arrays: dict[str, NDArray[Any]], template: State) -> State:
    """The inverse of `pack`; `template` has the shapes and types."""
    shapes, treedef = jax.tree.flatten(template)
    used = dict.fromkeys(arrays, 0)
    unpacked = []
    for leaf in shapes:
        kind = str(leaf.dtype)
        start, used[kind] = used[kind], used[kind] + leaf.size
        # A copy of its own: the training program overwrites what it is given.
        unpacked.append(jnp.array(arrays[kind][start : used[kind]].reshape(leaf.shape), copy=True))
    state: State = jax.tree.unflatten(treedef, unpacked)
    return state


def write_state(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Writes them by Orbax, into a new folder."""
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path.absolute(), arrays)
        checkpointer.wait_until_finished()


def read_state(path: Path, template: State) -> dict[str, NDArray[Any]]:
    """The arrays of `write_state`. Raises DamagedError."""
    import orbax.checkpoint as ocp

    sizes: dict[str, int] = {}
    for leaf in jax.tree.leaves(template):
        sizes[str(leaf.dtype)] = sizes.setdefault(str(leaf.dtype), 0) + leaf.size
    target = {kind: np.empty(size, kind) for kind, size in sizes.items()}
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            restored: dict[str, NDArray[Any]] = checkpointer.restore(path.absolute(), target)
    except (OSError, ValueError, KeyError) as error:
        raise DamagedError(f"Orbax cannot read it ({type(error).__name__})") from error
    return restored


def bits(correct: NDArray[np.bool_] | None) -> dict[str, Any] | None:
    """What was got right, for JSON."""
    return None if correct is None else {"count": len(correct), "hex": np.packbits(correct).tobytes().hex()}


def from_bits(kept: dict[str, Any] | None) -> NDArray[np.bool_] | None:
    """The inverse of `bits`."""
    if kept is None:
        return None
    packed = np.frombuffer(bytes.fromhex(kept["hex"]), np.uint8)
    return np.unpackbits(packed, count=kept["count"]).astype(np.bool_)


@contextlib.contextmanager
def storage_errors(folder: Path, needed: int) -> Iterator[None]:
    """Turns what a full or failing disk raises into StorageError."""
    try:
        yield
    except (OSError, ValueError) as error:  # TensorStore reports a full disk as ValueError
        raise StorageError(
            f"cannot write a checkpoint of {needed:,} bytes under {folder}: {error}"
        ) from error


def sync(folder: Path) -> None:
    """Has all that is in a folder on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Has a folder's names on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
