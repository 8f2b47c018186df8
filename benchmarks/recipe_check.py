"""`make recipe-check`: what the committed studies show of their recipes. Trains nothing.

Reads the ledgers exported beside each study (experiments/NAME/ledger.db), checks every digest, and counts anew:
interactions, families, steps from member to member. Start losses and gradients are computed (benchmarks.start).
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.start import gradient_norm, start_loss
from scaling_search.architecture.network import Network, from_definition
from scaling_search.data import catalog
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.reader import Reader
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage.rows import FamilyRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import STUDIES, TRIPLES
from scaling_search.search.family import results
from scaling_search.search.grid.candidates import bits_of
from scaling_search.search.grid.ledger_results import settings_of
from scaling_search.search.recipe_check.analysis import read_check
from scaling_search.statistics import compare, gather, winner
from scaling_search.training import recipe as recipes

ROOT = Path(__file__).parents[1]
# The members whose start is looked at, from the smallest.
STARTS = (0.0, 1.0, 2.0, 3.0, 4.0)


def study_record(ledger: Reader, row: StudyRow) -> dict[str, Any]:
    """All figures of one study; None where the ledger has nothing to count them from."""
    families = results.families(ledger, row.name)
    members = family_record(ledger, row, families[0]) if families else []
    steps = [one["step"] for one in members if one["step"] is not None]
    checked = read_check(ledger, row)
    own = () if checked is None else checked.of_own
    bounds = [max(abs(one.low), abs(one.high)) for one in own if one.low is not None and one.high is not None]
    starts = start_record(ledger, row, families[0]) if families else {}
    return {
        "name": row.name,
        "start_loss_ratio_max": starts.get("loss"),
        "gradient_ratio_max": starts.get("gradient"),
        "interaction_max": max((abs(one.estimate) for one in own), default=None),
        "interaction_high": max(bounds, default=None),
        "family": [{key: value for key, value in one.items() if key != "step"} for one in members],
        "falls": sum(step["high"] < 0 for step in steps),
        "falls_underfit": sum(step["high"] < 0 and step["training_fell"] for step in steps),
        "steps_undecided": sum(step["low"] <= 0 <= step["high"] for step in steps),
    }


def family_record(ledger: Reader, row: StudyRow, family: FamilyRow) -> list[dict[str, Any]]:
    """The trained members by rising φ: mean accuracies, and the paired step from the one before on the test images.

    `half_width`: of that step; None of the first.
    """
    _, trials = results.report_of(ledger, row, family)
    complete = {trial.key: trial for trial in trials if trial.state == "complete"}
    evaluations = ledger.evaluations(list(complete), with_correct=True)
    train = {one.trial_key: one.accuracy for one in evaluations if one.split == "train"}
    test = {one.trial_key: one for one in evaluations if one.split == "test" and one.correct is not None}
    phis = {one.network: one.phi for one in ledger.rows(TRIPLES, study=row.name, role=family.role)}
    by_phi: dict[float, list[TrialRow]] = {}
    for trial in complete.values():
        by_phi.setdefault(phis[trial.network], []).append(trial)
    found: list[dict[str, Any]] = [
        {
            "phi": phi,
            "train_mean": mean([train.get(one.key) for one in own]),
            "validation_mean": mean([one.accuracy for one in own]),
            "test_mean": mean([test[one.key].accuracy if one.key in test else None for one in own]),
            "half_width": None,
            "step": None,
        }
        for phi, own in sorted(by_phi.items())
    ]
    for before, after in pairwise(found):
        marks = {
            str(one["phi"]): {
                trial.seed: bits_of(test[trial.key]) for trial in by_phi[one["phi"]] if trial.key in test
            }
            for one in (before, after)
        }
        if not all(marks.values()):
            continue
        scores = gather(marks)
        one, other = scores.names
        gap = winner(scores, one, compare(scores)).differences[other]
        if not np.isfinite([gap.low, gap.high]).all():
            continue
        fell = None not in (before["train_mean"], after["train_mean"])
        after["half_width"] = (gap.high - gap.low) / 2
        after["step"] = {
            "low": gap.low,
            "high": gap.high,
            "training_fell": fell and after["train_mean"] < before["train_mean"],
        }
    return found


def mean(values: Sequence[float | None]) -> float | None:
    """Of all of them; None where one is missing."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def start_record(ledger: Reader, row: StudyRow, family: FamilyRow) -> dict[str, float]:
    """The largest start loss over ln(classes) of the members at φ = 0 to 4; and the gradient's norm after ten steps of
    the last of them over the first's, or the inverse where that is larger. Nothing where the data are not prepared.
    """
    recipe = recipes.parse(row.recipe)
    settings = settings_of(row)
    data = settings.dataset
    if not catalog.describe(data.name).prepared:
        return {}
    dataset = catalog.load(data.name, validation=data.validation, split_seed=data.split_seed)
    networks: list[Network] = []
    triples = ledger.rows(TRIPLES, study=row.name, role=family.role)
    for one in sorted(triples, key=lambda one: one.phi):
        known = None if one.network is None else ledger.network(one.network)
        if one.phi in STARTS and known is not None:
            networks.append(from_definition(known.definition, name=known.name))
    if not networks:
        return {}
    losses = [start_loss(network, dataset, recipe.init) for network in networks]
    norms = [gradient_norm(network, dataset, recipe) for network in (networks[0], networks[-1])]
    ratio = norms[1] / norms[0]
    return {"loss": max(losses), "gradient": max(ratio, 1 / ratio)}


def exports(folder: Path) -> list[Path]:
    """The ledgers committed beside the studies."""
    return sorted(folder.glob("*/ledger.db"))


def records(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Those of all studies. Raises SystemExit naming a ledger that is damaged."""
    found = []
    for path in paths:
        with Ledger.open(path, read_only=True) as ledger:
            if damage := check(ledger):
                raise SystemExit(f"{path}: {damage[0]}")
            found += [study_record(ledger.snapshot(), row) for row in ledger.rows(STUDIES)]
    return found


def shown(value: float | None, *, scale: float = 1.0) -> str:
    return "—" if value is None else f"{scale * value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--folder", type=Path, default=ROOT / "experiments", help="where the studies are")
    arguments = parser.parse_args()
    paths = exports(arguments.folder)
    if not paths:
        raise SystemExit(
            f"{arguments.folder}: no study has an export here (scaling-search ledger export STUDY ledger.db)"
        )
    studies = records(paths)
    print(
        "| study | loss / ln(classes) | gradients | interaction (points) | at most | falls | underfit | undecided |"
    )
    print("|---|" + "---:|" * 7)
    for one in studies:
        points = [shown(one[key], scale=100) for key in ("interaction_max", "interaction_high")]
        starts = [shown(one[key]) for key in ("start_loss_ratio_max", "gradient_ratio_max")]
        counts = [str(one[key]) for key in ("falls", "falls_underfit", "steps_undecided")]
        print(f"| {one['name']} | {' | '.join([*starts, *points, *counts])} |")
    if arguments.json:
        arguments.json.write_text(json.dumps({"studies": studies}, indent=2) + "\n")


if __name__ == "__main__":
    main()
