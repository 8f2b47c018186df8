"""A grid's analysis as the report's rows and sentences."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_search.architecture.network import Network, from_definition
from scaling_search.errors import few
from scaling_search.ledger.storage.rows import GRID, DatasetRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, TRIPLES
from scaling_search.report import collect
from scaling_search.report.figures import count
from scaling_search.report.rows import Assessment, GridReport, Verdict
from scaling_search.report.study import grid_details
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.forecast import ledger_record
from scaling_search.search.grid import (
    decision_log,
    disagreement,
    families,
    recipe_known,
    screening_stage,
    tuning,
)
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.answer import Command, answer, missing_trials
from scaling_search.search.grid.base import base_network, base_row, facts_of, interval_of
from scaling_search.search.grid.ledger_results import dataset_of, settings_of
from scaling_search.search.plan import caveats, identifiability
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.study import Study
from scaling_search.statistics.images import scarce_classes
from scaling_search.statistics.multiple_comparisons import LEVEL
from scaling_search.training import recipe as recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_search.ledger.reader import Reader
    from scaling_search.search.trial.weights import Checkpoints


def report_of(
    ledger: Reader,
    study: StudyRow,
    trials: Sequence[TrialRow],
    found: GridAnalysis,
    *,
    place: str | None = None,
    checkpoints: Checkpoints | None = None,
) -> GridReport:
    """The grid's table with answer, verdicts, distances to the best and what the numbers do not say.

    `place`: the ledger as a command names it, for the commands in the answer. `checkpoints`: where weights lie; members
    are offered whose weights are there (unless given: are kept anywhere).
    """
    settings = settings_of(study)
    base_of_table = base_row(ledger, study, found.base)
    report = collect.grid(
        study,
        ledger.rows(CANDIDATES, study=study.name, role=GRID),
        ledger.rows(TRIPLES, study=study.name, role=GRID),
        trials,
        base=base_of_table,
    )
    base = base_network(ledger, study)
    held = [] if base is None else identifiability.notes(settings, base)
    report = collect.with_verdicts(
        report,
        assessments(found),
        level=LEVEL if found.accuracies and found.behind is not None else None,
        notes=(
            *notes(found),
            *disagreement.sentences(found, trials),
            *rests_on(ledger, study, GRID, trials, base=base),
            *caveats.order_at_full_size(settings),
        ),
    )
    checked = ledger_record.check(ledger, study.name)
    timed = [] if checked is None else [ledger_record.sentence(checked)]
    command = Command.at(study.name, place, checkpoints)
    report = replace(
        report,
        budget=QUANTITIES[settings.grid.budget].words,
        opening=facts_of(ledger, study, base_of_table),
        answer=answer(
            found,
            trials,
            command,
            recipe_known.known(ledger, study, command, tuned=settings.tuned),
            parting=_parting(found, settings),
            use=_use(ledger, study, found, command, checkpoints),
        ),
    )
    return replace(report, details=(*grid_details(report), *details(found), *held, *timed))


def _use(
    ledger: Reader, study: StudyRow, found: GridAnalysis, command: Command, checkpoints: Checkpoints | None
) -> str | None:
    """What to do with the family of the triple that is named; None where weights are kept of no member."""
    if found.winner is None:
        return None
    triple = found.winner.triple
    own = [row for row in families.families(ledger, study.name, triple) if families.is_of(row, triple)]
    # What the report shows comes first.
    own = [*families.shown(own), *own]
    if families.best_member(ledger, study.name, own) is None:
        return None
    best = families.best_member(ledger, study.name, own, None if checkpoints is None else checkpoints.folder)
    if best is None:
        where = "beside this ledger" if command.checkpoints is None else f"in {command.checkpoints}"
        return f"The family is trained; its weights are not {where} (`--checkpoints` says where they are)."
    family, phi = best
    kinds = {row.network for row in own}
    return command.use(phi, study.dataset_name, *families.options(family.network, family.factors, kinds))


def assessments(found: GridAnalysis) -> dict[str, Assessment]:
    """What the analysis says of each candidate, by its group."""
    said: dict[str, Assessment] = {}
    screening, behind = found.screening, found.behind
    for candidate in found.candidates:
        group = candidate.group
        if behind is not None and group in behind.row and group in found.accuracies:
            collapsed = int(behind.collapsed[behind.row[group]])
            said[group] = Assessment(
                verdict=_verdict(found, group),
                interval=interval_of(found.accuracies[group]),
                behind=decision_log.interval_of(behind, group) if len(behind.names) > 1 else None,
                reason=f"{collapsed} of its seeds collapsed and {'is' if collapsed == 1 else 'are'} left out"
                if collapsed
                else None,
            )
        elif screening is not None and group in screening.screened_out:
            short = f"screened out after {count(screening.epochs, 'epoch')}, with {screening.screened_out[group]:.2%}"
            said[group] = Assessment(verdict="screened out", reason=short)
        elif why := [
            found.at_chance[row.network] for row in candidate.rows if row.network in found.at_chance
        ]:
            said[group] = Assessment(verdict="at chance", reason=why[0])
    return said


def _verdict(found: GridAnalysis, group: str) -> Verdict:
    decision, behind = found.decision, found.behind
    assert behind is not None  # noqa: S101 - its caller looked
    if decision is not None and group == decision.winner:
        return "the only one" if decision.alone else "winner" if decision.decided else "leading"
    if decision is None or behind.nothing_decided is not None:
        return "trained"
    if not behind.inside[behind.row[group]]:
        return "eliminated"
    return "equal" if group in decision.within else "in the set"


def notes(found: GridAnalysis) -> tuple[str, ...]:
    """What the answer rests on and a reader must not miss."""
    sentences = []
    if found.unfinished:
        sentences.append(missing_trials(found))
    if found.figures is not None and found.figures.collapses.collapsed:
        rate = found.figures.collapses
        sentences.append(
            f"{rate.collapsed} of {rate.trials} trials collapsed ({rate.low:.0%} to {rate.high:.0%} of trainings do): "
            "candidates are judged on the others."
        )
    if found.at_chance and found.winner is not None:
        sentences.append(
            f"{count(len(found.at_chance), 'network')} had seeds at chance level: more epochs or another learning rate "
            "may help."
        )
    return tuple(sentences)


def rests_on(
    ledger: Reader, study: StudyRow, role: str, trials: Sequence[TrialRow], *, base: Network | None = None
) -> list[str]:
    """What the answer of a grid or a family (`role`) rests on besides its trials' figures.

    `base`: what its networks were scaled from; the one of the lowest resolution unless given.
    """
    settings, data = settings_of(study), dataset_of(ledger, study)
    rows = ledger.rows(CANDIDATES, study=study.name, role=role)
    networks = [
        from_definition(known.definition, name=known.name)
        for row in rows
        if (known := ledger.network(row.network)) is not None
    ]
    said = arithmetics(trials)
    if data is None or not networks:
        return said
    base = base or min(networks, key=lambda network: network.resolution)
    size = (data.height, data.width)
    native = None if None in size else min(side for side in size if side is not None)
    recipe = recipes.parse(study.recipe)
    moved = [row for row in rows if "groups make" in (row.reason or "")]
    return [
        *said,
        *(caveats.short_training(recipe, data.train_images) if trials else []),
        *scarce(data, settings.grid.metric),
        *caveats.interpolated(data.name, native, networks),
        *caveats.fixed_resolution(settings, networks, base),
        *caveats.initial_weights(recipe, (row.reason for row in rows)),
        *([f"Groups moved widths in {count(len(moved), 'network')} (see Remark)."] if moved else []),
        *caveats.regularisation(base),
        *tuning.sentences(ledger, study.name, (row.network for row in rows)),
    ]


def _parting(found: GridAnalysis, settings: Study) -> list[str]:
    """Where the powers of the winner's triple and of what it built part."""
    if found.winner is None:
        return []
    named, built = (Coefficients.of(one) for one in (found.winner.triple, found.winner.realised))
    return identifiability.parting(named, built, settings.scale.phi)


