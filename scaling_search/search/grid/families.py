"""A study's families as the ledger has them: which comes first, how a command names one, its best member."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
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
    """A study's families: those of the triple that is `named` first, then those of the others, the last scaled first.

    Of one triple the proxy's come before the full network's, nominal factors before realised ones, the newest first.
    """
    rows = _newest_first(ledger.rows(FAMILIES, study=study))
    triples = [triple_of(row) for row in rows]

    def place(row: FamilyRow) -> tuple[bool, int, bool, bool]:
        other = named is not None and not is_of(row, named)
        return other, triples.index(triple_of(row)), row.network == "full", row.factors == "realised"

    return sorted(rows, key=place)


def shown(every: Sequence[FamilyRow]) -> list[FamilyRow]:
    """Those of `families` that a report shows: of the first one's triple the newest of each kind, the proxy's first."""
    own = [row for row in every if is_of(row, triple_of(every[0]))] if every else []
    newest = {row.network: row for row in reversed(_newest_first(own))}
    return [row for row in own if row is newest[row.network]]


def options(kind: str, factors: str, kinds: Collection[str]) -> tuple[str, ...]:
    """What a command says to mean this family of a triple where, now or later, it has others that come before it.

    `kinds` are those that the study has: full, and proxy where it has one.
    """
    family = ("--family", kind) if kind == "full" and "proxy" in kinds else ()
    return (*family, *(("--factors", factors) if factors == "realised" else ()))


def option_of(triple: Sequence[float]) -> tuple[str, str]:
    """The option that names a triple."""
    return "--coefficients", ",".join(f"{value:.10g}" for value in triple)


def _newest_first(rows: Iterable[FamilyRow]) -> list[FamilyRow]:
    return sorted(rows, key=lambda row: (row.created_at, row.role), reverse=True)


def is_of(family: FamilyRow, triple: Sequence[float]) -> bool:
    """Whether it raises this triple."""
    own = zip(triple_of(family), triple, strict=True)
    return all(math.isclose(one, other, abs_tol=1e-6) for one, other in own)


def best_member(
    ledger: Reader, study: str, families: Iterable[FamilyRow], checkpoints: Folder | None = None
) -> tuple[FamilyRow, float] | None:
    """The first family that has members with weights, and φ of its member with the highest mean validation accuracy.

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
            best = max(reached, key=lambda network: (fmean(reached[network]), -phis[network]))
            return family, phis[best]
    return None
