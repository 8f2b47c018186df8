"""What a search is about, as the ledger keeps it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network, fingerprint
from scaling_search.baselines.load import load as load_network
from scaling_search.costs.count import Cost
from scaling_search.ledger.storage.rows import CandidateRow, NetworkRow, Result, StudyRow
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import Plan
from scaling_search.search.plan.study import Study
from scaling_search.search.trial import provenance
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.training.outcome import Outcome


# Decisions that belong to no round of a race; `scale` says its predictions in round 0.
SCREENING = -1
BEFORE_ALL = -2
# In place of a network's fingerprint, where a decision is about all of them.
WHOLE_STUDY = "*"


def record_plan(ledger: Ledger, study: Study, plans: Sequence[Plan], *, recipe: str, dataset: str) -> None:
    """The study, its networks and its candidates, dropped ones included, as the report will read them.

    Candidates that an earlier plan of the study had at other phi are no longer its own.
    """
    ledger.record_study(study_row(study, recipe=recipe, dataset=dataset))
    for plan in plans:
        for network, counted in [(plan.base, plan.base_cost)] + [
            (c.network, c.cost) for c in plan.candidates
        ]:
            ledger.record_network(network_row(network, counted))
    rows = [candidate_row(study.name, "grid", row) for plan in plans for row in plan.rows]
    ledger.record_candidates(study.name, rows, in_place_of="grid")


def study_row(study: Study, *, recipe: str, dataset: str) -> StudyRow:
    """A study as the ledger keeps it."""
    return StudyRow(
        name=study.name,
        toml=studies.write(study),
        # Its own name where the study has a file: a report is read where that path means nothing.
        baseline=load_network(study.baseline).name,
        dataset_name=study.dataset.name,
        created_at=utc_now(),
        recipe=recipe,
        dataset=dataset,
    )


def network_row(network: Network, counted: Cost) -> NetworkRow:
    """A network as the ledger keeps it."""
    return NetworkRow(
        fingerprint=fingerprint(network),
        name=network.name,
        toml=toml.write(network),
        resolution=network.resolution,
        parameters=counted.parameters,
        batch_stats=counted.batch_stats,
        macs=counted.macs,
        activations=counted.activations,
    )


def candidate_row(study: str, purpose: str, row: Candidate) -> CandidateRow:
    """A candidate as the ledger keeps it: one row per triple, each with the resolution that it asked for."""
    return CandidateRow(
        study=study,
        purpose=purpose,
        phi=row.phi,
        alpha=row.triple.alpha,
        beta=row.triple.beta,
        gamma=row.triple.gamma,
        network=row.fingerprint,
        network_name=row.network.name,
        depth="-".join(map(str, row.network.depths)),
        width="-".join(map(str, row.network.widths)),
        resolution=row.network.resolution,
        nominal_resolution=row.nominal_resolution,
        parameters=row.cost.parameters,
        macs=row.cost.macs,
        macs_ratio=row.macs_ratio,
        status=row.status,
        reason=row.remark,
    )


def result(outcome: Outcome) -> Result:
    """What was measured, on what and with what."""
    commit, dirty = provenance.commit()
    return Result(
        state=outcome.state,
        accuracy=outcome.accuracy,
        loss=outcome.loss,
        epochs=json.dumps([asdict(epoch) for epoch in outcome.epochs]),
        correct=None if outcome.correct is None else np.packbits(outcome.correct).tobytes(),
        correct_count=None if outcome.correct is None else len(outcome.correct),
        compile_seconds=outcome.compile_seconds,
        train_seconds=outcome.train_seconds,
        evaluate_seconds=outcome.evaluate_seconds,
        memory_bytes=outcome.memory_bytes,
        device=provenance.device(),
        versions=provenance.versions(),
        commit=commit,
        dirty=dirty,
    )
