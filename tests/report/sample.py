"""A small ledger's worth of rows, written out by hand, that every golden is made from."""

from __future__ import annotations

import dataclasses

from scaling_search.ledger.storage.rows import (
    CandidateRow,
    EvaluationRow,
    FamilyRow,
    StudyRow,
    TrialRow,
    TripleRow,
)
from scaling_search.report import collect
from scaling_search.report.rows import Assessment, FamilyReport, GridReport
from scaling_search.report.study import study_document
from scaling_search.report.table import Document, Interval

RECIPE, DATASET = '{"epochs":5}', "d" * 64
STUDY = StudyRow(
    name="digits",
    fingerprint="s" * 64,
    toml="",
    baseline="efficientnet-b0@32px",
    full="f" * 64,
    base="base",
    dataset_name="digits",
    dataset=DATASET,
    recipe=RECIPE,
    created_at="2026-01-01T00:00:00Z",
    run_at="2026-01-01T00:00:00Z",
)
FAMILY = FamilyRow(
    study="digits",
    role="scale",
    alpha=1.2,
    beta=1.1,
    gamma=1.15,
    network="proxy",
    base="efficientnet-b0@32px",
    match="realised",
    factors="nominal",
    created_at="2026-01-01T00:00:00Z",
)


def trial(network: str, seed: int, accuracy: float | None, **more: object) -> TrialRow:
    """A trial of the study; complete where it has an accuracy."""
    fields: dict[str, object] = {
        "key": f"{network}/{seed}",
        "network": network,
        "network_name": network,
        "recipe": RECIPE,
        "dataset": DATASET,
        "dataset_name": "digits",
        "seed": seed,
        "state": "waiting" if accuracy is None else "complete",
        "accuracy": accuracy,
    }
    return TrialRow(**(fields | more))  # type: ignore[arg-type]


def candidate(role: str, network: str, triple: tuple[float, float, float], **more: object) -> CandidateRow:
    """A candidate of the study at φ = 1."""
    fields: dict[str, object] = {
        "study": "digits",
        "role": role,
        "group": network,
        "phi": 1.0,
        "alpha": triple[0],
        "beta": triple[1],
        "gamma": triple[2],
        "network": network,
        "network_name": f"efficientnet-b0@32px@phi=1/{network}",
        "depth": "1-2-3",
        "width": "16-24-40",
        "status": "kept",
    }
    return CandidateRow(**(fields | more))  # type: ignore[arg-type]


def built(network: str | None, triple: tuple[float, float, float], **more: object) -> TripleRow:
    """A triple of the study's grid at φ = 1, and the network that it builds."""
    alpha, beta, gamma = triple
    fields = {"study": "digits", "role": "grid", "phi": 1.0, "network": network} | more
    return TripleRow(alpha=alpha, beta=beta, gamma=gamma, **fields)  # type: ignore[arg-type]


