"""A grid's findings as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from scaling_search.architecture.network import fingerprint
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.rows import TrialRow
from scaling_search.report.rows import GridReport
from scaling_search.search import announced, verdicts
from scaling_search.search.budget import QUANTITIES
from scaling_search.search.grid import GridOutcome
from scaling_search.search.judge import Findings
from scaling_search.search.plan import base_of
from scaling_search.search.study import Study


def report_of(ledger: Ledger, study: Study, trials: Sequence[TrialRow], found: Findings) -> GridReport:
    """The grid's table, filled from the ledger and the findings."""
    row = next(row for row in ledger.studies() if row.name == study.name)
    candidates = ledger.candidates(study.name, "grid")
    base = next((item for item in ledger.networks() if item.fingerprint == row_base(study, ledger)), None)
    report = verdicts.grid_report(row, candidates, trials, base=base, found=found)
    compared = announced.compare(ledger, study.name, trials)
    more = () if compared is None else (announced.sentence(compared),)
    budget = QUANTITIES[study.grid.budget].words
    return replace(report, budget=budget, notes=(*report.notes, *more))


def row_base(study: Study, ledger: Ledger) -> str | None:
    """Fingerprint of the base network that the study's candidates were scaled from, as the ledger has it."""
    known = fingerprint(base_of(study))
    return known if ledger.network(known) is not None else None


def record(study: Study, outcome: GridOutcome) -> dict[str, Any]:
    """`winner`, `confidence_set` and the evidence. Figures that were not measured are null."""
    found = outcome.found
    compared = outcome.compared
    whole: dict[str, Any] = {
        "study": study.name,
        "phi": [plan.phi for plan in outcome.planned.plans],
        "candidates": len(found.rivals),
        "seeds": study.grid.seeds,
        "trials": len(outcome.trials),
        "trained": outcome.trained,
        "failed": sum(row.state == "failed" for row in outcome.trials),
        "diverged": sum(row.state == "diverged" for row in outcome.trials),
        "did_not_learn": dict(found.unlearned),
        "forecast": None if compared is None else asdict(compared) | {"ratio": compared.ratio},
        "first_stage": None if found.first_stage is None else asdict(found.first_stage),
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
        "confidence_set": [_entry(found, key) for key in (found.choice.winner, *found.choice.tied)],
        "cheapest_in_set": _entry(found, found.choice.cheapest),
        "level": found.members.level,
        "grid": [_entry(found, rival.key) for rival in found.rivals],
        "notes": list(verdicts.notes(found)),
    }


def _entry(found: Findings, key: str) -> dict[str, Any]:
    rival = found.rival(key)
    alpha, beta, gamma = rival.triple
    accuracy = None if found.accuracies is None or key not in found.accuracies else found.accuracies[key]
    difference = None if found.differences is None or key not in found.differences else found.differences[key]
    return {
        "alpha": alpha,
        "beta": beta,
        "gamma": gamma,
        "triples": [list(triple) for triple in rival.triples],
        "networks": [
            {"phi": row.phi, "fingerprint": row.network, "resolution": row.resolution, "macs": row.macs}
            for row in rival.rows
        ],
        "accuracy": None if accuracy is None else asdict(accuracy),
        "difference_to_winner": None if difference is None else asdict(difference),
    }
