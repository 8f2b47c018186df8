"""The official EfficientNet table as published: figures of others, never measured here."""

from __future__ import annotations

import json
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


@cache
def published() -> Any:
    """The packaged ``published.json``: its ``source``, and ``rows`` for B0 to B7 as the columns name them.

    Figures are as printed in the paper: parameters in millions, FLOPs in billions, top-1 in per cent.
    """
    return json.loads(resources.files("scaling_search.report").joinpath("published.json").read_text("utf-8"))


def published_table() -> Table:
    """The official rows as a table of their own, in machine formats under names of their own."""
    rows = published()["rows"]
    layout = (
        columns.name("published_name", "Official network", identifies=True),
        columns.coefficient("depth_coefficient", "Depth ×", [row["depth_coefficient"] for row in rows]),
        columns.coefficient("width_coefficient", "Width ×", [row["width_coefficient"] for row in rows]),
        columns.integer("published_resolution", "Resolution (px)"),
        columns.general("published_parameters_millions", "Parameters (M)"),
        columns.general("published_flops_billions", "FLOPs (G)"),
        columns.coefficient(
            "published_top1_percent", "Top-1 (%)", [row["published_top1_percent"] for row in rows]
        ),
        columns.hidden("dropout"),
    )
    return Table(
        name="published",
        title="EfficientNet on ImageNet as published (not measured here)",
        columns=layout,
        rows=tuple(Row(cells=row) for row in rows),
        notes=(f"Source: {published()['source']}.", *NOTES),
    )
