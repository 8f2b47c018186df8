"""Checkpoints of a running trial: an Orbax directory and a manifest of its SHA-256 sums, renamed into place as one.

``FOLDER/step-00000120/state/``    what Orbax wrote: every leaf of the state, packed into one array per type
``FOLDER/step-00000120/manifest``  one line of JSON (position, metrics so far, sums of all files) and its own SHA-256

Orbax survives a kill at any moment but does not notice a flipped bit; the sums do. Packing is for speed: a thousand
small arrays took Orbax 2 s to write, the same numbers in one array 40 ms.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scaling_search.errors import DamagedError
from scaling_search.training.outcome import EpochMetrics
from scaling_search.training.recipe import Recipe
from scaling_search.training.state_file import (
    MANIFEST,
    bits,
    from_bits,
    leaves,
    pack,
    read_state,
    storage_errors,
    sums,
    sync,
    sync_folder,
    unpack,
    write_state,
)
from scaling_search.training.steps import State

_FORMAT = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Position:
    """All that is needed to go on: the state (step and random streams follow from it and the seed), and the metrics
    so far.
    """

    state: State
    history: tuple[tuple[EpochMetrics, ...], ...]  # per seed
    correct: tuple[NDArray[np.bool_] | None, ...]  # per seed, of the last evaluated epoch
    epoch_seconds: float  # training seconds of the epoch under way


class TrialCheckpoints(Protocol):
    """The checkpoints of one trial: in a folder (`Checkpoints`), or at a URL (`RemoteCheckpoints`)."""

    @property
    def every_seconds(self) -> float:
        """Between two of them."""

    def save(self, position: Position, seeds: list[int], recipe: Recipe) -> object:
        """Writes one. Raises StorageError."""

    def restore(self, template: State, seeds: list[int], recipe: Recipe) -> Position | None:
        """The newest one that is whole and of this trial, or None."""

    def discard(self) -> None:
        """Removes all of them."""


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The checkpoints of one trial in a folder of its own. ``say`` is told of one that was passed over; ``saved`` is
    called whenever one is whole on disk. ``arithmetic`` is whose results are: what another one began is trained from
    the start, as its bits would be neither's.
    """

    folder: Path
    trial: str
    arithmetic: str = ""
    every_seconds: float = 30.0
    keep: int = 2
    say: Callable[[str], None] = _log.warning
    saved: Callable[[], None] = lambda: None

    def save(self, position: Position, seeds: list[int], recipe: Recipe) -> Path:
        """Writes one, then removes all but the newest ``keep``. Raises StorageError, earlier ones left whole."""
        step = int(np.max(position.state.step))
        final, aside = self.folder / f"step-{step:08d}", self.folder / f"step-{step - 1:08d}~"
        arrays, leaves = pack(position.state)
        needed = sum(array.nbytes for array in arrays.values())
        with storage_errors(self.folder, needed):
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
            if free < needed:
                raise OSError(f"only {free:,} bytes are free")
            draft = self.folder / f"draft-{uuid.uuid4().hex}"
            try:
                draft.mkdir()
                write_state(draft / "state", arrays)
                body = {
                    "format": _FORMAT,
                    "trial": self.trial,
                    "arithmetic": self.arithmetic,
                    "seeds": seeds,
                    "recipe": recipe.canonical(),
                    "leaves": leaves,
                    "history": [[asdict(epoch) for epoch in index] for index in position.history],
                    "correct": [bits(index) for index in position.correct],
                    "epoch_seconds": position.epoch_seconds,
                    "files": sums(draft),
                }
                line = json.dumps(body, sort_keys=True, allow_nan=False).encode()
                manifest = draft / MANIFEST
                manifest.write_bytes(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n")
                sync(draft)
                # One of this step may exist: from before its evaluation, or a damaged one. It must not be missed while
                # it is replaced, so it first gets a name that comes right after this one's.
                if final.exists():
                    _remove(aside)
                    final.rename(aside)
                draft.rename(final)
                sync_folder(self.folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        _remove(aside)
        for old in self._all()[self.keep :]:
            _remove(old)
        self.saved()
        return final

    def restore(self, template: State, seeds: list[int], recipe: Recipe) -> Position | None:
        """The newest one that is whole and of this trial, or None. Each one passed over is told to ``say``."""
        if not self.folder.is_dir():
            return None
        for draft in self.folder.glob("draft-*"):
            shutil.rmtree(draft, ignore_errors=True)
        for path in self._all():
            try:
                return self._read(path, template, seeds, recipe)
            except DamagedError as error:
                self.say(f"checkpoint {path} passed over: {error}")
        return None

    def _read(self, path: Path, template: State, seeds: list[int], recipe: Recipe) -> Position:
        body = _manifest(path)
        expected = {"format": _FORMAT, "trial": self.trial, "seeds": seeds, "recipe": recipe.canonical()}
        for key, value in expected.items():
            if body[key] != value:
                raise DamagedError(f"its {key} is not this trial's")
        if (begun := body["arithmetic"]) != self.arithmetic:
            raise DamagedError(
                f"it was begun by {begun}, this process has {self.arithmetic}: the trial is trained from its start"
            )
        if body["leaves"] != leaves(template):
            raise DamagedError("its arrays are not this network's")
        if sums(path) != body["files"]:
            raise DamagedError("its files do not match the manifest's SHA-256 sums")
        return Position(
            state=unpack(read_state(path / "state", template), template),
            history=tuple(tuple(EpochMetrics(**epoch) for epoch in index) for index in body["history"]),
            correct=tuple(from_bits(index) for index in body["correct"]),
            epoch_seconds=body["epoch_seconds"],
        )

    def discard(self) -> None:
        """Removes all of them: the trial is in the ledger."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"), reverse=True)


def _remove(path: Path) -> None:
    """Removes a checkpoint. Renamed first: a kill half way leaves a draft, never half a checkpoint."""
    waste = path.with_name(f"draft-{uuid.uuid4().hex}")
    with contextlib.suppress(OSError):
        path.rename(waste)
    shutil.rmtree(waste, ignore_errors=True)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        line, digest, rest = (path / MANIFEST).read_bytes().split(b"\n")
    except (OSError, ValueError) as error:
        raise DamagedError(f"its manifest cannot be read ({type(error).__name__})") from error
    if rest or hashlib.sha256(line).hexdigest().encode() != digest:
        raise DamagedError("its manifest does not match its own SHA-256 sum")
    body: dict[str, Any] = json.loads(line)
    return body
