"""Rows of a ledger, written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scaling_search.ledger.storage.rows import GRID, CandidateRow, TrialRow, TripleRow
from scaling_search.search.grid.candidates import RecordedCandidate, recorded_of


def candidate(
    network: str, alpha: float, phi: float = 1.0, *, group: str | None = None, **more: Any
) -> CandidateRow:
    """A network of the grid by the triple (alpha, 1, 1)."""
    return CandidateRow(
        study="s",
        role=GRID,
        network=network,
        network_name=network,
        group=group or network,
        phi=phi,
        alpha=alpha,
        beta=1.0,
        gamma=1.0,
        macs=100,
        **more,
    )


def triple(network: str, alpha: float, phi: float = 1.0, *, status: str = "kept") -> TripleRow:
    """A triple that builds it."""
    return TripleRow(
        study="s", role=GRID, phi=phi, alpha=alpha, beta=1.0, gamma=1.0, network=network, status=status
    )


def candidates(networks: Iterable[str]) -> tuple[RecordedCandidate, ...]:
    """Candidates of one network each."""
    rows = [candidate(name, 1 + at / 10) for at, name in enumerate(networks)]
    return recorded_of(rows, [triple(row.network, row.alpha or 1) for row in rows])


def trial(network: str, seed: int, right: int, state: str = "complete", images: int = 100) -> TrialRow:
    """A trial that got the first `right` of its images right."""
    correct = np.arange(images) < right
    done = state == "complete"
    return TrialRow(
        key=f"{network}{seed}",
        network=network,
        network_name=network,
        recipe="r",
        dataset="d",
        dataset_name="d",
        seed=seed,
        state=state,  # type: ignore[arg-type]
        accuracy=right / images if done else None,
        correct=np.packbits(correct).tobytes() if done else None,
        correct_count=images if done else None,
    )
