"""`scale`: the best triple over φ. The networks are written; what time and memory allow is trained and tested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import InputError, UsageError
from scaling_search.ledger.storage.rows import GRID, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, FAMILIES
from scaling_search.report import notebook
from scaling_search.report.rows import FamilyReport
from scaling_search.report.table import Document
from scaling_search.scaling.coefficients import Coefficients, parse_phi
from scaling_search.search.family import built, results, training
from scaling_search.search.family import document as documents
from scaling_search.search.family.limits import estimated_seconds
from scaling_search.search.family.members import NOT_TRAINED, Family, Kind, emit, family, off_constraint
from scaling_search.search.forecast.step_latency import timed_space
from scaling_search.search.grid import families as families_of_ledger
from scaling_search.search.grid.ledger_results import winner
from scaling_search.search.members.chosen import of_study
from scaling_search.search.members.member import Member
from scaling_search.search.members.resolve import phi_of
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.plan.study import Study
from scaling_search.search.trial import initial_weights, registry
from scaling_search.search.trial.setup import data_fingerprint, load_data, make_trainer, until
from scaling_search.search.trial.trial import Callback, Callbacks
from scaling_search.search.trial.weights import Checkpoints
from scaling_search.system.time_limit import TimeLimit

if TYPE_CHECKING:
    from pandas import DataFrame

    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.trial.workers import Workers


@dataclass(frozen=True, kw_only=True)
class FamilyResult(notebook.Shown):
    """What `scale` built, wrote and trained. `families` and `files` are by kind, full and proxy.

    `kind`: which family was trained, None for none of them; its `report` and `trials`. `full_seconds`: what training
    the full family would take, for one seed of each member, where its proxy's was trained. `decided`: whether the
    search that the triple comes from is; None where it was given. `as_built`: what the grid's candidate of this triple
    built; None where it had none. `checkpoints`: where weights are kept; `best_kept`: φ of the best member
    by validation of those whose weights are there, None where there are none.
    """

    families: Mapping[Kind, Family]
    files: Mapping[Kind, tuple[Path, ...]] = field(default_factory=dict)
    kind: Kind | None = None
    study: StudyRow | None = None
    report: FamilyReport | None = None
    trials: tuple[TrialRow, ...] = ()
    trained: int = 0
    full_seconds: float | None = None
    decided: bool | None = None
    as_built: Coefficients | None = None
    place: str | None = None
    checkpoints: Checkpoints | None = None
    best_kept: float | None = None
    member: Callable[[float], Member] | None = field(default=None, repr=False)

    @property
    def document(self) -> Document:
        """Answer, tables and details."""
        return documents.document(self)

    def __getitem__(self, name: str) -> Member:
        """A member of the family that was trained, with its kept weights: `family["phi=2"]`.

        Errors: InputError, UsageError.
        """
        phi = phi_of(name)
        if phi is None:
            raise UsageError(f"{name!r}: write a member as phi=2")
        if self.member is None:
            raise InputError("this family was written, not trained: its members have no weights")
        return self.member(phi)

    def to_dataframe(self) -> DataFrame:
        """The members, one row each. Needs pandas."""
        return notebook.frame(documents.record(self)["scale"])


def scale(
    study: Study,
    coefficients: Coefficients | Sequence[float] | None = None,
    *,
    ledger: Ledger | None = None,
    phi: Iterable[float] | None = None,
    match: str | None = None,
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    should_stop: Callable[[], bool] = lambda: False,
    retry_failed: bool = False,
    time_limit: float | None = None,
    stop_when_flat: bool = False,
    keep_weights: str | None = None,
    constrained: bool = True,
    as_published: bool = False,
    workers: Workers | None = None,
    checkpoints: str | Path | None = None,
    weights: str | Path | None = None,
) -> FamilyResult:
    """The triple over φ: builds the full network's family and the proxy's, trains and tests one of them.

    `coefficients`: the winner of the study's grid in the ledger unless given. `phi`, `match`: the study's unless given.
    `out`: a folder for one TOML file per member. Which family is trained is for the study's `scale.train` to say.
    `keep_weights` ("none", "best", "all") takes the place of the study's, and trains members again whose weights were
    not kept. After `time_limit` seconds training stops, and the result is what the ledger has by then.
    `constrained` refuses a triple that does not about double the cost. `workers` train in place of this
    process. `weights`: a file of the baseline's weights that members start from, as far as their blocks have the same
    shapes; the winner may be one of a search without them. Errors: UsageError, InputError, and as `grid`.
    """
    callback, should_stop = Callbacks(callbacks), TimeLimit(time_limit, should_stop)
    if phi is not None:
        study = study.override({"scale.phi": parse_phi(list(phi))})
    if keep_weights is not None:
        study = study.override({"scale.keep_weights": keep_weights})
    kind = trained_kind(study)
    if kind is not None and ledger is None:
        raise UsageError(
            "training a family needs a ledger: pass ledger=, or train='none' in the study's scale"
        )
    if kind is None and weights is not None:
        raise UsageError(
            "weights to start from are for a family that is trained: legal here: train proxy, full"
        )
    initial, kept = None, None if ledger is None else Checkpoints.of(ledger, checkpoints)
    if kind is not None and kept is not None:
        study, initial = initial_weights.given(study, weights, kept.folder)
    space = timed_space(
        study,
        as_published=as_published,
        source=None if initial is None else initial.source,
        say=callback.note,
        should_stop=should_stop,
    )
    row = None
    if ledger is not None:
        dataset = data_fingerprint(study)
        row = None if dataset is None else _searched(ledger, space, dataset)
    triple, decided = _triple(ledger, row, coefficients)
    if constrained and coefficients is not None and (says := off_constraint(space, triple)) is not None:
        raise UsageError(f"{says}: take it as it stands with constrained=False")
    made = built.triple(ledger, row, triple)
    if made is None and study.scale.factors == "realised":
        raise UsageError(
            f"factors = 'realised': {triple} was no candidate of a grid in this ledger, so it is not known what it "
            "built; legal without one: nominal"
        )
    realised = study.scale.factors == "realised"
    kinds: tuple[Kind, ...] = ("full",) if study.proxy is None else ("full", "proxy")
    rule = match or study.grid.match
    families = {
        each: family(
            space,
            triple,
            kind=each,
            match=rule,
            phis=study.scale.phi,
            raised=made if realised else None,
            as_built=made,
            growth=built.growth(ledger, row, space, triple) if realised else 2.0,
        )
        for each in kinds
    }
    if kind is not None and initial is not None and kept is not None:
        initial.keep(families[kind].members, kept.folder, say=callback.note)
    files: dict[Kind, tuple[Path, ...]] = {}
    if out is not None:
        folder = Path(out)
        files = {
            each: tuple(emit(one, folder if each == "full" else folder / "proxy"))
            for each, one in families.items()
        }
    result = FamilyResult(families=families, files=files, decided=decided, as_built=made)
    if kind is not None and ledger is not None and kept is not None:
        result = _train(
            space,
            result,
            kind,
            ledger,
            callback=callback,
            should_stop=should_stop,
            retry_failed=retry_failed,
            stop_when_flat=stop_when_flat,
            retrain=keep_weights is not None,
            workers=workers,
            checkpoints=kept,
        )
    callback.finish(result)
    return result


def _triple(
    ledger: Reader | None, row: StudyRow | None, given: Coefficients | Sequence[float] | None
) -> tuple[Coefficients, bool | None]:
    """The triple given, or the one that the study's grid names and whether that is decided. Errors: InputError."""
    if given is not None:
        return Coefficients.of(given), None
    if ledger is None or row is None:
        raise InputError(
            "this ledger has no search with this network, data and recipe: run `scaling-search grid` first, or give "
            "--coefficients ALPHA,BETA,GAMMA"
        )
    return winner(ledger, row)


