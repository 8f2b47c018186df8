"""`scale`: the best triple over φ. The networks are written; what time and memory allow is trained and tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import UsageError
from scaling_search.ledger.storage.rows import GRID, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES
from scaling_search.report.rows import FamilyReport
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.family import results, training
from scaling_search.search.family.limits import estimated_seconds
from scaling_search.search.family.members import Family, Kind, emit, family, realised_triple
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.trial import registry
from scaling_search.search.trial.setup import checkpoint_folder, load_data, make_trainer
from scaling_search.search.trial.trial import Callback, Callbacks

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader


@dataclass(frozen=True, kw_only=True)
class Emitted:
    """A family and the files that its members were written to."""

    family: Family
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class FamilyResult:
    """What `scale` did. `kind`: which family was trained, None for none of them; its `report` and `trials`.

    `full_seconds`: what training the full family would take, for one seed of each member, where its proxy's was.
    """

    emitted: Mapping[Kind, Emitted]
    kind: Kind | None = None
    study: StudyRow | None = None
    report: FamilyReport | None = None
    trials: tuple[TrialRow, ...] = ()
    trained: int = 0
    full_seconds: float | None = None


def trained_kind(space: SearchSpace) -> Kind | None:
    """Which family is trained: the proxy's where the study has one, else the full one; None for none of them."""
    chosen = space.study.scale.train
    if chosen == "none":
        return None
    if chosen == "proxy" and space.study.proxy is None:
        raise UsageError("scale.train = 'proxy': this study has no proxy; legal here: full, none")
    return chosen or ("full" if space.study.proxy is None else "proxy")


def raised_triple(ledger: Reader | None, study: str | None, triple: Coefficients) -> Coefficients:
    """What the candidate of this triple built in the study's grid, as a triple. Errors: UsageError where it is none."""
    labels = {"alpha": triple.alpha, "beta": triple.beta, "gamma": triple.gamma}
    rows = [] if ledger is None else ledger.rows(CANDIDATES, study=study, role=GRID, **labels)
    if not rows:
        raise UsageError(
            f"factors = 'realised': {triple} was no candidate of a grid in this ledger, so it is not known what it "
            "built; legal without one: nominal"
        )
    return realised_triple(rows[0])


def emit_families(
    space: SearchSpace,
    triple: Coefficients,
    *,
    match: str,
    folder: Path,
    raised: Coefficients | None = None,
) -> dict[Kind, Emitted]:
    """Writes the full network's family into `folder`, and the proxy's, where there is one, into `folder`/proxy."""
    found: dict[Kind, Emitted] = {}
    kinds: tuple[Kind, ...] = ("full",) if space.study.proxy is None else ("full", "proxy")
    for kind in kinds:
        built = family(space, triple, kind=kind, match=match, phis=space.study.scale.phi, raised=raised)
        where = folder if kind == "full" else folder / "proxy"
        found[kind] = Emitted(family=built, files=tuple(emit(built, where)))
    return found


def train_family(
    space: SearchSpace,
    emitted: Mapping[Kind, Emitted],
    kind: Kind,
    *,
    ledger: Ledger,
    callbacks: Sequence[Callback] = (),
    should_stop: Callable[[], bool] = lambda: False,
    retry_failed: bool = False,
    stop_when_flat: bool = False,
) -> FamilyResult:
    """Trains and tests the family of this kind. Errors: as `grid`."""
    callback = Callbacks(callbacks)
    dataset = load_data(space.study)
    row = registry.register(ledger, space, dataset, say=callback.say)
    trainer = make_trainer(
        space,
        ledger,
        callback=callback,
        should_stop=should_stop,
        checkpoints=checkpoint_folder(ledger),
        retry_failed=retry_failed,
        dataset=dataset,
    )
    for one in emitted.values():
        training.record(ledger, row.name, one.family)
    chosen = emitted[kind].family
    trained = training.train(row.name, trainer, chosen, stop_when_flat=stop_when_flat)
    (own,) = [one for one in results.families(ledger, row.name) if one.role == chosen.role]
    report, trials = results.report_of(ledger, row, own)
    full = emitted["full"].family.members
    result = FamilyResult(
        emitted=emitted,
        kind=kind,
        study=row,
        report=report,
        trials=tuple(trials),
        trained=trained,
        full_seconds=estimated_seconds(trainer, full) if kind == "proxy" else None,
    )
    callback.finish(result)
    return result
