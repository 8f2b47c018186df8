"""A grid's outcome for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scaling_search.search.grid import report as grid_report
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.plan import identifiability

if TYPE_CHECKING:
    from scaling_search.search.grid.search import GridResult


def record(outcome: GridResult) -> dict[str, Any]:
    """`winner`, `confidence_set` and the evidence. Figures that were not measured are null."""
    found, space, check = outcome.found, outcome.plan.space, outcome.forecast
    whole: dict[str, Any] = {
        "study": outcome.study.name,
        "phi": list(space.study.grid.phi),
        "candidates": len(found.candidates),
        "seeds": space.study.grid.seeds,
        "trials": len(outcome.trials),
        "trained": outcome.trained,
        "failed": sum(row.state == "failed" for row in outcome.trials),
        "diverged": sum(row.state == "diverged" for row in outcome.trials),
        "at_chance": dict(found.at_chance),
        "forecast": None if check is None else asdict(check) | {"ratio": check.ratio},
        "indistinct": [str(one) for one in identifiability.alike(space.study, space.base)],
        "screening": None if found.screening is None else asdict(found.screening),
        "winner": None,
        "confidence_set": [],
        "level": None,
        "grid": [],
    }
    if found.choice is None or found.members is None or found.held_out is None:
        return whole
    return whole | {
        "winner": _entry(found, found.choice.winner)
        | {
            "unbiased_accuracy": found.held_out.value,
            "optimism": found.held_out.optimism,
        },
        "confidence_set": [_entry(found, group) for group in (found.choice.winner, *found.choice.tied)],
        "cheapest_in_set": _entry(found, found.choice.cheapest),
        "level": found.members.level,
        "grid": [_entry(found, candidate.group) for candidate in found.candidates],
        "notes": list(grid_report.notes(found)),
    }


def _entry(found: GridAnalysis, group: str) -> dict[str, Any]:
    candidate = found.candidate(group)
    alpha, beta, gamma = candidate.triple
    accuracy = None if found.accuracies is None else found.accuracies.get(group)
    difference = None if found.differences is None else found.differences.get(group)
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
        "accuracy": None if accuracy is None else asdict(accuracy),
        "difference_to_winner": None if difference is None else asdict(difference),
    }
