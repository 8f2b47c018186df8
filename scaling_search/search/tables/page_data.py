"""A study's report as the plain figures that the page and the figures for papers draw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.report.measured import by_network, estimate
from scaling_search.report.page.data import (
    Candidate,
    Cost,
    Curve,
    Dimensions,
    Elimination,
    Family,
    MappedImage,
    Member,
    Network,
    ReportData,
    Results,
    Standing,
)
from scaling_search.report.rows import Candidate as CandidateFigures
from scaling_search.report.rows import FamilyReport, GridReport, GridRow, MemberRow
from scaling_search.report.table import Interval
from scaling_search.scaling.coefficients import Exponents
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.candidates import bits_of
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.seeds import is_fresh
from scaling_search.search.tables import race_data
from scaling_search.statistics.multiple_comparisons import LEVEL
from scaling_search.statistics.response_surface import shares_of

if TYPE_CHECKING:
    from scaling_search.search.tables.study_report import StudyReport

COSTS = (
    Cost(key="macs", title="MACs"),
    Cost(key="parameters", title="Parameters"),
    Cost(key="activations", title="Activations"),
    Cost(key="memory", title="Memory of a training step", kind="bytes"),
    Cost(key="seconds", title="Time of a trial", kind="seconds"),
)
_STANDINGS: dict[str, Standing] = {
    "winner": "winner",
    "leading": "winner",
    "the only one": "winner",
    "equal": "in the set",
    "in the set": "in the set",
    "trained": "in the set",
    "eliminated": "eliminated",
}


def page_data(report: StudyReport, images: Sequence[MappedImage] = ()) -> ReportData:
    """All that a study's page shows."""
    grid, found, chance, figures = report.grid, report.found, report.chance, _Figures(report)
    budget = QUANTITIES[report.budget]
    eliminated = {} if found is None else race_data.eliminated(found)
    return ReportData(
        title=f"Study {report.study.name}",
        answer=_answer(grid, report.families),
        candidates=tuple(
            _candidate(row, key, figures, budget.exponents, eliminated)
            for row, key in zip(() if grid is None else grid.rows, _keys(grid, found), strict=True)
        ),
        costs=COSTS,
        dataset=report.study.dataset_name,
        baseline=report.study.baseline,
        base=None
        if grid is None or grid.base is None
        else _candidate(grid.base, "base", figures, budget.exponents, {}, standing="base"),
        level=LEVEL,
        budget=budget.words,
        chance=None if chance is None else chance.accuracy,
        classes=() if chance is None else chance.classes,
        surface=None if found is None or found.surface is None else race_data.surface(found.surface),
        race=()
        if found is None or found.race is None
        else tuple(map(race_data.race_round, found.race.looks)),
        families=tuple(_family(family, figures) for family in report.families),
        forecasts=() if report.forecast is None else (race_data.forecast(report.forecast),),
        opening=report.opening,
        facts={"What the figures rest on": dict(report.conditions)},
        images=tuple(images),
        notes=() if grid is None else (*grid.notes, *grid.details),
    )


def _keys(grid: GridReport | None, found: GridAnalysis | None) -> list[str]:
    """A key for each row: its group's, by which the race knows it; of a group's other φ one of their own."""
    groups = {
        row.network: one.group for one in (() if found is None else found.candidates) for row in one.rows
    }
    keys: list[str] = []
    for row in () if grid is None else grid.rows:
        network = row.candidate.fingerprint or ""
        key = groups.get(network, network)
        keys.append(key if key not in keys else f"{key} {row.candidate.phi}")
    return keys


def _answer(grid: GridReport | None, families: Sequence[FamilyReport]) -> tuple[str, ...]:
    if grid is not None and grid.answer:
        return grid.answer
    return (f"A family of {families[0].base}." if families else "Nothing was trained yet.",)


