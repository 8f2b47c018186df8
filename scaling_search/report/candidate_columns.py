"""The columns that tables of candidates share, and a candidate's cells in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaling_search.report import columns
from scaling_search.report.rows import Candidate
from scaling_search.report.table import Column


def phi(candidates: Sequence[Candidate]) -> Column:
    """φ, which tells rows apart."""
    return columns.coefficient("phi", "φ", [candidate.phi for candidate in candidates], identifies=True)


def triple(candidates: Sequence[Candidate]) -> tuple[Column, Column, Column]:
    """α, β, γ, which tell rows apart."""
    return (
        columns.coefficient("alpha", "α", [candidate.alpha for candidate in candidates], identifies=True),
        columns.coefficient("beta", "β", [candidate.beta for candidate in candidates], identifies=True),
        columns.coefficient("gamma", "γ", [candidate.gamma for candidate in candidates], identifies=True),
    )


def costs(candidates: Sequence[Candidate]) -> tuple[Column, ...]:
    """What a candidate costs and is made of."""
    return (
        columns.millions("macs", "MACs", [candidate.macs for candidate in candidates]),
        columns.hidden("macs_ratio"),
        columns.decimal("macs_to_target", "MACs ratio", 3),
        columns.millions("parameters", "Parameters", [candidate.parameters for candidate in candidates]),
        columns.hidden("activations"),
        columns.hidden("memory"),
        columns.hidden("nominal_resolution"),
        columns.integer("resolution", "Resolution (px)"),
        columns.name("depth", "Depth", place="filled"),
        columns.name("width", "Width", place="filled"),
        columns.hidden("fingerprint"),
    )


def cells(candidate: Candidate) -> dict[str, Any]:
    """A candidate by the names of its columns."""
    built = candidate.realised
    return {
        **{name: value for name, value in vars(candidate).items() if name != "group"},
        "realised": None if built is None else dict(vars(built)),
        "macs_to_target": candidate.macs_to_target,
    }
