"""What a triple builds at one φ, adjusted so that its cost fits the budget, and measured against the limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.count import Cost, costs_by_part
from scaling_search.export.transfer import Transfer, transfer
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.scaling.scale import scale, scale_network
from scaling_search.search.plan.budget import QUANTITIES, cost_at
from scaling_search.search.plan.match import nearest
from scaling_search.search.plan.search_space import SearchSpace

# Pixels a side; a network that needs more to cost enough is not adjusted.
LARGEST = 8192
# Where the resolution is fixed, widths are adjusted by factors of 2^(1/64), up to twice or half.
_WIDTH_STEPS = 64


@dataclass(frozen=True, kw_only=True)
class Factors:
    """By how much depth, width and resolution were really multiplied: blocks, cost-weighted width, side."""

    depth: float
    width: float
    resolution: float

    def distance(self, triple: Coefficients, phi: float) -> float:
        """How far they are from what the triple asks for at φ, in logarithms (Euclidean)."""
        asked = (triple.alpha, triple.beta, triple.gamma)
        built = (self.depth, self.width, self.resolution)
        return math.hypot(*(math.log(b) - phi * math.log(a) for a, b in zip(asked, built, strict=True)))


@dataclass(frozen=True, kw_only=True)
class Build:
    """The network of one triple at one φ.

    `nominal_resolution` is the exact base * γ^φ. `status`: kept, adjusted (its resolution, or its widths where the
    resolution is fixed), dropped or not trained; `reason` says why. `amount` is what the budget counts of it. `start`:
    how much of given weights it begins with, where training starts from any.
    """

    phi: float
    triple: Coefficients
    network: Network
    fingerprint: str
    cost: Cost
    macs_ratio: float
    budget: str
    amount: float
    amount_ratio: float
    nominal_resolution: float
    status: str = "kept"
    reason: str | None = None
    start: Transfer | None = None

    @property
    def remark(self) -> str | None:
        """What a table says of it: the reason, what it has of a budget other than MACs, and of given weights."""
        has = f"{self.amount_ratio:.2f} x the base's {QUANTITIES[self.budget].words}"
        begins = None if self.start is None else str(self.start)
        said = (None if self.budget == "macs" else has, self.reason, begins)
        return "; ".join(filter(None, said)) or None


def build(space: SearchSpace, triple: Coefficients, phi: float) -> Build:
    """What `triple` builds at `phi`, as it stands."""
    network = scale_network(space.base, triple, phi=phi, rounding=space.study.rounding)
    return Build(
        phi=phi,
        triple=triple,
        **_measured(space, network),
        budget=space.budget.name,
        nominal_resolution=space.base.resolution * triple.gamma**phi,
    )


def base_build(space: SearchSpace) -> Build:
    """The network at φ = 0, as it is."""
    return Build(
        phi=0.0,
        triple=Coefficients(alpha=1.0, beta=1.0, gamma=1.0),
        **_measured(space, space.base),
        budget=space.budget.name,
        nominal_resolution=space.base.resolution,
    )


def _measured(space: SearchSpace, network: Network) -> dict[str, Any]:
    """The fields that the network decides."""
    counted = cost_at(network, network.resolution)
    amount = space.meter.read(space.budget.name, network)
    return {
        "network": network,
        "fingerprint": fingerprint(network),
        "cost": counted,
        "macs_ratio": counted.macs / space.base_cost.macs,
        "amount": amount,
        "amount_ratio": amount / space.base_amount,
        "start": None if space.source is None else transfer(space.source, network),
    }


def at_resolution(space: SearchSpace, row: Build, side: int, reason: str) -> Build:
    """The build, its resolution adjusted to `side`."""
    network = row.network.model_copy(update={"resolution": side})
    return replace(row, **_measured(space, network), status="adjusted", reason=reason)


def matched(
    space: SearchSpace, row: Build, *, target: float | None = None, lowest: int | None = None
) -> Build:
    """The build, its resolution adjusted so that its cost fits the budget, or `target`; dropped where none does.

    A study whose only γ is 1 has fixed the resolution: then the widths are adjusted. Where its only β is 1, too,
    nothing is: the candidates are as deep as the triples say, or none.
    """
    if row.phi == 0:
        return row
    target = space.target(row.phi) if target is None else target
    if space.study.grid.gamma == (1.0,):
        if space.study.grid.beta == (1.0,):
            return held(space, row, target, "widths and resolution are fixed (β = γ = 1)")
        return matched_by_width(space, row, target)
    start, step = row.network.resolution, space.study.rounding.resolution_step

    def at(steps: int) -> Network:
        return row.network.model_copy(update={"resolution": start + steps * step})

    lowest = lowest or (space.base.resolution if row.phi >= 0 else step)
    # Every resolution that is timed is compiled first.
    highest = 2 * start if space.budget.name == "latency" else LARGEST
    found = nearest(
        lambda steps: space.meter.read(space.budget.name, at(steps)),
        target=target,
        tolerance=space.study.grid.macs_tolerance,
        down=max(0, (start - lowest) // step),
        up=max(0, (highest - start) // step),
        say=lambda steps: f"{start + steps * step} px",
    )
    if found.steps is None:
        return replace(row, status="dropped", reason=found.reason)
    if found.steps == 0:
        return row
    side = start + found.steps * step
    return at_resolution(space, row, side, f"resolution adjusted from {start} to {side} px")


def held(space: SearchSpace, row: Build, target: float, why: str) -> Build:
    """The build as it stands, dropped where its cost misses the target; `why` it is not adjusted."""
    ratio = row.amount / target
    if abs(ratio - 1) <= space.study.grid.macs_tolerance:
        return row
    return replace(row, status="dropped", reason=f"{ratio:.2f} x the target; {why}")


def matched_by_width(space: SearchSpace, row: Build, target: float) -> Build:
    """The build, its widths adjusted so that its cost fits the target; dropped where none does."""
    triple, rounding = row.triple, space.study.rounding

    def at(steps: int) -> Network:
        return scale(
            space.base,
            depth=triple.alpha**row.phi,
            width=triple.beta**row.phi * 2 ** (steps / _WIDTH_STEPS),
            rounding=rounding,
            name=row.network.name,
        )

    found = nearest(
        lambda steps: space.meter.read(space.budget.name, at(steps) if steps else row.network),
        target=target,
        tolerance=space.study.grid.macs_tolerance,
        down=_WIDTH_STEPS,
        up=_WIDTH_STEPS,
        say=lambda steps: f"{2 ** (steps / _WIDTH_STEPS):.2f} x its widths",
    )
    if found.steps is None:
        return replace(row, status="dropped", reason=f"{found.reason}; the resolution is fixed (γ = 1)")
    if found.steps == 0:
        return row
    factor = 2 ** (found.steps / _WIDTH_STEPS)
    reason = f"widths adjusted by {factor:.2f}, the resolution is fixed (γ = 1)"
    return replace(row, **_measured(space, at(found.steps)), status="adjusted", reason=reason)


def limited(space: SearchSpace, row: Build) -> Build:
    """The build, dropped if it exceeds one of the study's limits."""
    over = None if row.status == "dropped" else space.meter.over(row.network)
    return row if over is None else replace(row, status="dropped", reason=over)


def factors(base: Network, network: Network) -> Factors:
    """What was really built of `base`: total blocks, mean of the stages' widths weighted by the base's MACs, side."""
    widths = [after / before for before, after in zip(base.widths, network.widths, strict=True)]
    shares = _stage_macs(base)
    total = sum(shares) or 1
    return Factors(
        depth=sum(network.depths) / sum(base.depths),
        width=sum(share * width for share, width in zip(shares, widths, strict=True)) / total,
        resolution=network.resolution / base.resolution,
    )


@lru_cache(maxsize=64)
def _stage_macs(network: Network) -> tuple[int, ...]:
    return tuple(counted.macs for part, counted in costs_by_part(network) if part.label.startswith("stage"))


def vanished(triple: Coefficients, built: Factors) -> str | None:
    """Which coefficients rounding took away; None where each that is not 1 changes something."""
    asked = zip(("α", "β", "γ"), (triple.alpha, triple.beta, triple.gamma), strict=True)
    made = (built.depth, built.width, built.resolution)
    lost = [
        f"{name} = {value:g}"
        for (name, value), factor in zip(asked, made, strict=True)
        if value != 1 and abs(factor - 1) < 1e-9
    ]
    return f"rounding takes {' and '.join(lost)} away" if lost else None