class _Figures:
    """What training gave, by network."""

    def __init__(self, report: StudyReport) -> None:
        self.chance = report.chance
        self.trials = by_network(one for one in report.trials if one.state in ("complete", "diverged"))
        self.accuracy = {(row.trial_key, row.split): row.accuracy for row in report.evaluations}

    def results(
        self, network: str | None, validation: Interval | None, test: Interval | None, *, fresh: bool
    ) -> Results:
        """Of one network; `fresh`: of the seeds that a family is trained with."""
        own = [trial for trial in self.trials.get(network or "", ()) if is_fresh(trial.seed) == fresh]
        complete = [trial for trial in own if trial.state == "complete"]
        return Results(
            training=estimate(self.accuracy.get((trial.key, "train")) for trial in complete),
            validation=estimate(trial.accuracy for trial in complete),
            validation_interval=validation,
            test=estimate(self.accuracy.get((trial.key, "test")) for trial in complete),
            test_interval=test,
            per_class=self._per_class(complete),
            curves=tuple(_curve(trial) for trial in own if trial.epochs),
        )

    def _per_class(self, trials: Sequence[TrialRow]) -> tuple[float | None, ...]:
        """Mean accuracy on each class's validation images."""
        if self.chance is None:
            return ()
        labels, counts = self.chance.labels, self.chance.counts
        right = [
            np.bincount(labels, bits_of(trial), minlength=len(counts))
            for trial in trials
            if trial.correct is not None and trial.correct_count == len(labels)
        ]
        if not right:
            return ()
        means = np.mean(right, axis=0)
        return tuple(
            float(mean / count) if count else None for mean, count in zip(means, counts, strict=True)
        )

    def seconds(self, network: str | None) -> float | None:
        """Median seconds of a trial."""
        took = [
            (trial.train_seconds or 0.0) + (trial.evaluate_seconds or 0.0)
            for trial in self.trials.get(network or "", ())
            if trial.train_seconds
        ]
        return float(np.median(took)) if took else None


def _curve(trial: TrialRow) -> Curve:
    epochs = json.loads(trial.epochs or "[]")
    return Curve(
        seed=trial.seed,
        epochs=tuple(epoch["epoch"] for epoch in epochs),
        train_loss=tuple(epoch["train_loss"] for epoch in epochs),
        validation_accuracy=tuple(epoch["accuracy"] for epoch in epochs),
    )


def _network(row: CandidateFigures, figures: _Figures) -> Network:
    built = row.realised
    return Network(
        name=row.name or "",
        depths=row.depth,
        widths=row.width,
        resolution=row.resolution,
        factors=None if built is None else Dimensions(**vars(built)),
        costs={
            **{key: getattr(row, key) for key in ("macs", "parameters", "activations", "memory")},
            "seconds": figures.seconds(row.fingerprint),
        },
    )


def _candidate(
    row: GridRow,
    key: str,
    figures: _Figures,
    exponents: Exponents,
    eliminated: Mapping[str, Elimination],
    *,
    standing: Standing | None = None,
) -> Candidate:
    one = row.candidate
    triple = None
    if one.alpha is not None and one.beta is not None and one.gamma is not None:
        triple = (one.alpha, one.beta, one.gamma)
    return Candidate(
        key=key,
        network=_network(one, figures),
        standing=standing or _STANDINGS.get(row.verdict, "not ranked"),
        verdict=row.verdict,
        phi=one.phi,
        triple=triple,
        triples=row.triples,
        shares=_shares(one, exponents),
        results=figures.results(one.fingerprint, row.interval, None, fresh=False),
        behind=row.behind,
        eliminated=eliminated.get(one.fingerprint or "") if row.verdict == "eliminated" else None,
        remark=row.reason,
    )


def _shares(row: CandidateFigures, exponents: Exponents) -> Dimensions | None:
    """What depth, width and resolution got of the doubling, as built; None where nothing grew."""
    built = row.realised
    if built is None or 0 in exponents or max(vars(built).values()) <= 1:
        return None
    alpha, beta, gamma = (max(1.0, factor) for factor in vars(built).values())
    depth, width, resolution = shares_of(alpha, beta, gamma, exponents)
    return Dimensions(depth=depth, width=width, resolution=resolution)


def _family(report: FamilyReport, figures: _Figures) -> Family:
    triple = ", ".join(f"{value:g}" for value in report.triple)
    return Family(
        name=f"({triple}){'' if report.factors == 'nominal' else ' as built'}, {report.kind}",
        triple=report.triple,
        members=tuple(_member(row, figures) for row in report.rows),
    )


def _member(row: MemberRow, figures: _Figures) -> Member:
    one = row.candidate
    return Member(
        key=f"{one.fingerprint} {one.phi}",
        phi=one.phi or 0.0,
        network=_network(one, figures),
        status=row.status,
        predicted=row.predicted,
        results=figures.results(one.fingerprint, row.interval, row.test_interval, fresh=True),
        remark=row.reason,
    )
