"""The rows of a ledger, as its callers see them. Each field is named here only: the tables are made from these.

`None` means "not measured" (NULL in the database), never 0. Texts called JSON hold a JSON document; the ledger does not
look inside. `correct` holds one bit per image, 1 where the network was right, packed by `numpy.packbits`
(`correct_count` images, the last byte padded with zeros). Dates are UTC, ISO 8601, for people: nothing is decided by
them but which study is the newest. Rules (`rule`) are versions of how a figure was computed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, Literal

State = Literal["waiting", "running", "complete", "failed", "diverged"]
FINISHED: tuple[State, ...] = ("complete", "diverged")
GRID = "grid"  # the role of a search's own candidates; families have roles of their own
BASE = "base"  # that of the network at φ = 0
CHECK = "recipe check"  # a network with one of the recipes that a recipe check compares
TUNING = "tuning"  # a network with one of the rates that it was tried with
# Roles whose trials say how to train: no accuracy of a candidate or a member comes from them.
OF_RECIPES = (CHECK, TUNING)


def trial_key(*, network: str, recipe: str, dataset: str, seed: int) -> str:
    """SHA-256 (hex) of what decides a trial's result: network and data fingerprint, canonical recipe, seed."""
    content = {"format": 1, "network": network, "recipe": recipe, "dataset": dataset, "seed": seed}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRow:
    """A study: its name for people, its fingerprint for what decides its results, and its text as it was last run."""

    name: str
    fingerprint: str
    toml: str
    baseline: str  # name
    full: str  # fingerprint of the baseline on this data
    base: str  # fingerprint of the network at φ = 0
    dataset_name: str
    dataset: str  # fingerprint of the data and the split
    recipe: str  # canonical JSON
    created_at: str
    run_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkRow:
    """A network by its fingerprint; `definition` is the canonical JSON that was fingerprinted."""

    fingerprint: str
    name: str
    definition: str
    resolution: int
    parameters: int | None = None
    batch_stats: int | None = None
    macs: int | None = None
    activations: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetRow:
    """A data set and its split by their fingerprint, as far as figures rest on it. Lists are JSON, images in order."""

    fingerprint: str
    name: str
    classes: str  # JSON: names
    channels: int
    height: int | None
    width: int | None
    train_images: int
    validation_images: int
    test_images: int | None
    mean: str  # JSON: of each channel over the training images, 0 to 255
    std: str  # JSON: likewise
    validation_labels: str  # JSON: class numbers
    validation_groups: str | None = None  # JSON: group numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateRow:
    """A network that takes part in a study in some role. φ and triple are labels, None where it has none.

    `group` is shared by the networks, one for each φ of the grid, that are ranked as one. The triple is the one that
    represents the network; `TripleRow` has all that build it. `depth_factor` and the like are what was really built:
    blocks, cost-weighted width and side, each over the base's.
    """

    study: str
    role: str  # "grid", "base", "recipe check", "tuning", or that of a family
    network: str
    network_name: str
    group: str
    phi: float | None = None
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    nominal_resolution: float | None = None
    depth_factor: float | None = None
    width_factor: float | None = None
    resolution_factor: float | None = None
    depth: str | None = None
    width: str | None = None
    resolution: int | None = None
    parameters: int | None = None
    activations: int | None = None
    memory: int | None = None  # bytes of a training step, estimated
    macs: int | None = None
    macs_ratio: float | None = None  # to the base network's MACs
    status: str = "kept"  # "kept", "adjusted" (its resolution) or "not trained"
    reason: str | None = None
    recipe: str | None = None  # canonical JSON; None: the study's


@dataclass(frozen=True, kw_only=True, slots=True)
class TripleRow:
    """A triple at one φ, as a plan met it, and the network that it builds; dropped ones have a reason."""

    study: str
    role: str
    phi: float
    alpha: float
    beta: float
    gamma: float
    network: str | None = None
    resolution: int | None = None
    nominal_resolution: float | None = None
    macs_ratio: float | None = None
    status: str = "kept"  # "kept", "adjusted" or "dropped"
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilyRow:
    """A triple raised over φ by one rule: the role of its members, and how they were made."""

    study: str
    role: str
    alpha: float
    beta: float
    gamma: float
    network: str  # "proxy" or "full": what is scaled
    base: str  # name of the network that is scaled
    match: str  # "realised" or "nominal"
    factors: str  # "nominal" or "realised": what is raised to the power φ
    created_at: str


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
    gradient_norm: float | None = None  # at the end
    dead_share: float | None = None  # units that are 0 for every validation image of the last batch
    compile_seconds: float | None = None
    train_seconds: float | None = None
    evaluate_seconds: float | None = None
    memory_bytes: int | None = None
    device: str | None = None
    arithmetic: str | None = None  # kernels and their version, or the compiler's own operations
    versions: str | None = None  # JSON
    commit: str | None = None
    dirty: bool | None = None
    started_at: str | None = None
    finished_at: str | None = None
    failure: str | None = None

    @classmethod
    def waiting(cls, *, network: str, recipe: str, dataset: str, seed: int, **labels: Any) -> TrialRow:
        """A trial that nobody has begun, under its own key; `labels`: names and the network's costs."""
        key = trial_key(network=network, recipe=recipe, dataset=dataset, seed=seed)
        return cls(key=key, network=network, recipe=recipe, dataset=dataset, seed=seed, **labels)

    @property
    def own_key(self) -> str:
        """The key that its content belongs under."""
        return trial_key(network=self.network, recipe=self.recipe, dataset=self.dataset, seed=self.seed)

    def at_rest(self) -> TrialRow:
        """The row where nobody works on the trial: running, it waits."""
        return replace(self, state="waiting") if self.state == "running" else self


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a trial's worker hands in. A diverged trial's figures that are not finite are kept as None."""

    state: Literal["complete", "diverged"]
    accuracy: float | None = None
    loss: float | None = None
    epochs: str | None = None
    correct: bytes | None = None
    correct_count: int | None = None
    gradient_norm: float | None = None
    dead_share: float | None = None
    compile_seconds: float | None = None
    train_seconds: float | None = None
    evaluate_seconds: float | None = None
    memory_bytes: int | None = None
    device: str | None = None
    arithmetic: str | None = None
    versions: str | None = None
    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationRow:
    """A finished trial's network measured on another split, or on images of a user's."""

    trial_key: str
    split: str
    accuracy: float | None = None
    top5: float | None = None
    loss: float | None = None
    correct: bytes | None = None
    correct_count: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfusionRow:
    """How many images of one class an evaluation gave to another (or the same); pairs that never occur have no row."""

    trial_key: str
    split: str
    label: int
    predicted: int
    images: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsRow:
    """The weights that a trial was judged by, in a file named by its digest. Trained anew they may differ from a
    finished trial's, so they have an accuracy of their own.
    """

    trial_key: str
    sha256: str
    bytes: int
    accuracy: float | None = None
    loss: float | None = None
    created_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseRow:
    """Who may write a trial's result: the holder of the newest `number`. Kept after release, so numbers only grow."""

    trial_key: str
    number: int
    held: bool
    worker: str
    host: str
    pid: int
    process_start: float | None  # seconds after the machine's start
    beats: int
    beat_at: float | None  # the database server's clock in seconds; None where there is no server


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryRow:
    """How many rows a table has and the sum of their digests modulo 2^256: shows a row that has vanished."""

    table_name: str
    rows: int
    total: str