def scarce(data: DatasetRow, metric: str) -> list[str]:
    """Classes with too few validation images for what each counts."""
    if metric != "balanced-accuracy":
        return []
    names = json.loads(data.classes)
    counts = scarce_classes(np.array(json.loads(data.validation_labels)))
    if not counts:
        return []
    shown = few([f"{names[number]} ({count})" for number, count in counts.items()])
    return [f"Classes with few validation images limit what balanced accuracy can show: {shown}."]


def arithmetics(trials: Sequence[TrialRow]) -> list[str]:
    """That candidates were trained by different arithmetics, or without kernels."""
    by = Counter(trial.arithmetic for trial in trials if trial.arithmetic)
    on_cpu = any((trial.device or "").startswith("cpu") for trial in trials)
    if len(by) > 1:
        parts = ", ".join(f"{count(number, 'trial')} by {name}" for name, number in by.most_common())
        return [f"Trials of different arithmetics are compared: {parts} (--exact refuses that)."]
    if on_cpu and any(name.startswith("XLA") for name in by):
        return ["Trained without kernels (no C++ compiler, or switched off): several times slower on a CPU."]
    return []


def details(found: GridAnalysis) -> tuple[str, ...]:
    """What else the data show."""
    sentences = []
    if found.corrected is not None and found.figures is not None:
        held = found.corrected
        says = (
            f"corrected for selection: the mean is {held.apparent:.2%}, of which {100 * held.optimism:.2f} points are "
            "optimism"
            if held.optimism > 0
            else f"the mean, {held.apparent:.2%}: repeating the choice shows no optimism"
        )
        agree = f"{held.agreement:.0%} of {held.choices} repeated choices agree"
        sentences.append(f"The accuracy in the answer is {says}; {agree}.")
    if found.screening is not None:
        sentences += screening_stage.sentences(found.screening)
    if found.surface is not None:
        sentences.append(found.surface.says)
    rounded = [candidate for candidate in found.candidates if len(candidate.triples) > 1]
    if rounded:
        sentences.append(
            f"{len(rounded)} of {len(found.candidates)} networks are built by several triples, which no training can "
            "tell apart; the one nearest to what was built is shown."
        )
    return tuple(sentences)
