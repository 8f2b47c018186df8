"""What networks cost, side by side and part by part, as documents to print."""

from __future__ import annotations

from typing import Any

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.layers import LayerRow
from scaling_search.report import columns
from scaling_search.report.table import Document, Row, Table
from scaling_search.search.audit.network_costs import Counted


def record(found: Counted) -> dict[str, Any]:
    """What `cost --json` prints of it."""
    network, counted = found.network, found.cost
    whole: dict[str, Any] = {
        "name": network.name,
        "resolution": network.resolution,
        "parameters": counted.parameters,
        "batch_stats": counted.batch_stats,
        "macs": counted.macs,
        "activations": counted.activations,
        "depth": list(network.depths),
        "width": list(network.widths),
        "fingerprint": fingerprint(network),
        "training_bytes": found.training_bytes,
    }
    if found.parts is not None:
        whole["layers"] = [_layer_cells(row) for row in found.parts]
    return whole


def document(found: tuple[Counted, ...]) -> Document:
    """One row per network beside the first, then a table of parts for each network that has them."""
    parts = tuple(_parts(row.network, row.parts) for row in found if row.parts is not None)
    return Document(title="", tables=(_side_by_side(found), *parts))


def _side_by_side(found: tuple[Counted, ...]) -> Table:
    first = found[0].cost.macs
    rows = tuple(
        Row(
            cells={
                "name": row.network.name,
                "resolution": row.network.resolution,
                "parameters": row.cost.parameters,
                "batch_stats": row.cost.batch_stats,
                "macs": row.cost.macs,
                "macs_ratio": row.cost.macs / first if len(found) > 1 else None,
                "activations": row.cost.activations,
                "training_bytes": row.training_bytes,
            }
        )
        for row in found
    )
    layout = (
        columns.name("name", "Network", identifies=True),
        columns.integer("resolution", "Size (px)"),
        columns.integer("parameters", "Parameters"),
        columns.hidden("batch_stats"),
        columns.integer("macs", "MACs"),
        columns.decimal("macs_ratio", "MACs ÷ first", 3, place="filled"),
        columns.integer("activations", "Activations"),
        columns.size("training_bytes", "Training memory", place="filled"),
    )
    notes = ("MACs are multiply-adds (what papers call FLOPs) for one image.",)
    return Table(name="networks", title="", columns=layout, rows=rows, notes=notes)


def _layer_cells(row: LayerRow) -> dict[str, Any]:
    height, width, channels = row.shape
    return {
        "part": row.part,
        "block": row.block,
        "depth": row.depth,
        "height": height,
        "width": width,
        "channels": channels,
        "parameters": row.parameters,
        "batch_stats": row.batch_stats,
        "macs": row.macs,
        "activations": row.activations,
        "receptive_field": row.receptive_field,
        "stride": row.stride,
    }


def _parts(network: Network, found: tuple[LayerRow, ...]) -> Table:
    rows = tuple(Row(cells=_layer_cells(row) | {"shape": "x".join(map(str, row.shape))}) for row in found)
    layout = (
        columns.name("part", "Part", identifies=True),
        columns.name("block", "Block"),
        columns.integer("depth", "Depth"),
        columns.name("shape", "Shape"),
        columns.integer("parameters", "Parameters"),
        columns.millions("macs", "MACs", [row.macs for row in found]),
        columns.integer("activations", "Activations"),
        columns.integer("receptive_field", "Recept. field (px)"),
        *(columns.hidden(key) for key in ("height", "width", "channels", "batch_stats", "stride")),
    )
    return Table(
        name="layers",
        title=f"{network.name} at {network.resolution} px",
        columns=layout,
        rows=rows,
        notes=(
            "Shape: height x width x channels after the part. Receptive fields: padding not cut off. A bias counts one "
            "MAC for each output.",
        ),
    )