CANDIDATES = [
    candidate(
        "grid",
        "deep",
        (1.95, 1.0, 1.0),
        depth="2-4-6",
        resolution=32,
        parameters=201_344,
        macs=4_116_480,
        macs_ratio=1.956204379562044,
    ),
    candidate(
        "grid",
        "mixed",
        (1.2, 1.1, 1.15),
        depth="2-3-4",
        width="16-24-48",
        resolution=37,
        nominal_resolution=36.8,
        parameters=150_112,
        macs=4_301_230,
        macs_ratio=2.04400,
    ),
    candidate(
        "grid",
        "wide",
        (1.0, 1.4, 1.0),
        width="24-32-56",
        resolution=33,
        nominal_resolution=32.0,
        parameters=221_004,
        macs=4_000_111,
        macs_ratio=1.90090,
        status="adjusted",
        reason="resolution 32 → 33 px brings the MACs within 10 %",
    ),
    candidate(
        "grid",
        "sharp",
        (1.0, 1.0, 1.4),
        resolution=45,
        parameters=112_640,
        macs=4_210_000,
        macs_ratio=2.00065,
    ),
]
MEMBERS = [
    candidate(
        "scale",
        "base",
        (1.2, 1.1, 1.15),
        phi=0.0,
        network_name="efficientnet-b0@32px@phi=0",
        resolution=32,
        parameters=112_640,
        macs=2_104_320,
        macs_ratio=1.0,
    ),
    candidate(
        "scale",
        "mixed",
        (1.2, 1.1, 1.15),
        network_name="efficientnet-b0@32px@phi=1",
        depth="2-3-4",
        width="16-24-48",
        resolution=37,
        parameters=150_112,
        macs=4_301_230,
        macs_ratio=2.04400,
    ),
    candidate(
        "scale",
        "seven",
        (1.2, 1.1, 1.15),
        phi=7.0,
        network_name="efficientnet-b0@32px@phi=7",
        depth="4-8-11",
        width="32-48-80",
        resolution=85,
        parameters=612_345,
        macs=281_234_567,
        macs_ratio=133.646,
        status="not trained",
        reason="needs about 9.1 GiB, 7.6 GiB are free",
    ),
]
BASE = candidate(
    "base",
    "base",
    (1.0, 1.0, 1.0),
    phi=0.0,
    network_name="efficientnet-b0@32px",
    resolution=32,
    parameters=112_640,
    macs=2_104_320,
    macs_ratio=1.0,
)
TRIPLES = [
    *(
        built(row.network, (row.alpha or 1.0, row.beta or 1.0, row.gamma or 1.0), status=row.status)
        for row in CANDIDATES
    ),
    built("mixed", (1.25, 1.1, 1.15)),
    built(
        None,
        (1.9, 1.05, 1.0),
        resolution=32,
        nominal_resolution=32.0,
        macs_ratio=2.71,
        status="dropped",
        reason="MACs ratio 1.355: no resolution near 32 px brings it within 10 %",
    ),
]
TRIALS = [
    *(trial("base", seed, accuracy) for seed, accuracy in enumerate((0.9412, 0.9388, 0.9401))),
    *(trial("mixed", seed, accuracy) for seed, accuracy in enumerate((0.9712, 0.9688, 0.9731))),
    *(trial("deep", seed, accuracy) for seed, accuracy in enumerate((0.9702, 0.9661, 0.9690))),
    trial("wide", 0, 0.9312),
    trial("wide", 1, None, state="running"),
    trial("wide", 2, None),
    trial("sharp", 0, 0.9500),
    trial("sharp", 1, 0.9480),
    trial("sharp", 2, None, state="diverged", failure="loss is NaN in epoch 2"),
]
EVALUATIONS = [
    EvaluationRow(trial_key="base/0", split="test", accuracy=0.9321, correct_count=360),
    EvaluationRow(trial_key="base/1", split="test", accuracy=0.9299, correct_count=360),
    EvaluationRow(trial_key="mixed/0", split="test", accuracy=0.9654, correct_count=360),
]
ASSESSMENTS = {
    "mixed": Assessment(
        verdict="winner",
        interval=Interval(low=0.9580, high=0.9800),
        behind=Interval(value=0.0, low=0.0, high=0.0019),
    ),
    "deep": Assessment(
        verdict="in the set",
        interval=Interval(low=0.9550, high=0.9790),
        behind=Interval(value=0.0026, low=0.0, high=0.0071),
    ),
}


def grid() -> GridReport:
    """The search without statistics."""
    mine = [trial for trial in TRIALS if trial.network == "base"]
    base = collect.base_row(collect.candidate(BASE), mine)
    return collect.grid(STUDY, CANDIDATES, TRIPLES, TRIALS, base=base)


def judged() -> GridReport:
    """The search with verdicts."""
    report = collect.with_verdicts(
        grid(), ASSESSMENTS, level=0.95, notes=["α in (1.00, 1.25] builds the same depths."]
    )
    answer = (
        "Scale by (1.2, 1.1, 1.15): depth × 1.2, width × 1.1, resolution × 1.15 for twice the MACs.",
        "It is at most 0.19 points behind the best (at 95 %).",
        "Next: `scaling-search scale --phi 0..3`",
    )
    return dataclasses.replace(report, answer=answer)


def family() -> FamilyReport:
    """The family, φ = 1 predicted."""
    return collect.family(
        STUDY,
        FAMILY,
        MEMBERS,
        TRIALS,
        EVALUATIONS,
        predictions={"mixed": Interval(value=0.968, low=0.96, high=0.976)},
    )


def document() -> Document:
    """The whole report."""
    return study_document(grid=judged(), families=[family()])
