"""A study's families as the ledger has them: which comes first, and its best member with weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import FamilyRow
from scaling_search.ledger.storage.schema import FAMILIES, TRIPLES
from scaling_search.search.grid.candidates import triple_of
from scaling_search.search.plan.seeds import is_fresh
from scaling_search.search.trial import weights

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader
    from scaling_search.system.files import Folder


def families(ledger: Reader, study: str, named: Sequence[float] | None = None) -> list[FamilyRow]:
    """A study's families: those of the triple that is `named` first, and the newest first."""
    rows = sorted(
        ledger.rows(FAMILIES, study=study), key=lambda row: (row.created_at, row.role), reverse=True
    )
    return rows if named is None else sorted(rows, key=lambda row: not is_of(row, named))


def is_of(family: FamilyRow, triple: Sequence[float]) -> bool:
    """Whether it raises this triple."""
    own = zip(triple_of(family), triple, strict=True)
    return all(math.isclose(one, other, abs_tol=1e-6) for one, other in own)


def best_phi(
    ledger: Reader, study: str, families: Iterable[FamilyRow], checkpoints: Folder | None = None
) -> float | None:
    """φ of the member with the highest mean validation accuracy, in the first family that has members with weights.

    `checkpoints`: only weights count whose files are in this folder.
    """
    for family in families:
        phis = {row.network: row.phi for row in ledger.rows(TRIPLES, study=study, role=family.role)}
        reached: dict[str, list[float]] = {}
        trials = [
            trial
            for trial in ledger.trials(study=study, roles=(family.role,))
            if is_fresh(trial.seed) and trial.state == "complete" and trial.network in phis
        ]
        kept = weights.kept(ledger, [trial.key for trial in trials])
        with_weights = {
            trial.network
            for trial in trials
            if (row := kept.get(trial.key)) and (checkpoints is None or weights.is_there(checkpoints, row))
        }
        for trial in trials:
            if trial.network in with_weights and trial.accuracy is not None:
                reached.setdefault(trial.network, []).append(trial.accuracy)
        if reached:
            return phis[max(reached, key=lambda network: (fmean(reached[network]), -phis[network]))]
    return None
