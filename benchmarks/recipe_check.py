"""`make recipe-check`: what the committed studies show of their recipes. Trains nothing.

Reads the ledgers exported beside each study (experiments/NAME/ledger.db), checks every digest, and counts anew:
interactions, families, steps from member to member. Start losses and gradients are computed (benchmarks.start).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.start import gradient_norm, start_loss
from scaling_search.architecture.network import Network, from_definition
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.reader import Reader
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage.rows import FamilyRow, StudyRow
from scaling_search.ledger.storage.schema import STUDIES, TRIPLES
from scaling_search.report.rows import StepRow
from scaling_search.report.table import Estimate
from scaling_search.search.family import results
from scaling_search.search.grid.families import families as families_of
from scaling_search.search.grid.ledger_results import settings_of
from scaling_search.search.recipe_check.analysis import read_check
from scaling_search.search.trial.setup import prepared_data
from scaling_search.training import recipe as recipes

ROOT = Path(__file__).parents[1]
# The members whose start is looked at, from the smallest; gradients are means over seeds, which scatter by a fifth.
STARTS = (0.0, 1.0, 2.0, 3.0, 4.0)
SEEDS = range(5)


def study_record(ledger: Reader, row: StudyRow) -> dict[str, Any]:
    """All figures of one study; None where the ledger has nothing to count them from."""
    families = families_of(ledger, row.name)
    members = family_record(ledger, row, families[0]) if families else []
    steps: list[StepRow] = [one["step"] for one in members if one["step"] is not None]
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
        "falls": sum(step.difference.high < 0 for step in steps),
        "falls_underfit": sum(step.difference.high < 0 and step.training_fell is True for step in steps),
        "steps_undecided": sum(step.difference.low <= 0 <= step.difference.high for step in steps),
    }


def family_record(ledger: Reader, row: StudyRow, family: FamilyRow) -> list[dict[str, Any]]:
    """The trained members by rising φ: mean accuracies, and the paired step from the one before on the test images.

    `half_width`: of that step; None of the first.
    """
    report, _ = results.report_of(ledger, row, family)
    steps = {step.to_phi: step for step in report.steps if step.split == "test"}
    return [
        {
            "phi": one.candidate.phi,
            "train_mean": mean(one.training),
            "validation_mean": mean(one.accuracy),
            "test_mean": mean(one.test),
            "half_width": None if step is None else (step.difference.high - step.difference.low) / 2,
            "step": step,
        }
        for one in report.rows
        if one.accuracy is not None
        for step in [steps.get(one.candidate.phi or 0.0)]
    ]


def mean(found: Estimate | None) -> float | None:
    """None where nothing was measured."""
    return None if found is None else found.mean


def start_record(ledger: Reader, row: StudyRow, family: FamilyRow) -> dict[str, float]:
    """The largest start loss over ln(classes) of the members at φ = 0 to 4; and the gradient's norm after ten steps of
    the last of them over the first's (means of five seeds), or the inverse where that is larger.

    Nothing where the study's data are not prepared on this machine.
    """
    recipe = recipes.parse(row.recipe)
    settings = settings_of(row)
    try:
        dataset = prepared_data(settings)
    except InputError:
        # A folder of somebody's images, of which this machine knows nothing.
        return {}
    if dataset is None or dataset.fingerprint != row.dataset:
        return {}
    networks: list[Network] = []
    triples = ledger.rows(TRIPLES, study=row.name, role=family.role)
    for one in sorted(triples, key=lambda one: one.phi):
        known = None if one.network is None else ledger.network(one.network)
        if one.phi in STARTS and known is not None:
            networks.append(from_definition(known.definition, name=known.name))
    if not networks:
        return {}
    losses = [start_loss(network, dataset, recipe.init) for network in networks]
    norms = [gradient_norm(network, dataset, recipe, seeds=SEEDS) for network in (networks[0], networks[-1])]
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
