"""What a search is about and what came of it, as the ledger keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_search.architecture.network import Network, definition, fingerprint
from scaling_search.costs.count import Cost
from scaling_search.ledger.storage.rows import (
    CandidateRow,
    EvaluationRow,
    NetworkRow,
    Result,
    StudyRow,
    TrialRow,
    TripleRow,
)
from scaling_search.search.plan import caveats
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.budget import cost_at
from scaling_search.search.plan.builds import Build, factors
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.trial import provenance
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.data.dataset import Dataset
    from scaling_search.search.trial.trial import Trial
    from scaling_search.training.outcome import Evaluation, Outcome
    from scaling_search.training.recipe import Recipe


def trial_row(trial: Trial, recipe: Recipe, dataset: Dataset) -> TrialRow:
    """A trial as the ledger plans it; `recipe`: where it has none of its own."""
    return TrialRow.waiting(
        network=fingerprint(trial.network),
        network_name=trial.network.name,
        recipe=(trial.recipe or recipe).canonical(),
        dataset=dataset.fingerprint,
        dataset_name=dataset.name,
        seed=trial.seed,
        **_size(trial.network, trial.cost),
    )


def _size(network: Network, counted: Cost) -> dict[str, int]:
    names = ("parameters", "batch_stats", "macs", "activations")
    return {"resolution": network.resolution, **{name: getattr(counted, name) for name in names}}


def study_row(space: SearchSpace, *, name: str, dataset: str, created_at: str | None = None) -> StudyRow:
    """A study as the ledger keeps it; `dataset` is the fingerprint of data and split."""
    now = utc_now()
    return StudyRow(
        name=name,
        fingerprint=space.identity(dataset),
        toml=studies.write(space.study),
        # Its own name where the study has a file: a report is read where that path means nothing.
        baseline=space.baseline.name,
        full=fingerprint(space.baseline),
        base=fingerprint(space.base),
        dataset_name=space.study.dataset.name,
        dataset=dataset,
        recipe=space.recipe.canonical(),
        created_at=created_at or now,
        run_at=now,
    )


def network_row(network: Network, counted: Cost | None = None) -> NetworkRow:
    """A network as the ledger keeps it."""
    return NetworkRow(
        fingerprint=fingerprint(network),
        name=network.name,
        definition=definition(network),
        **_size(network, counted or cost_at(network, network.resolution)),
    )


def network_rows(networks: Iterable[Network]) -> list[NetworkRow]:
    """Networks, each once."""
    return list({row.fingerprint: row for row in map(network_row, networks)}.values())


def candidate_row(
    space: SearchSpace,
    study: str,
    role: str,
    build: Build,
    *,
    group: str | None = None,
    note: str | None = None,
) -> CandidateRow:
    """A candidate or a member as the ledger keeps it. `note` joins its remark."""
    built = factors(space.base, build.network)
    moved = caveats.grouped(
        build.network, space.base, build.triple.beta**build.phi, space.study.rounding.divisor
    )
    return CandidateRow(
        **_built(study, role, build),
        network_name=build.network.name,
        group=group or build.fingerprint,
        depth_factor=built.depth,
        width_factor=built.width,
        resolution_factor=built.resolution,
        depth="-".join(map(str, build.network.depths)),
        width="-".join(map(str, build.network.widths)),
        parameters=build.cost.parameters,
        activations=build.cost.activations,
        memory=round(space.meter.read("memory", build.network)),
        macs=build.cost.macs,
        reason="; ".join(filter(None, (build.remark, note, *moved))) or None,
    )


def triple_row(study: str, role: str, build: Build) -> TripleRow:
    """One triple at one φ, kept or dropped."""
    return TripleRow(**_built(study, role, build), reason=build.remark)


def _built(study: str, role: str, build: Build) -> dict[str, Any]:
    """What rows of candidates and of triples say alike."""
    return {
        "study": study,
        "role": role,
        "phi": build.phi,
        **asdict(build.triple),
        "network": build.fingerprint,
        "resolution": build.network.resolution,
        "nominal_resolution": build.nominal_resolution,
        "macs_ratio": build.macs_ratio,
        "status": build.status,
    }


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
        gradient_norm=outcome.epochs[-1].gradient_norm if outcome.epochs else None,
        dead_share=outcome.epochs[-1].dead_share if outcome.epochs else None,
        compile_seconds=outcome.compile_seconds,
        train_seconds=outcome.train_seconds,
        evaluate_seconds=outcome.evaluate_seconds,
        memory_bytes=outcome.memory_bytes,
        device=provenance.device(),
        arithmetic=provenance.arithmetic(),
        versions=provenance.versions(),
        commit=commit,
        dirty=dirty,
    )


def evaluation_row(trial_key: str, split: str, found: Evaluation) -> EvaluationRow:
    """A trial's network on a split; of the training images only the share that was right is kept."""
    bits = None if split == "train" else found.correct
    return EvaluationRow(
        trial_key=trial_key,
        split=split,
        accuracy=found.accuracy,
        loss=found.loss,
        correct=None if bits is None else np.packbits(bits).tobytes(),
        correct_count=len(found.correct),
    )
