"""A grid's outcome for programs."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from scaling_search.ledger.storage.rows import BASE
from scaling_search.report.table import finite
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.decision_log import figures_of, interval_of
from scaling_search.search.plan import identifiability
from scaling_search.statistics import Estimate

if TYPE_CHECKING:
    from scaling_search.search.grid.search import GridResult

_BEHIND = ("estimate", "low", "high", "inside", "seeds", "collapsed")


def record(outcome: GridResult) -> dict[str, Any]:
    """`winner`, `confidence_set` and the evidence. Figures that were not measured are null."""
    found, space, check = outcome.found, outcome.plan.space, outcome.forecast
    decision, behind, figures = found.decision, found.behind, found.figures
    whole: dict[str, Any] = {
        "answer": list(outcome.report.answer),
        "study": outcome.study.name,
        "phi": list(space.study.grid.phi),
        "initial_weights": space.recipe.initial_weights,
        "candidates": len(found.candidates),
        "seeds": space.study.grid.seeds,
        "trials": len(outcome.trials),
        "trained": outcome.trained,
        "unfinished": found.unfinished,
        "failed": sum(row.state == "failed" for row in outcome.trials),
        "diverged": sum(row.state == "diverged" for row in outcome.trials),
        "at_chance": dict(found.at_chance),
        "forecast": None if check is None else asdict(check) | {"ratio": check.ratio},
        "indistinct": [str(one) for one in identifiability.alike(space.study, space.base)],
        "screening": None if found.screening is None else asdict(found.screening),
        "base": None if found.base is None else _finite(found.base),
        "winner": None,
        "decided": found.decided,
        "indifference": None if decision is None else decision.indifference,
        "missing": None if decision is None else decision.missing,
        "seeds_needed": None if decision is None else decision.seeds,
        "images_needed": None if decision is None else decision.images,
        "confidence_set": [],
        "level": None if behind is None else behind.level,
        "grid": [_entry(found, candidate.group) for candidate in found.candidates],
        "notes": [*outcome.report.notes, *outcome.report.details],
    }
    if found.winner is None or figures is None or behind is None:
        return whole
    gap = figures.differences.get(BASE)
    inside = sorted(behind.set, key=lambda group: (group != figures.name, behind.estimate[behind.row[group]]))
    return whole | {
        "winner": _entry(found, figures.name)
        | {
            "unbiased_accuracy": None if found.corrected is None else found.corrected.value,
            "optimism": None if found.corrected is None else found.corrected.optimism,
            "accuracy_corrected": _finite(figures.accuracy),
            "difference_to_base": None if gap is None else _finite(gap),
            "gain_over_base": None
            if gap is None
            else _finite(replace(gap, value=-gap.value, low=-gap.high, high=-gap.low)),
        },
        "confidence_set": [_entry(found, group) for group in inside],
    }


def _finite(estimate: Estimate) -> dict[str, Any]:
    return {key: finite(value) for key, value in asdict(estimate).items()}


def _entry(found: GridAnalysis, group: str) -> dict[str, Any]:
    candidate, behind = found.candidate(group), figures_of(found.behind, group)
    if found.behind is not None and behind and interval_of(found.behind, group) is None:
        behind |= {"low": None, "high": None}
    alpha, beta, gamma = candidate.triple
    accuracy = found.accuracies.get(group)
    first = candidate.rows[0]
    return {
        "alpha": alpha,
        "beta": beta,
        "gamma": gamma,
        "realised": {
            "depth": first.depth_factor,
            "width": first.width_factor,
            "resolution": first.resolution_factor,
        },
        "triples": [list(triple) for triple in candidate.triples],
        "networks": [
            {"phi": row.phi, "fingerprint": row.network, "resolution": row.resolution, "macs": row.macs}
            for row in candidate.rows
        ],
        "accuracy": None if accuracy is None else _finite(accuracy),
        "behind_the_best": {key: behind[key] for key in _BEHIND} if behind else None,
    }
