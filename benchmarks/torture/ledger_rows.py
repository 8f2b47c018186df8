"""Rows to fill ledgers with, each telling from its seed what it must hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scaling_search.ledger.claims.leases import Claim
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.reader import Reader
from scaling_search.ledger.storage.rows import (
    CandidateRow,
    DecisionRow,
    EvaluationRow,
    NetworkRow,
    Result,
    StudyRow,
    TrialRow,
)

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
        network = trial(0).network
        ledger.record_study(
            StudyRow(name="s", toml="x" * 1500, baseline="b", dataset_name="digits", created_at="now")
        )
        ledger.record_network(
            NetworkRow(fingerprint=network, name="n", toml="t" * 2500, resolution=32, macs=10**9)
        )
        labels = {"study": "s", "purpose": "grid", "phi": 1.0, "status": "kept", "network": network}
        ledger.record_candidates(
            "s", [CandidateRow(alpha=1 + i / 64, beta=1.1, gamma=1.15, **labels) for i in range(40)]
        )
        ledger.add_trials(trial(seed) for seed in range(trials))
        for seed in range(0, trials, 4):
            claim = begun(ledger, seed)
            ledger.finish(claim, result(seed))
            bits = result(seed).correct
            ledger.record_evaluation(
                EvaluationRow(trial_key=claim.key, split="test", accuracy=0.5, correct=bits)
            )
            decision = DecisionRow(
                study="s", round=seed, network=network, verdict="keep", statistic=0.1, created_at="now"
            )
            ledger.record_decisions([decision])
        return everything(ledger, trials)


def everything(ledger: Reader, trials: int = 60) -> Content:
    """All that a ledger says, read in every way there is."""
    keys = [trial(seed).key for seed in range(trials)]
    return {
        "studies": list(ledger.studies()),
        "networks": list(ledger.networks()),
        "network": [ledger.network(trial(0).network)],
        "candidates": list(ledger.candidates("s")),
        "decisions": list(ledger.decisions("s")),
        "trials": list(ledger.trials(with_correct=True)),
        "trials by key": list(ledger.trials(keys)),
        "trials of the study": list(ledger.trials(study="s")),
        "evaluations": list(ledger.evaluations(with_correct=True)),
    }
