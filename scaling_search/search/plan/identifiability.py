"""Which coefficients a grid cannot tell apart, and what that would mean later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from scaling_search.architecture.network import Network
from scaling_search.report import figures
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.scaling.scale import scale
from scaling_search.search.plan.study import Study

_SYMBOLS = {"depth": "α", "width": "β", "resolution": "γ"}
_BUILT = {"depth": "depths", "width": "widths", "resolution": "resolution"}


@dataclass(frozen=True, kw_only=True)
class Alike:
    """A run of values of one coefficient that build the same at every φ of the grid; `unchanged`: the base itself.

    `far`: the largest φ that the study scales to.
    """

    dimension: str
    first: float
    last: float
    unchanged: bool
    far: float

    def __str__(self) -> str:
        symbol, built = _SYMBOLS[self.dimension], _BUILT[self.dimension]
        span = f"{self.first:g} to {self.last:g}" if self.last > self.first else f"{self.first:g}"
        if self.unchanged:
            verb = "stay" if built.endswith("s") else "stays"
            return f"{symbol} = {span}: the {built} {verb} the base's, rounding takes the change away"
        low, high = self.first**self.far, self.last**self.far
        return (
            f"{symbol} = {span}: all build the same {built}, yet at φ = {self.far:g} they would multiply "
            f"{self.dimension} by {figures.factor(low)} to {figures.factor(high)}"
        )


def parting(
    triple: Coefficients, built: Coefficients, phis: Sequence[float], *, raised: bool = False
) -> list[str]:
    """Where the powers of the triple and of what was built part by more than a tenth, at φ = 2 and at the largest φ.

    `raised`: it is what was built that is raised.
    """
    found = []
    for phi in sorted({2.0, max(phis, default=2.0)}):
        apart = [
            f"{dimension} {asked**phi:.2f} or {made**phi:.2f}"
            for dimension, asked, made in (
                ("depth", triple.alpha, built.alpha),
                ("width", triple.beta, built.beta),
                ("resolution", triple.gamma, built.gamma),
            )
            if abs(phi * (math.log(asked) - math.log(made))) > math.log(1.1)
        ]
        if apart:
            found.append(f"at φ = {phi:g}: {', '.join(apart)} times the base's")
    if not found:
        return []
    way = (
        "it is what was built that is raised" if raised else "scale --factors realised raises what was built"
    )
    return [
        f"As named, {triple}, and as built, ({built.alpha:.3g}, {built.beta:.3g}, {built.gamma:.3g}), part "
        f"{'; '.join(found)} ({way})."
    ]


def alike(study: Study, base: Network) -> list[Alike]:
    """The runs of values that the grid cannot tell apart; empty when it tells all apart."""
    grid, far = study.grid, max(1.0, *study.scale.phi)
    found = []
    for dimension, values in (("depth", grid.alpha), ("width", grid.beta), ("resolution", grid.gamma)):
        unchanged = _built(study, base, dimension, 1.0)
        for shape, run in groupby(values, key=lambda value, d=dimension: _built(study, base, d, value)):  # type: ignore[misc]
            same = list(run)
            nothing = shape == unchanged and same[-1] > 1
            if nothing or len(same) > 1:
                found.append(
                    Alike(dimension=dimension, first=same[0], last=same[-1], unchanged=nothing, far=far)
                )
    return found


def notes(study: Study, base: Network) -> list[str]:
    """The same with the ways out, as lines below a table."""
    same = alike(study, base)
    return (
        [f"What this grid cannot tell apart: {'; '.join(map(str, same))}. {ways_out(study, same)}"]
        if same
        else []
    )


def ways_out(study: Study, same: Sequence[Alike]) -> str:
    """What a user can do about it."""
    rounding, dimensions = study.rounding, {one.dimension for one in same}
    ways = ["compare each triple at several φ (grid --phi 1,2)"]
    if "depth" in dimensions and rounding.depth == "ceil":
        ways.append('round depths to the nearest (rounding.depth = "round")')
    if "width" in dimensions and rounding.divisor > 1:
        ways.append(f"a smaller width divisor than {rounding.divisor}")
    if "resolution" in dimensions and rounding.resolution_step > 1:
        ways.append(f"a smaller resolution step than {rounding.resolution_step}")
    larger = {"depth": "deeper", "width": "wider", "resolution": "larger"}
    ways.append(
        f"a {' or '.join(word for name, word in larger.items() if name in dimensions)} baseline or proxy"
    )
    return f"Ways out: {'; '.join(ways)}."


def _built(study: Study, base: Network, dimension: str, value: float) -> tuple[object, ...]:
    """What one coefficient makes of the base at every φ."""
    networks = [scale(base, **{dimension: value**phi}, rounding=study.rounding) for phi in study.grid.phi]
    match dimension:
        case "depth":
            return tuple(network.depths for network in networks)
        case "width":
            return tuple(network.model_copy(update={"name": base.name}) for network in networks)
        case _:
            return tuple(network.resolution for network in networks)