def trained_kind(study: Study) -> Kind | None:
    """Which family is trained: the proxy's where the study has one, else the full one; None for none of them."""
    chosen = study.scale.train
    if chosen == "none":
        return None
    if chosen == "proxy" and study.proxy is None:
        raise UsageError("scale.train = 'proxy': this study has no proxy; legal here: full, none")
    return chosen or ("full" if study.proxy is None else "proxy")


def _searched(ledger: Reader, space: SearchSpace, dataset: str) -> StudyRow | None:
    """The study whose grid is scaled: of this very recipe, or else one that starts from no given weights."""
    drawn = space.recipe.model_copy(update={"initial_weights": None})
    rows = [registry.find(ledger, one, dataset) for one in (space, replace(space, recipe=drawn))]
    known = [row for row in rows if row is not None]
    searched = (row for row in known if ledger.rows(CANDIDATES, study=row.name, role=GRID))
    return next(searched, known[0] if known else None)


def _train(
    space: SearchSpace,
    written: FamilyResult,
    kind: Kind,
    ledger: Ledger,
    *,
    callback: Callback,
    should_stop: TimeLimit,
    retry_failed: bool,
    stop_when_flat: bool,
    retrain: bool,
    workers: Workers | None,
    checkpoints: Checkpoints,
) -> FamilyResult:
    dataset = load_data(space.study)
    row = registry.register(ledger, space, dataset, say=callback.say)
    trainer = make_trainer(
        space,
        ledger,
        callback=callback,
        should_stop=should_stop,
        checkpoints=checkpoints.folder,
        retry_failed=retry_failed,
        dataset=dataset,
        workers=workers,
    )
    for one in written.families.values():
        # Of the other family nothing waits to be trained.
        others = [replace(member, status=NOT_TRAINED) for member in one.members]
        training.record(ledger, row.name, one, None if one.kind == kind else others)
    chosen = written.families[kind]
    trained = 0
    with until(should_stop, callback):
        trained = training.train(row.name, trainer, chosen, stop_when_flat=stop_when_flat, retrain=retrain)
    (own,) = ledger.rows(FAMILIES, study=row.name, role=chosen.role)
    report, trials = results.report_of(ledger, row, own)
    best = families_of_ledger.best_member(ledger, row.name, [own], checkpoints.folder)
    full = written.families["full"].members
    return replace(
        written,
        place=ledger.place,
        checkpoints=checkpoints,
        member=lambda phi: of_study(
            ledger,
            row,
            phi,
            checkpoints=checkpoints.folder,
            coefficients=chosen.triple,
            family=chosen.kind,
            factors=chosen.factors,
        ),
        best_kept=None if best is None else best[1],
        kind=kind,
        study=row,
        report=report,
        trials=tuple(trials),
        trained=trained,
        full_seconds=estimated_seconds(trainer, full) if kind == "proxy" else None,
    )
