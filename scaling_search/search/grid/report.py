"""A grid's analysis as the report's rows and sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.architecture.network import Network, from_definition
from scaling_search.ledger.storage.rows import GRID, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, TRIPLES
from scaling_search.report import collect
from scaling_search.report.rows import Assessment, Candidate, GridReport, GridRow, Verdict
from scaling_search.report.table import Interval
from scaling_search.search.forecast import ledger_record
from scaling_search.search.grid import screening_stage
from scaling_search.search.grid.analysis import LEVEL, GridAnalysis
from scaling_search.search.grid.candidates import Triple
from scaling_search.search.grid.ledger_results import settings_of
from scaling_search.search.plan import identifiability
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.statistics import intervals
from scaling_search.statistics.intervals import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_search.ledger.reader import Reader


def report_of(ledger: Reader, study: StudyRow, trials: Sequence[TrialRow], found: GridAnalysis) -> GridReport:
    """The grid's table with verdicts, differences to the best and what the numbers do not say."""
    settings = settings_of(study)
    report = collect.grid(
        study,
        ledger.rows(CANDIDATES, study=study.name, role=GRID),
        ledger.rows(TRIPLES, study=study.name, role=GRID),
        trials,
        base=base_row(ledger, study),
    )
    level = LEVEL if found.accuracies else None
    report = collect.with_verdicts(report, assessments(found), level=level, notes=notes(found))
    checked = ledger_record.check(ledger, study.name, trials)
    more = [] if checked is None else [ledger_record.sentence(checked)]
    base = base_network(ledger, study)
    more += [] if base is None else identifiability.notes(settings, base)
    return replace(report, budget=QUANTITIES[settings.grid.budget].words, notes=(*report.notes, *more))


def base_network(ledger: Reader, study: StudyRow) -> Network | None:
    """The network that the study's candidates were scaled from."""
    row = ledger.network(study.base)
    return None if row is None else from_definition(row.definition, name=row.name)


def base_row(ledger: Reader, study: StudyRow) -> GridRow | None:
    """The base as a row of the table, with the trials that it has with the study's recipe and data."""
    row, network = ledger.network(study.base), base_network(ledger, study)
    if row is None or network is None:
        return None
    kind = (study.base, study.recipe, study.dataset)
    trials = [one for one in ledger.trials() if (one.network, one.recipe, one.dataset) == kind]
    shown = Candidate(
        name=row.name,
        fingerprint=row.fingerprint,
        phi=0.0,
        depth="-".join(map(str, network.depths)),
        width="-".join(map(str, network.widths)),
        resolution=row.resolution,
        parameters=row.parameters,
        activations=row.activations,
        macs=row.macs,
        macs_ratio=1.0,
    )
    return collect.base_row(shown, trials)


def assessments(found: GridAnalysis) -> dict[str, Assessment]:
    """What the analysis says of each candidate, by its group."""
    said: dict[str, Assessment] = {}
    accuracies, differences = found.accuracies or {}, found.differences or {}
    screening = found.screening
    verdicts: dict[str, Verdict] = {}
    if found.choice is not None:
        verdicts = dict.fromkeys(found.choice.tied, "tied")
        verdicts[found.choice.winner] = "winner"
    for candidate in found.candidates:
        group = candidate.group
        at_chance = [found.at_chance[row.network] for row in candidate.rows if row.network in found.at_chance]
        if at_chance:
            said[group] = Assessment(verdict="at chance", reason=at_chance[0])
        elif group in accuracies:
            verdict = verdicts.get(group, "eliminated")
            said[group] = Assessment(
                verdict=verdict,
                interval=Interval(low=accuracies[group].low, high=accuracies[group].high),
                difference=None if verdict == "winner" else _interval(differences[group]),
            )
        elif screening is not None and group in screening.screened_out:
            short = f"screened out after {screening.epochs} epochs, with {screening.screened_out[group]:.2%}"
            said[group] = Assessment(verdict="screened out", reason=short)
    return said


def _interval(estimate: Estimate | None) -> Interval | None:
    return None if estimate is None else Interval(low=estimate.low, high=estimate.high, value=estimate.value)


def notes(found: GridAnalysis) -> tuple[str, ...]:
    """Sentences for people: winner, ties, advice, and the winner's accuracy corrected for selection."""
    if found.choice is None or found.members is None or found.held_out is None:
        return (*_at_chance(found), "No candidate has a result yet that can be compared.")
    choice, held = found.choice, found.held_out
    best = named(found.candidate(choice.winner).triple)
    sentences = [f"Winner: {best}, the best mean."]
    if choice.tied:
        ties = [named(found.candidate(group).triple) for group in choice.tied]
        shown = ", ".join(ties[:8]) + (f" and {len(ties) - 8} more" if len(ties) > 8 else "")
        sentences.append(
            f"The data cannot tell it from: {shown} (confidence set at {found.members.level:.0%})."
        )
        if choice.cheapest != choice.winner:
            sentences.append(f"Cheapest in the set: {named(found.candidate(choice.cheapest).triple)}.")
    else:
        sentences.append(f"It is alone in the confidence set at {found.members.level:.0%}.")
    sentences.append(
        f"Its accuracy corrected for selection: {held.value:.2%} ({held.optimism * 100:+.2f} points of optimism; "
        f"{held.agreement:.0%} of {held.choices} repeated choices agree)."
    )
    if found.members.sources == intervals.IMAGES:
        sentences.append("One seed: intervals cover the choice of images only, not the chance of training.")
    if found.screening is not None:
        sentences += screening_stage.sentences(found.screening)
    sentences += _at_chance(found)
    if found.surface is not None:
        sentences.append(found.surface.says)
    rounded = [candidate for candidate in found.candidates if len(candidate.triples) > 1]
    if rounded:
        sentences.append(
            f"{len(rounded)} of {len(found.candidates)} networks are built by several triples, which no training can "
            "tell apart; the one nearest to what was built is shown."
        )
    return tuple(sentences)


def _at_chance(found: GridAnalysis) -> list[str]:
    if not found.at_chance:
        return []
    return [
        f"{len(found.at_chance)} networks had a seed at chance level (see Remark): like diverged ones they are not "
        "ranked. More epochs or another learning rate may help."
    ]


def named(triple: Triple) -> str:
    """A triple for people."""
    return "(" + ", ".join(f"{value:g}" for value in triple) + ")"
