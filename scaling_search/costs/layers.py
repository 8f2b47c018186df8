"""What each part of a network costs: one row per stem, stage and head."""

from __future__ import annotations

from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.architecture.operations import Shape
from scaling_search.costs.count import costs_by_part
from scaling_search.costs.receptive_field import Field, receptive_field


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One part. `depth` is None for stem and head; `shape` is (height, width, channels) behind the part.

    `receptive_field` is in pixels of the image, `stride` the pixels between neighbours of its map.
    """

    part: str
    block: str
    depth: int | None
    shape: Shape
    parameters: int
    batch_stats: int
    macs: int
    activations: int
    receptive_field: int
    stride: int


def layers(network: Network) -> tuple[LayerRow, ...]:
    """Stem, stages and head in order; the figures add up to the network's."""
    depths = (*[None] * (network.stem is not None), *network.depths, None)
    rows, field = [], Field()
    for (part, cost), depth in zip(costs_by_part(network), depths, strict=True):
        field = receptive_field(part.operation, part.inputs, field)
        rows.append(
            LayerRow(
                part=part.label,
                block=part.block,
                depth=depth,
                shape=part.outputs,
                parameters=cost.parameters,
                batch_stats=cost.batch_stats,
                macs=cost.macs,
                activations=cost.activations,
                receptive_field=field.size,
                stride=field.jump,
            )
        )
    return tuple(rows)
