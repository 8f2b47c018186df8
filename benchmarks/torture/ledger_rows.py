"""Rows to fill ledgers with, each telling from its seed what it must hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scaling_search.ledger.claims.leases import Claim
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.reader import Reader
from scaling_search.ledger.storage.decision_rows import DecisionRow
from scaling_search.ledger.storage.rows import (
    CandidateRow,
    EvaluationRow,
    NetworkRow,
    Result,
    StudyRow,
    TrialRow,
)
from scaling_search.ledger.storage.schema import CANDIDATES, DECISIONS, NETWORKS, STUDIES

Content = dict[str, list[object]]


def trial(seed: int) -> TrialRow:
    return TrialRow.waiting(
        network=hashlib.sha256(b"network").hexdigest(),
        network_name="efficientnet-b0@phi=1",
        recipe='{"epochs": 5}',
        dataset=hashlib.sha256(b"data").hexdigest(),
        dataset_name="digits",
        seed=seed,
        macs=10**9,
    )


def result(seed: int, *, size: int = 1500) -> Result:
    """A result that only this seed can have."""
    bits = hashlib.shake_256(str(seed).encode()).digest(size)
    return Result(
        state="complete", accuracy=1 / (seed + 1), loss=float(seed), correct=bits, correct_count=8 * size
    )


def is_right(row: TrialRow, *, size: int = 1500) -> bool:
    """Whether a finished trial holds what its seed says; read with its bits."""
    expected = result(row.seed, size=size)
    return (row.accuracy, row.loss, row.correct) == (expected.accuracy, expected.loss, expected.correct)


def begun(ledger: Ledger, seed: int, worker: str = "w") -> Claim:
    """A trial in hand; it must be free."""
    claim = ledger.claim(trial(seed), worker)
    if claim is None:
        raise RuntimeError(f"trial {seed} cannot be begun: {ledger.trials([trial(seed).key])}")
    return claim


def fill(path: Path, trials: int = 60) -> Content:
    """A ledger with rows in every table, and what it holds."""
    with Ledger.open(path, wall=lambda: "2026-01-01T00:00:00+00:00") as ledger:
        now = "2026-01-01T00:00:00+00:00"
        study = StudyRow(
            name="s",
            fingerprint="s" * 64,
            toml="x" * 1500,
            baseline="b",
            full="f" * 64,
            base="b" * 64,
            dataset_name="digits",
            dataset=trial(0).dataset,
            recipe=trial(0).recipe,
            created_at=now,
            run_at=now,
        )
        network = NetworkRow(
            fingerprint=trial(0).network, name="n", definition="t" * 2500, resolution=32, macs=10**9
        )
        candidates = [
            CandidateRow(
                study="s",
                role="grid",
                network=network.fingerprint if i == 0 else f"{i:064x}",
                network_name="n",
                group=f"{i:064x}",
                phi=1.0,
                alpha=1 + i / 64,
                beta=1.1,
                gamma=1.15,
            )
            for i in range(40)
        ]
        ledger.record([study, network, *candidates])
        ledger.add_trials([trial(seed) for seed in range(trials)])
        for seed in range(0, trials, 4):
            claim = begun(ledger, seed)
            tested = EvaluationRow(
                trial_key=claim.key, split="test", accuracy=0.5, correct=result(seed).correct
            )
            ledger.finish(claim, result(seed), [tested])
            ledger.record([DecisionRow(study="s", round=seed, candidate="c", verdict="keep", statistic=0.1)])
        return everything(ledger, trials)


def everything(ledger: Reader, trials: int = 60) -> Content:
    """All that a ledger says, read in every way there is."""
    keys = [trial(seed).key for seed in range(trials)]
    return {
        "studies": list(ledger.rows(STUDIES)),
        "networks": list(ledger.rows(NETWORKS)),
        "network": [ledger.network(trial(0).network)],
        "candidates": list(ledger.rows(CANDIDATES, study="s")),
        "decisions": list(ledger.rows(DECISIONS, study="s")),
        "trials": list(ledger.trials(with_correct=True)),
        "trials by key": list(ledger.trials(keys)),
        "trials of the study": list(ledger.trials(study="s")),
        "evaluations": list(ledger.evaluations(with_correct=True)),
    }
