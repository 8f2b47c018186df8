"""A grid's findings as the report's rows and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scaling_search.ledger.storage.rows import CandidateRow, NetworkRow, StudyRow, TrialRow
from scaling_search.report import collect
from scaling_search.report.rows import Assessment, GridReport, GridRow, Verdict
from scaling_search.report.table import Interval
from scaling_search.search.grid import screening_stage
from scaling_search.search.grid.analysis import LEVEL, GridAnalysis
from scaling_search.search.grid.contenders import Triple
from scaling_search.statistics import intervals
from scaling_search.statistics.intervals import Estimate

_Place = tuple[str | None, float | None]  # network and φ
_Lead = tuple[
    Triple, float | None
]  # the triple that stands for it, and the resolution that this triple asks for


def grid_report(
    study: StudyRow,
    candidates: Sequence[CandidateRow],
    trials: Sequence[TrialRow],
    *,
    base: NetworkRow | None,
    found: GridAnalysis,
    level: float = LEVEL,
) -> GridReport:
    """The grid's table with verdicts, differences to the leader and what the numbers do not say."""
    report = collect.grid(study, candidates, trials, base=base)
    judged = {network: Assessment(verdict="at chance") for network in found.at_chance}
    judged |= {network: Assessment(verdict="screened out") for network in _screened_out(found)}
    accuracies, differences = found.accuracies or {}, found.differences or {}
    verdicts = _verdicts(found)
    for rival in found.rivals:
        if rival.key not in accuracies:
            continue
        verdict = verdicts.get(rival.key, "eliminated")
        assessment = Assessment(
            verdict=verdict,
            interval=_bounds(accuracies[rival.key]),
            difference=None if verdict == "winner" else _interval(differences[rival.key]),
        )
        judged |= {str(row.network): assessment for row in rival.rows}
    report = collect.with_verdicts(report, judged, level=level if accuracies else None, notes=notes(found))
    leads, reasons = _leads(found), _screened_out(found) | dict(found.at_chance)
    return replace(report, rows=tuple(_finished(row, leads, reasons) for row in report.rows))


def _finished(row: GridRow, leads: Mapping[_Place, _Lead], reasons: Mapping[str, str]) -> GridRow:
    """The row with the triple that stands for its network, and the reason why it is not ranked where that is ours."""
    candidate, why = row.candidate, reasons.get(row.candidate.fingerprint or "")
    lead = leads.get((candidate.fingerprint, candidate.phi))
    if lead is not None:
        (alpha, beta, gamma), nominal = lead
        candidate = replace(candidate, alpha=alpha, beta=beta, gamma=gamma, nominal_resolution=nominal)
    reason = row.reason if why is None else "; ".join(filter(None, (row.reason, why)))
    return replace(row, candidate=candidate, reason=reason)


def _screened_out(found: GridAnalysis) -> dict[str, str]:
    """Networks that the screening left out, and why."""
    first = found.screening
    if first is None:
        return {}
    return {
        str(
            row.network
        ): f"screened out after {first.epochs} epochs, with {first.screened_out[rival.key]:.2%}"
        for rival in found.rivals
        if rival.key in first.screened_out and rival.key not in (found.accuracies or {})
        for row in rival.rows
    }


def _leads(found: GridAnalysis) -> dict[_Place, _Lead]:
    """What stands for each network."""
    return {
        (member.network, member.phi): (rival.triple, member.nominal_resolution)
        for rival in found.rivals
        for member in rival.rows
    }


def _verdicts(found: GridAnalysis) -> dict[str, Verdict]:
    """Of the candidates in the confidence set, by key."""
    if found.choice is None:
        return {}
    tied: dict[str, Verdict] = dict.fromkeys(found.choice.tied, "tied")
    return tied | {found.choice.winner: "winner"}


def _bounds(estimate: Estimate) -> Interval:
    """The interval alone: the mean has a column of its own."""
    return Interval(low=estimate.low, high=estimate.high)


def _interval(estimate: Estimate | None) -> Interval | None:
    return None if estimate is None else Interval(low=estimate.low, high=estimate.high, value=estimate.value)


def notes(found: GridAnalysis) -> tuple[str, ...]:
    """Sentences for people: winner, ties, advice, and the winner's accuracy corrected for selection."""
    if found.choice is None or found.members is None or found.held_out is None:
        return (*_unlearned(found), "No candidate has a result yet that can be judged.")
    choice, held = found.choice, found.held_out
    best = _named(found.rival(choice.winner).triple)
    sentences = [f"Winner: {best}, the best mean."]
    if choice.tied:
        ties = [_named(found.rival(key).triple) for key in choice.tied]
        shown = ", ".join(ties[:8]) + (f" and {len(ties) - 8} more" if len(ties) > 8 else "")
        sentences.append(
            f"The data cannot tell it from: {shown} (confidence set at {found.members.level:.0%})."
        )
        if choice.cheapest != choice.winner:
            sentences.append(f"Cheapest in the set: {_named(found.rival(choice.cheapest).triple)}.")
    else:
        sentences.append(f"It is alone in the confidence set at {found.members.level:.0%}.")
    sentences.append(
        f"Its accuracy corrected for selection: {held.value:.2%} ({held.optimism * 100:+.2f} points of "
        f"optimism; {held.agreement:.0%} of {held.choices} repeated choices agree)."
    )
    if found.members.sources == intervals.IMAGES:
        sentences.append("One seed: intervals cover the choice of images only, not the chance of training.")
    if found.screening is not None:
        sentences += screening_stage.sentences(found.screening)
    sentences += _unlearned(found)
    if found.surface is not None:
        sentences.append(found.surface.says)
    rounded = [rival for rival in found.rivals if len(rival.triples) > 1]
    if rounded:
        sentences.append(
            f"{len(rounded)} of {len(found.rivals)} networks are built by several triples, which no training can tell "
            "apart; the one adjusted least is shown."
        )
    return tuple(sentences)


def _unlearned(found: GridAnalysis) -> list[str]:
    if not found.at_chance:
        return []
    return [
        f"{len(found.at_chance)} networks had a seed at chance level (see Remark): like diverged ones they are not "
        "ranked. More epochs or another learning rate may help."
    ]


def _named(triple: Triple) -> str:
    return "(" + ", ".join(f"{value:g}" for value in triple) + ")"
