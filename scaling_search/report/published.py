"""The official EfficientNet table as published: figures of others, never measured here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from scaling_search.report import columns
from scaling_search.report.table import Row, Table

NOTES = (
    "φ is not the B index: B1-B7 use hand-picked coefficients, and φ = 1 of (1.2, 1.1, 1.15) builds what the"
    " official table calls B2.",
    "FLOPs are multiply-adds (MACs). Top-1 is on ImageNet: accuracies on another data set cannot be compared.",
)


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """An official network: coefficients, and figures as printed in the paper (None where it prints none)."""

    name: str
    depth: float
    width: float
    resolution: int
    dropout: float
    parameters_millions: float | None
    flops_billions: float | None
    top1_percent: float | None


@cache
def efficientnets() -> tuple[PublishedRow, ...]:
    """B0 to B7. Source: the packaged ``published.json``, which names its own."""
    return tuple(PublishedRow(**row) for row in _read()["rows"])


def source() -> str:
    """Where the figures were printed."""
    return str(_read()["source"])


def _read() -> Any:
    return json.loads(resources.files("scaling_search.report").joinpath("published.json").read_text("utf-8"))


def published_table() -> Table:
    """The official rows as a table of their own, in machine formats under names of their own."""
    official = efficientnets()
    layout = (
        columns.name("published_name", "Official network", identifies=True),
        columns.coefficient("depth_coefficient", "Depth ×", [row.depth for row in official]),
        columns.coefficient("width_coefficient", "Width ×", [row.width for row in official]),
        columns.integer("published_resolution", "Resolution (px)"),
        columns.general("published_parameters_millions", "Parameters (M)"),
        columns.general("published_flops_billions", "FLOPs (G)"),
        columns.coefficient("published_top1_percent", "Top-1 (%)", [row.top1_percent for row in official]),
        columns.hidden("dropout"),
    )
    rows = [
        Row(
            cells={
                "published_name": row.name,
                "depth_coefficient": row.depth,
                "width_coefficient": row.width,
                "published_resolution": row.resolution,
                "published_parameters_millions": row.parameters_millions,
                "published_flops_billions": row.flops_billions,
                "published_top1_percent": row.top1_percent,
                "dropout": row.dropout,
            }
        )
        for row in official
    ]
    return Table(
        name="published",
        title="EfficientNet on ImageNet as published (not measured here)",
        columns=layout,
        rows=tuple(rows),
        notes=(f"Source: {source()}.", *NOTES),
    )
