"""What is wrong with a ledger, and what repair saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaling_search.errors import DamagedError, InputError, few
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery import repair as repairs
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage.location import shown
from scaling_search.ledger.storage.records import Damage
from scaling_search.ledger.storage.schema import STUDIES, WEIGHTS
from scaling_search.search.trial import initial_weights, weights
from scaling_search.search.trial.weights import checkpoint_folder
from scaling_search.system.files import shown as shown_folder
from scaling_search.training.recipe import parse


@dataclass(frozen=True, kw_only=True)
class Checkup:
    """The state of one ledger: its damage, warnings, and what a repair kept (rows by table) and lost."""

    ledger: str
    damage: list[Damage]
    warnings: tuple[str, ...]
    rows: dict[str, int] | None
    repaired: Path | None
    lost: list[Damage]

    @property
    def intact(self) -> bool:
        return not self.damage


def inspect(place: str, *, repair: Path | None, checkpoints: str | None = None) -> Checkup:
    """Checks every row of a ledger and the weights that it has in its checkpoint folder (`checkpoint_folder`).

    Files that are not there are warned of: a ledger travels without them. With `repair` also writes the intact rows
    into a new ledger there.

    Errors: InputError (no such ledger, the new file exists), DamagedError (not a ledger at all, and no repair asked
    for), StorageError.
    """
    warnings: tuple[str, ...] = ()
    rows, lost = None, list[Damage]()
    try:
        with Ledger.open(place, read_only=True) as ledger:
            warnings = ledger.warnings
            damage = check(ledger)
            if not damage:
                rows = {"studies": len(ledger.rows(STUDIES)), "trials": len(ledger.trials())}
                damage, missing = _weights(ledger, checkpoints)
                warnings = (*warnings, *missing)
    except DamagedError as error:
        if repair is None:
            raise
        damage = [Damage(table="file", key=shown(place), what=str(error))]
    if repair is not None:
        saved = repairs.repair(place, repair)
        rows, lost = saved.kept, saved.lost
    return Checkup(
        ledger=shown(place), damage=damage, warnings=warnings, rows=rows, repaired=repair, lost=lost
    )


def _weights(ledger: Ledger, checkpoints: str | None) -> tuple[list[Damage], list[str]]:
    """Kept weights, and those that trainings start from: what is damaged, and a sentence on what is not there."""
    folder = checkpoint_folder(ledger, checkpoints)
    damage, gone = [], []
    for row in ledger.rows(WEIGHTS):
        if not weights.file_of(folder, row.sha256).exists():
            gone.append(row.trial_key[:12])
        elif (fault := weights.check(folder, row)) is not None:
            damage.append(Damage(table=WEIGHTS.name, key=row.trial_key, what=fault))
    for study in ledger.rows(STUDIES):
        try:
            initial_weights.read(parse(study.recipe), folder)
        except DamagedError as error:
            damage.append(Damage(table=STUDIES.name, key=study.name, what=str(error)))
        except InputError:
            gone.append(f"study {study.name}")
    missing = f"weights of {few(gone)} are not in {shown_folder(folder)} (--checkpoints names another folder)"
    return damage, [missing] if gone else []
