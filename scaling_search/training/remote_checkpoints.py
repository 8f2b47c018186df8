"""Checkpoints of a running trial at an fsspec URL: each one object, a tar of what `Checkpoints` writes.

``URL/step-00000120-TIME.tar``: an object is there as a whole or, where a kill cut a store's writing short, is found
damaged by its sums; TIME keeps a second one of a step from replacing the first while it is written.
"""

from __future__ import annotations

import contextlib
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import StorageError
from scaling_search.system.files import names_in, shown
from scaling_search.training.checkpoint import Checkpoints, Position

if TYPE_CHECKING:
    from upath import UPath

    from scaling_search.training.recipe import Recipe
    from scaling_search.training.steps import State

_SUFFIX = ".tar"
_PACKED = "packed.tar"


@dataclass(frozen=True, kw_only=True)
class RemoteCheckpoints:
    """As `Checkpoints`, in a folder of an object store. ``local`` writes and reads each in a temporary folder."""

    folder: UPath
    local: Checkpoints

    @property
    def every_seconds(self) -> float:
        """Between two of them."""
        return self.local.every_seconds

    def save(self, position: Position, seeds: list[int], recipe: Recipe) -> None:
        """Writes one, then removes all but the newest ``keep``. Raises StorageError, earlier ones left whole."""
        with _here() as here:
            written = replace(self.local, folder=here, saved=lambda: None).save(position, seeds, recipe)
            packed = here / _PACKED
            with tarfile.open(packed, "w") as tar:
                tar.add(written, arcname=written.name)
            target = self.folder / f"{written.name}-{time.time_ns():020d}{_SUFFIX}"
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self.folder.fs.put_file(str(packed), target.path)
            except Exception as error:  # every store has its own
                raise StorageError(
                    f"cannot write a checkpoint of {packed.stat().st_size:,} bytes at "
                    f"{shown(target)}: {error}"
                ) from error
        for old in self._all()[self.local.keep :]:
            with contextlib.suppress(Exception):  # the next one tries again
                old.unlink()
        self.local.saved()

    def restore(self, template: State, seeds: list[int], recipe: Recipe) -> Position | None:
        """The newest one that is whole and of this trial, or None. Each one passed over is told to ``say``."""
        for found in self._all():
            with _here() as here:
                packed = here / _PACKED
                try:
                    self.folder.fs.get_file(found.path, str(packed))
                    with tarfile.open(packed) as tar:
                        tar.extractall(here, filter="data")
                except Exception as error:  # every store has its own
                    self.local.say(f"checkpoint {shown(found)} passed over: {error}")
                    continue
                own = replace(self.local, folder=here, say=self._as_in_the_store(here))
                if (position := own.restore(template, seeds, recipe)) is not None:
                    return position
        return None

    def _as_in_the_store(self, here: Path) -> Callable[[str], None]:
        """What is passed over is named as it is in the store."""
        return lambda text: self.local.say(text.replace(str(here), shown(self.folder)))

    def discard(self) -> None:
        """Removes all of them: the trial is in the ledger."""
        with contextlib.suppress(Exception):  # `ClaimedTrials.tidy` tries again
            self.folder.fs.rm(self.folder.path, recursive=True)

    def _all(self) -> list[UPath]:
        """The newest first. Errors: StorageError where the store cannot be read."""
        names = sorted((name for name in names_in(self.folder) if name.endswith(_SUFFIX)), reverse=True)
        return [self.folder / name for name in names]


@contextlib.contextmanager
def _here() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="scaling-search-") as folder:
        yield Path(folder)
