"""Rows of a ledger as tests need them: what does not matter is filled in."""

from __future__ import annotations

from typing import Any

from scaling_search.ledger.storage.rows import CandidateRow, NetworkRow, StudyRow


def study(name: str = "s", **more: Any) -> StudyRow:
    """A study of the data set and the recipe that `trial` has."""
    fields = {
        "fingerprint": name,
        "toml": "[x]",
        "baseline": "b",
        "full": "f",
        "base": "b",
        "dataset_name": "digits",
        "dataset": "d" * 64,
        "recipe": "{}",
        "created_at": "2020-01-01T00:00:00+00:00",
        "run_at": "2020-01-01T00:00:00+00:00",
    }
    return StudyRow(name=name, **(fields | more))


def network(fingerprint: str = "f" * 64, **more: Any) -> NetworkRow:
    """A network of five MACs."""
    fields = {"name": "n", "definition": "{}", "resolution": 32, "macs": 5}
    return NetworkRow(fingerprint=fingerprint, **(fields | more))


def candidate(network: str = "f" * 64, **more: Any) -> CandidateRow:
    """A candidate of study "s"."""
    fields = {"study": "s", "role": "grid", "network_name": "n", "group": network, "phi": 1.0, "alpha": 1.0}
    return CandidateRow(network=network, **(fields | more))
