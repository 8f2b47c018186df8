"""Reports 10,000 trials in every format; prints the processor's seconds for the slowest and what heavy was loaded."""

from __future__ import annotations

import sys
import time

from scaling_search.ledger.storage.rows import CandidateRow, StudyRow, TrialRow
from scaling_search.report import collect
from scaling_search.report.render import FORMATS, render
from scaling_search.report.study import study_document

NETWORKS, SEEDS = 2000, 5

study = StudyRow(
    name="s",
    fingerprint="s",
    toml="",
    baseline="b",
    full="f",
    base="b",
    dataset_name="d",
    dataset="x",
    recipe="{}",
    created_at="",
    run_at="",
)
trials = [
    TrialRow(
        key=f"{network}/{seed}",
        network=str(network),
        network_name=str(network),
        recipe="{}",
        dataset="x",
        dataset_name="d",
        seed=seed,
        state="complete",
        accuracy=0.5 + network / 10_000 + seed / 1000,
    )
    for network in range(NETWORKS)
    for seed in range(SEEDS)
]
candidates = [
    CandidateRow(
        study="s",
        role="grid",
        group=str(network),
        phi=1.0,
        alpha=1 + network / NETWORKS,
        beta=1.0,
        gamma=1.0,
        network=str(network),
        network_name=f"network-{network}",
        depth="1-2-2-3-3-4-1",
        width="32-16-24-40-80-112-192-320-1280",
        resolution=32,
        parameters=1_000_000 + network,
        macs=2_000_000 + network,
        macs_ratio=2.0,
        status="kept",
    )
    for network in range(NETWORKS)
]
if __name__ == "__main__":
    slowest = 0.0
    for form in FORMATS:
        start = time.process_time()
        render(study_document(grid=collect.grid(study, candidates, [], trials)), form)
        slowest = max(slowest, time.process_time() - start)
    heavy = {
        "jax",
        "flax",
        "optax",
        "sklearn",
        "scipy",
        "pandas",
        "numpy",
        "sqlalchemy",
        "tensorflow_datasets",
    }
    sys.stdout.write(f"{slowest:.3f}\n{' '.join(sorted(heavy & sys.modules.keys()))}\n")
