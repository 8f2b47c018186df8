"""Which trained network is meant: a member of a study's family, or the winner of its search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple
from typing import TYPE_CHECKING

from scaling_search.errors import InputError, few
from scaling_search.ledger.storage.rows import GRID, FamilyRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, TRIPLES
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.grid import families
from scaling_search.search.grid.answer import Command
from scaling_search.search.grid.candidates import triple_of
from scaling_search.search.grid.ledger_results import own_trials, winner
from scaling_search.search.members.member import Member, of_trial
from scaling_search.search.plan.seeds import is_fresh, number
from scaling_search.search.trial import weights

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.system.files import Folder


def of_study(
    ledger: Ledger,
    study: StudyRow,
    phi: float,
    *,
    checkpoints: Folder,
    seed: int | None = None,
    coefficients: Coefficients | None = None,
    family: str | None = None,
    factors: str | None = None,
) -> Member:
    """A member of a study's family: the best seed by validation unless one is named.

    Which family: of `coefficients`, else of the triple that the search names; `family` is proxy or full, `factors`
    nominal or realised. Of those that are left the first one with weights of the member, in the order of
    `grid.families`: the proxy's before the full network's, nominal factors first, then the newest; then those of other
    triples. Errors: InputError where there is none, or no weights of it are kept.
    """
    found = [
        (one, row.network)
        for one in _families(ledger, study, coefficients, family, factors)
        for row in ledger.rows(TRIPLES, study=study.name, role=one.role)
        if abs(row.phi - phi) < 1e-9 and row.network is not None
    ]
    command = Command(study=study.name, ledger=ledger.place)
    if not found:
        roles = {one.role for one in _families(ledger, study, coefficients, family, factors)}
        have = sorted({row.phi for row in ledger.rows(TRIPLES, study=study.name) if row.role in roles})
        known = few([f"phi={value:g}" for value in have]) or f"none: run {command.line('scale')} first"
        raise InputError(f"study {study.name!r} has no member phi={phi:g}; it has {known}")
    trained = set[int]()
    for one, network in found:
        own = [
            trial
            for trial in ledger.trials(study=study.name, roles=(one.role,), with_correct=True)
            if trial.network == network and is_fresh(trial.seed) and trial.state == "complete"
        ]
        trained |= {number(trial.seed) for trial in own}
        best = _best(weights.kept(ledger, [trial.key for trial in own]), own, seed)
        if best is not None:
            return of_trial(ledger, study, triple_of(one), network, best, phi, checkpoints, family=one)
    what = f"phi={phi:g} of study {study.name!r}"
    same = ["--phi", f"{phi:g}", *_scaling(found[0][0], coefficients, family, factors)]
    if not trained:
        raise InputError(f"{what} was not trained: {command.line('scale', *same)} trains it")
    if seed is not None and seed not in trained:
        raise InputError(
            f"{what} has no seed {seed}: it was trained with {', '.join(map(str, sorted(trained)))}"
        )
    again = command.line("scale", *same, "--keep-weights", "best" if seed is None else "all")
    of = "" if seed is None else f"seed {seed} of "
    raise InputError(f"no weights are kept of {of}{what}: {again} trains it again")


def of_grid(ledger: Ledger, study: StudyRow, *, checkpoints: Folder, seed: int | None = None) -> Member:
    """The winner of the study's search, or who leads it, at its largest φ: the best seed unless one is named.

    Errors: InputError where there is none, or no weights of it are kept.
    """
    triple, _ = winner(ledger, study)
    rows = ledger.rows(CANDIDATES, study=study.name, role=GRID, **asdict(triple))
    row = max(rows, key=lambda row: row.phi or 0.0)
    own = [one for one in own_trials(ledger, study.name) if one.network == row.network]
    kept = weights.kept(ledger, [one.key for one in own])
    best = _best(kept, own, seed)
    if best is None:
        of, keep = ("", "best") if seed is None else (f"seed {seed} of ", "all")
        seeds = ", ".join(str(one.seed) for one in own if one.key in kept)
        raise InputError(
            f"no weights are kept of {of}{triple}, which study {study.name!r} names"
            + (f" (of seed {seeds} they are)" if seeds else "")
            + f": a search keeps those of what it trains from then on with `grid --keep-weights {keep}`; "
            f"{Command(study=study.name, ledger=ledger.place).line('scale')} trains the triple's family with its own"
        )
    return of_trial(ledger, study, astuple(triple), row.network, best, row.phi or 0.0, checkpoints)


def _best(kept: Collection[str], trials: Sequence[TrialRow], seed: int | None) -> TrialRow | None:
    """Of the trials with kept weights, by keys, the one with the seed; the best by validation unless one is named."""
    chosen = [one for one in trials if one.key in kept and seed in (None, number(one.seed))]
    return max(chosen, key=lambda one: (one.accuracy or 0.0, -one.seed), default=None)


def best_phi(
    ledger: Ledger,
    study: StudyRow,
    coefficients: Coefficients | None = None,
    family: str | None = None,
    factors: str | None = None,
) -> float:
    """φ of the member with the highest mean validation accuracy among those of the first family with kept weights.

    Which families: as `of_study`. Errors: InputError where there is none.
    """
    every = _families(ledger, study, coefficients, family, factors)
    found = families.best_member(ledger, study.name, every)
    if found is None:
        same = _scaling(every[0], coefficients, family, factors) if every else ()
        again = Command(study=study.name, ledger=ledger.place).line("scale", *same, "--keep-weights", "best")
        raise InputError(f"study {study.name!r} has no member with weights: {again} trains them")
    return found[1]


def _scaling(
    row: FamilyRow, coefficients: Coefficients | None, family: str | None, factors: str | None
) -> tuple[str, ...]:
    """Options of `scale` that train the family that was asked for, which is `row`."""
    named = () if coefficients is None else (*families.option_of(astuple(coefficients)), "--match", row.match)
    kind = () if family is None else ("--train", family)
    return (*named, *kind, *(() if factors is None else ("--factors", factors)))


def _families(
    ledger: Ledger,
    study: StudyRow,
    coefficients: Coefficients | None,
    family: str | None,
    factors: str | None,
) -> list[FamilyRow]:
    """The families of a triple; unless given, of the one that the search names, then the others, the newest first.

    Errors: InputError where there is none of the triple, or of the kind, that is given.
    """
    named = coefficients
    if named is None:
        with suppress(InputError):
            named, _ = winner(ledger, study)
    triple = None if named is None else astuple(named)
    every = families.families(ledger, study.name, triple)
    found = [one for one in every if coefficients is None or families.is_of(one, astuple(coefficients))]
    if every and not found:
        have = sorted({str(Coefficients.of(triple_of(one))) for one in every})
        raise InputError(f"study {study.name!r} has no family of {coefficients}; it has those of {few(have)}")
    left = [one for one in found if family in (None, one.network) and factors in (None, one.factors)]
    if found and not left:
        asked = " and ".join(
            f"--{name} {value}" for name, value in (("family", family), ("factors", factors)) if value
        )
        have = sorted({f"--family {one.network} --factors {one.factors}" for one in found})
        raise InputError(f"study {study.name!r} has no family of {asked}; it has {few(have)}")
    return left
