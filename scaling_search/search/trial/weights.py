"""The weights that trials were judged by, kept in files named by their digest, beside the checkpoints.

They are written in the names and layouts of an exported folder (`export.layers`), so that one reader serves both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.architecture.network import Network
from scaling_search.architecture.schema import digest
from scaling_search.costs.count import Cost
from scaling_search.errors import DamagedError, InputError
from scaling_search.ledger.storage.rows import TrialRow, WeightsRow
from scaling_search.ledger.storage.schema import WEIGHTS
from scaling_search.system.clock import utc_now
from scaling_search.system.files import Folder, cache_folder, folder_at, save, shown

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader
    from scaling_search.training.outcome import Outcome

Tree = dict[str, Any]
_FOLDER = "weights"
_FLOAT32 = 4


def checkpoint_folder(ledger: Ledger, given: str | Path | None = None) -> Folder:
    """Where checkpoints of a ledger's trials go: beside a file; for a server in the user's cache, by its address."""
    if given is not None:
        return folder_at(given)
    database = ledger.database
    if database.path is not None:
        # A link is another name of the same ledger.
        path = database.path.resolve() if database.path.is_symlink() else database.path
        return path.with_name(f"{path.name}.checkpoints")
    return cache_folder("checkpoints", digest(database.place)[:16])


@dataclass(frozen=True)
class Checkpoints:
    """The folder of a ledger's checkpoints and weights. `named`: as commands name it, None where it is the usual."""

    folder: Folder
    named: str | None = None

    @classmethod
    def of(cls, ledger: Ledger, given: str | Path | None = None) -> Checkpoints:
        """The folder that a command was given, else the ledger's own."""
        usual, folder = checkpoint_folder(ledger), checkpoint_folder(ledger, given)
        return cls(folder, None if folder == usual else shown(folder))


def file_of(checkpoints: Folder, sha256: str) -> Folder:
    """Where weights of this digest lie."""
    return checkpoints / _FOLDER / f"{sha256}.safetensors"


def size(counted: Cost) -> int:
    """Bytes that a network's weights take on the disk, but for the names."""
    return _FLOAT32 * (counted.parameters + counted.batch_stats)


def keep(checkpoints: Folder, network: Network, trial_key: str, outcome: Outcome) -> WeightsRow:
    """Writes a complete outcome's weights and returns their row. Errors: StorageError."""
    from safetensors.numpy import save as to_bytes

    from scaling_search.export.layers import channels_first, layers
    from scaling_search.networks.weights import unstack

    arrays = unstack(network, outcome.params, outcome.batch_stats)
    data = to_bytes(
        {
            f"{layer.name}.{name}": value
            for layer, own in zip(layers(network), arrays, strict=True)
            for name, value in channels_first(layer, own).items()
        },
        {"format": "pt"},
    )
    sha256 = hashlib.sha256(data).hexdigest()
    save(data, file_of(checkpoints, sha256))
    return WeightsRow(
        trial_key=trial_key,
        sha256=sha256,
        bytes=len(data),
        accuracy=outcome.accuracy,
        loss=outcome.loss,
        created_at=utc_now(),
    )


def read(checkpoints: Folder, row: WeightsRow, network: Network) -> tuple[Tree, Tree]:
    """(params, batch_stats) as they were kept. Errors: InputError where the file is gone, DamagedError."""
    from scaling_search.export import weights_in

    file = file_of(checkpoints, row.sha256)
    if (fault := check(checkpoints, row)) is not None:
        raise (DamagedError if file.exists() else InputError)(fault)
    return weights_in.read(file, network)


def check(checkpoints: Folder, row: WeightsRow) -> str | None:
    """What is wrong with kept weights, in a sentence; None where nothing is."""
    file = file_of(checkpoints, row.sha256)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return (
            f"weights of trial {row.trial_key[:12]}: there is no {shown(file)}; --checkpoints names the folder or URL "
            "that the search was given"
        )
    except Exception as error:  # every store has its own
        why = getattr(error, "strerror", None) or error
        return f"weights of trial {row.trial_key[:12]}: {shown(file)} cannot be read ({why})"
    if hashlib.sha256(data).hexdigest() != row.sha256:
        return f"weights of trial {row.trial_key[:12]}: {shown(file)} is damaged: it is not what was written"
    return None


def kept(ledger: Reader, keys: Iterable[str]) -> dict[str, WeightsRow]:
    """The weights that are kept of these trials, by their keys."""
    wanted = set(keys)
    return {row.trial_key: row for row in ledger.rows(WEIGHTS) if row.trial_key in wanted}


def is_there(checkpoints: Folder, row: WeightsRow) -> bool:
    """Whether a file of kept weights is in this folder."""
    try:
        return file_of(checkpoints, row.sha256).exists()
    except Exception:  # every store has its own
        return False


def best(trials: Iterable[TrialRow]) -> set[str]:
    """The key of the best complete trial by validation of each network, the first seed of equal ones."""
    found: dict[str, TrialRow] = {}
    for row in sorted(trials, key=lambda row: (-(row.accuracy or 0), row.seed)):
        if row.state == "complete":
            found.setdefault(row.network, row)
    return {row.key for row in found.values()}


def forget(ledger: Ledger, checkpoints: Folder, rows: Iterable[WeightsRow]) -> None:
    """Removes kept weights: rows first, then the files that no other row names."""
    gone = list(rows)
    if not gone:
        return
    ledger.record([], instead_of=[(WEIGHTS, {"trial_key": row.trial_key}) for row in gone])
    named = {row.sha256 for row in ledger.rows(WEIGHTS)}
    for row in gone:
        if row.sha256 not in named:
            file_of(checkpoints, row.sha256).unlink(missing_ok=True)
