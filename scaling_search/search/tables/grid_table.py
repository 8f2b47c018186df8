"""A grid's findings as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network, fingerprint
from scaling_search.errors import InputError
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.report.rows import GridReport
from scaling_search.search.forecast import ledger_record
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.plan import identifiability
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.study import Study
from scaling_search.search.tables import grid_report

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.grid.search import GridOutcome


def report_of(ledger: Reader, study: Study, trials: Sequence[TrialRow], found: GridAnalysis) -> GridReport:
    """The grid's table, filled from the ledger and the findings."""
    row = next(row for row in ledger.studies() if row.name == study.name)
    candidates = ledger.candidates(study.name, "grid")
    network = base_network(study, ledger)
    base = None if network is None else ledger.network(fingerprint(network))
    report = grid_report.grid_report(row, candidates, trials, base=base, found=found)
    compared = ledger_record.compare(ledger, study.name, trials)
    more = [] if compared is None else [ledger_record.sentence(compared)]
    more += [] if network is None else identifiability.notes(study, network)
    budget = QUANTITIES[study.grid.budget].words
    return replace(report, budget=budget, notes=(*report.notes, *more))


def base_network(study: Study, ledger: Reader) -> Network | None:
    """The network that the study's candidates were scaled from; None where its file is no longer there.

    Channels and classes are those of the candidates: the data need not be on this machine.
    """
    row = next((row for row in ledger.candidates(study.name, "grid") if row.network is not None), None)
    kept = None if row is None else ledger.network(str(row.network))
    if kept is None:
        return None
    scaled = toml.parse(kept.toml)
    try:
        return study.base(channels=scaled.channels, classes=scaled.classes)
    except InputError:
        return None


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
        "at_chance": dict(found.at_chance),
        "forecast": None if compared is None else asdict(compared) | {"ratio": compared.ratio},
        "indistinct": identifiability.indistinct(study, outcome.planned.base),
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
        "confidence_set": [_entry(found, key) for key in (found.choice.winner, *found.choice.tied)],
        "cheapest_in_set": _entry(found, found.choice.cheapest),
        "level": found.members.level,
        "grid": [_entry(found, rival.key) for rival in found.rivals],
        "notes": list(grid_report.notes(found)),
    }


def _entry(found: GridAnalysis, key: str) -> dict[str, Any]:
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
