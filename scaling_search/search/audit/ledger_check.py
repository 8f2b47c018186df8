"""What is wrong with a ledger, and what repair saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaling_search.errors import DamagedError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery import repair as repairs
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage.location import shown
from scaling_search.ledger.storage.records import Damage
from scaling_search.ledger.storage.schema import STUDIES


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


def inspect(place: str, *, repair: Path | None) -> Checkup:
    """Checks every row of a ledger; with `repair` also writes the intact ones into a new file there.

    Errors: InputError (no such ledger, the new file exists), DamagedError (not a ledger at all, and no repair asked
    for), StorageError.
    """
    warnings: tuple[str, ...] = ()
    rows = None
    try:
        with Ledger.open(place, read_only=True) as ledger:
            warnings = ledger.warnings
            damage = check(ledger)
            if not damage:
                rows = _counts(ledger)
    except DamagedError as error:
        if repair is None:
            raise
        damage = [Damage(table="file", key=shown(place), what=str(error))]
    if repair is None:
        return Checkup(
            ledger=shown(place), damage=damage, warnings=warnings, rows=rows, repaired=None, lost=[]
        )
    saved = repairs.repair(place, repair)
    return Checkup(
        ledger=shown(place),
        damage=damage,
        warnings=warnings,
        rows=saved.kept,
        repaired=repair,
        lost=saved.lost,
    )


def _counts(ledger: Ledger) -> dict[str, int]:
    return {"studies": len(ledger.rows(STUDIES)), "trials": len(ledger.trials())}
