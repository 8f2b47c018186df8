"""The columns that tables of candidates share, and a candidate's cells in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaling_search.report import columns
from scaling_search.report.rows import Candidate, GridRow, MemberRow
from scaling_search.report.table import Column, Parts


def phi(candidates: Sequence[Candidate]) -> Column:
    """φ, which tells rows apart."""
    return columns.coefficient("phi", "φ", [candidate.phi for candidate in candidates], identifies=True)


def triple() -> Column:
    """(α, β, γ), which tells rows apart."""
    return Column(
        key="triple",
        title="(α, β, γ)",
        show=lambda cell: "(" + ", ".join(f"{value:.4g}" for value in cell.parts) + ")",
        align="left",
        fields=("alpha", "beta", "gamma"),
        identifies=True,
    )


def realised() -> Column:
    """By how much depth, width and resolution were really multiplied."""
    return Column(
        key="realised",
        title="Built: d × w × r",
        show=lambda cell: " × ".join(f"{value:.3g}" for value in cell.values()),
        align="left",
        csv_fields=("depth_factor", "width_factor", "resolution_factor"),
        place="filled",
    )


_ELSEWHERE = ("candidate", "group", "alpha", "beta", "gamma")  # no columns of their own


def costs(candidates: Sequence[Candidate], *, macs: bool) -> tuple[Column, ...]:
    """What a candidate costs and is made of."""
    return (
        columns.decimal("macs_to_target", "MACs ÷ target", 3, place="details"),
        columns.millions(
            "macs",
            "MACs",
            [candidate.macs for candidate in candidates],
            place="always" if macs else "details",
        ),
        columns.hidden("macs_ratio"),
        columns.millions(
            "parameters", "Parameters", [candidate.parameters for candidate in candidates], place="details"
        ),
        columns.hidden("activations"),
        columns.hidden("memory"),
        columns.hidden("nominal_resolution"),
        columns.integer("resolution", "Resolution (px)", place="details"),
        columns.name("depth", "Depth", place="details"),
        columns.name("width", "Width", place="details"),
        columns.hidden("fingerprint"),
    )


def cells(row: GridRow | MemberRow) -> dict[str, Any]:
    """A row and its candidate by the names of their columns."""
    candidate = row.candidate
    built = candidate.realised
    labels = (candidate.alpha, candidate.beta, candidate.gamma)
    return {
        **{key: value for key, value in (vars(candidate) | vars(row)).items() if key not in _ELSEWHERE},
        "triple": None if None in labels else Parts(labels),
        "realised": None if built is None else dict(vars(built)),
        "macs_to_target": candidate.macs_to_target,
        "states": dict(vars(row.states)),
    }
