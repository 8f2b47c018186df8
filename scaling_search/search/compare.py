"""What networks cost, side by side and part by part, as documents to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.baselines.load import load
from scaling_search.costs.count import Cost, cost
from scaling_search.costs.layers import LayerRow, layers
from scaling_search.costs.memory import training_memory
from scaling_search.errors import UsageError, explain
from scaling_search.report import columns
from scaling_search.report.table import Document, Row, Table
from scaling_search.scaling.coefficients import Coefficients, parse_phi
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.rules import scale_by_rule
from scaling_search.scaling.scale import compound, scale

# The triple that Tan & Le 2019 found for EfficientNet-B0, section 4.
PAPER = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
# No network is built for images this small, and no factor is this large: a number from here on is in pixels.
PIXELS_FROM = 16


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What to do to a network before it is counted: one of the three ways, or none.

    phi (one or several, `parse_phi`) with coefficients, the paper's unless given; depth, width and resolution factors,
    where a resolution of 16 or more is in pixels; a rule with its factor (`scaling.rules`). Errors: UsageError when
    they are mixed.
    """

    phi: str | None = None
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    depth: float | None = None
    width: float | None = None
    resolution: float | None = None
    rule: str | None = None
    factor: float | None = None
    depth_rounding: str | None = None
    divisor: int | None = None

    def __post_init__(self) -> None:
        triple = [value is not None for value in (self.alpha, self.beta, self.gamma)]
        if any(triple) and (self.phi is None or not all(triple)):
            raise UsageError("--alpha, --beta and --gamma go together, and with --phi")
        if self.factor is not None and self.rule is None:
            raise UsageError("--factor goes with --rule")
        ways = [self.phi is not None, self._by_factors, self.rule is not None]
        if sum(ways) > 1:
            raise UsageError("choose one: --phi, or --depth --width --resolution, or --rule")
        if (self.depth_rounding or self.divisor) and not any(ways[:2]):
            raise UsageError("--depth-rounding and --divisor go with --phi or --depth --width --resolution")

    @property
    def _by_factors(self) -> bool:
        return any(value is not None for value in (self.depth, self.width, self.resolution))

    def apply(self, network: Network) -> list[Network]:
        """`network` scaled, once for each phi, and named after what was done to it."""
        if self.phi is not None:
            triple, rounding = self._coefficients(), self._rounding()
            return [compound(network, triple, phi=phi, rounding=rounding) for phi in parse_phi(self.phi)]
        if self.rule is not None:
            return [scale_by_rule(network, self.rule, self.factor)]
        return [self._scaled(network)] if self._by_factors else [network]

    def _coefficients(self) -> Coefficients:
        if self.alpha is None or self.beta is None or self.gamma is None:
            return PAPER
        return Coefficients(alpha=self.alpha, beta=self.beta, gamma=self.gamma)

    def _rounding(self) -> Rounding:
        given = {"depth": self.depth_rounding, "divisor": self.divisor}
        try:
            return Rounding.model_validate({key: value for key, value in given.items() if value is not None})
        except ValidationError as error:
            raise UsageError(str(explain(error, "rounding"))) from None

    def _scaled(self, network: Network) -> Network:
        depth, width, side = (
            1.0 if value is None else value for value in (self.depth, self.width, self.resolution)
        )
        resolution = side / network.resolution if side >= PIXELS_FROM else side
        label = "".join(
            f",{key}={value:g}" for key, value in (("d", depth), ("w", width), ("r", side)) if value != 1
        )
        return scale(
            network,
            depth=depth,
            width=width,
            resolution=resolution,
            rounding=self._rounding(),
            name=f"{network.name}@{label[1:]}" if label else network.name,
        )


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A network with what it costs; `parts` only where asked for, `training_bytes` where a batch size is given."""

    network: Network
    cost: Cost
    training_bytes: int | None
    parts: tuple[LayerRow, ...] | None

    def record(self) -> dict[str, Any]:
        """What `cost --json` prints of it."""
        network, counted = self.network, self.cost
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
            "training_bytes": self.training_bytes,
        }
        if self.parts is not None:
            whole["layers"] = [_layer_cells(row) for row in self.parts]
        return whole


def compare(
    names: Sequence[str], scaling: Scaling, *, by_part: bool = False, batch_size: int | None = None
) -> tuple[Counted, ...]:
    """Each network (a name or a file), scaled and counted, in this order."""
    return tuple(
        Counted(
            network=network,
            cost=cost(network),
            training_bytes=None
            if batch_size is None
            else training_memory(network, batch_size=batch_size).total,
            parts=layers(network) if by_part else None,
        )
        for name in names
        for network in scaling.apply(load(name))
    )


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
        columns.decimal("macs_ratio", "MACs / first", 3, place="filled"),
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
        columns.integer("receptive_field", "Field (px)"),
        *(columns.hidden(key) for key in ("height", "width", "channels", "batch_stats", "stride")),
    )
    return Table(
        name="layers",
        title=f"{network.name} at {network.resolution} px",
        columns=layout,
        rows=rows,
        notes=(
            "Shape: height x width x channels behind the part. Field: the receptive field, padding not cut off.",
        ),
    )
