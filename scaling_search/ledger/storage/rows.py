"""The rows of a ledger, as its callers see them. Each field is named here only: the tables are made from these.

`None` means "not measured" (NULL in the database), never 0. Texts called JSON hold a JSON document; the ledger does not
look inside. `correct` holds one bit per image, 1 where the network was right, packed by `numpy.packbits`
(`correct_count` images, the last byte padded with zeros).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

State = Literal["waiting", "running", "complete", "failed", "diverged"]
FINISHED: tuple[State, ...] = ("complete", "diverged")


def trial_key(*, network: str, recipe: str, dataset: str, seed: int) -> str:
    """SHA-256 (hex) of what decides a trial's result: network and dataset fingerprint, canonical recipe, seed."""
    return hashlib.sha256(json.dumps([network, recipe, dataset, seed]).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRow:
    """A study as it was last run. `recipe` and `dataset`, where given, say which trials are its own."""

    name: str
    toml: str
    baseline: str
    dataset_name: str
    created_at: str
    recipe: str | None = None
    dataset: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkRow:
    """A network by its fingerprint; `toml` is the canonical text that was fingerprinted."""

    fingerprint: str
    name: str
    toml: str
    resolution: int
    parameters: int | None = None
    batch_stats: int | None = None
    macs: int | None = None
    activations: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateRow:
    """A triple at one φ with the network it builds: a label, which decides no result."""

    study: str
    purpose: str  # "grid" or "scale"
    phi: float
    alpha: float
    beta: float
    gamma: float
    network: str | None = None
    network_name: str | None = None
    depth: str | None = None
    width: str | None = None
    resolution: int | None = None
    nominal_resolution: float | None = None
    parameters: int | None = None
    macs: int | None = None
    macs_ratio: float | None = None  # to the base network's MACs
    status: str  # "kept", "adjusted", "dropped" or "not trained"
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRow:
    """One network trained with one recipe on one dataset with one seed. `accuracy`, `loss`: validation split."""

    key: str
    network: str  # fingerprint
    network_name: str
    recipe: str  # canonical JSON
    dataset: str  # fingerprint
    dataset_name: str
    seed: int
    state: State = "waiting"
    attempts: int = (
        0  # begun since the last checkpoint; the running one counts, one stopped by its user does not
    )
    resolution: int | None = None
    parameters: int | None = None
    batch_stats: int | None = None
    macs: int | None = None
    activations: int | None = None
    accuracy: float | None = None
    loss: float | None = None
    epochs: str | None = None  # JSON: a list with one object per epoch
    correct: bytes | None = None  # None also where the reader did not ask for it
    correct_count: int | None = None
    compile_seconds: float | None = None
    train_seconds: float | None = None
    evaluate_seconds: float | None = None
    memory_bytes: int | None = None
    device: str | None = None
    versions: str | None = None  # JSON
    commit: str | None = None
    dirty: bool | None = None
    started_at: str | None = None  # UTC, ISO 8601; for people only, nothing is decided by it
    finished_at: str | None = None
    failure: str | None = None

    @classmethod
    def waiting(
        cls,
        *,
        network: str,
        network_name: str,
        recipe: str,
        dataset: str,
        dataset_name: str,
        seed: int,
        resolution: int | None = None,
        parameters: int | None = None,
        batch_stats: int | None = None,
        macs: int | None = None,
        activations: int | None = None,
    ) -> TrialRow:
        """A trial that nobody has begun, under its own key."""
        return cls(
            key=trial_key(network=network, recipe=recipe, dataset=dataset, seed=seed),
            network=network,
            network_name=network_name,
            recipe=recipe,
            dataset=dataset,
            dataset_name=dataset_name,
            seed=seed,
            resolution=resolution,
            parameters=parameters,
            batch_stats=batch_stats,
            macs=macs,
            activations=activations,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a trial's worker hands in. A diverged trial's figures that are not finite are kept as None."""

    state: Literal["complete", "diverged"]
    accuracy: float | None = None
    loss: float | None = None
    epochs: str | None = None
    correct: bytes | None = None
    correct_count: int | None = None
    compile_seconds: float | None = None
    train_seconds: float | None = None
    evaluate_seconds: float | None = None
    memory_bytes: int | None = None
    device: str | None = None
    versions: str | None = None
    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionRow:
    """What one round of a search decided about one network, and on what grounds."""

    study: str
    round: int
    network: str
    verdict: str
    statistic: float | None = None
    threshold: float | None = None
    detail: str | None = None  # JSON
    created_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationRow:
    """A finished trial's network measured on another split."""

    trial_key: str
    split: str
    accuracy: float | None = None
    loss: float | None = None
    correct: bytes | None = None
    correct_count: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseRow:
    """Who may write a trial's result: the holder of the newest `number`. Kept after release, so numbers only grow."""

    trial_key: str
    number: int
    held: bool
    worker: str
    host: str
    pid: int
    process_start: str | None  # seconds after the machine's start
    beats: int
    beat_at: float | None  # the database server's clock in seconds; None where there is no server


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryRow:
    """How many rows a table has and the sum of their digests modulo 2^256: shows a row that has vanished."""

    table_name: str
    rows: int
    total: str
