"""Which coefficients a grid cannot tell apart, and what that would mean later."""

from __future__ import annotations

from itertools import groupby

from scaling_search.architecture.network import Network
from scaling_search.report import figures
from scaling_search.scaling.coefficients import Range, parse_phi
from scaling_search.scaling.scale import scale
from scaling_search.search.plan.study import Study

FAR = 7.0


def indistinct(study: Study, base: Network) -> list[str]:
    """Sentences, one per run of values that builds the same network at every phi of the grid. Empty when none does."""
    phis = parse_phi(study.grid.phi)
    found = []
    for name, text, symbol, dimension in (
        ("depths", study.grid.alpha, "α", "depth"),
        ("widths", study.grid.beta, "β", "width"),
        ("resolution", study.grid.gamma, "γ", "resolution"),
    ):
        values = list(Range.parse(text))

        def built(value: float, dimension: str = dimension) -> tuple[object, ...]:
            return tuple(_built(study, base, dimension, value, phi) for phi in phis)

        unchanged = tuple(_built(study, base, dimension, 1.0, phi) for phi in phis)
        for shape, run in groupby(values, key=built):
            same = list(run)
            span = f"{same[0]:g} to {same[-1]:g}" if len(same) > 1 else f"{same[0]:g}"
            if shape == unchanged and same[-1] > 1:
                found.append(f"{symbol} = {span}: the {name} stay the base's, rounding takes the change away")
            elif len(same) > 1:
                low, high = same[0] ** FAR, same[-1] ** FAR
                found.append(
                    f"{symbol} = {span}: all build the same {name}, yet at φ = {FAR:g} they would multiply "
                    f"{dimension} by {figures.factor(low)} to {figures.factor(high)}"
                )
    return found


def notes(study: Study, base: Network) -> list[str]:
    """The same with the ways out, as lines below a table."""
    same = indistinct(study, base)
    if not same:
        return []
    return [
        "What this grid cannot tell apart:",
        *same,
        f"Ways out: {ways_out(study)}.",
    ]


def ways_out(study: Study) -> str:
    """What a user can do about it."""
    ways = ["judge each triple at several φ (grid --phi 1,2)"]
    if study.rounding.depth == "ceil":
        ways.append('round depths to the nearest (rounding.depth = "round")')
    if study.rounding.divisor > 1:
        ways.append(f"a smaller width divisor than {study.rounding.divisor}")
    ways.append("a deeper or wider baseline or proxy")
    return "; ".join(ways)


def _built(study: Study, base: Network, dimension: str, value: float, phi: float) -> object:
    network = scale(base, **{dimension: value**phi}, rounding=study.rounding)
    match dimension:
        case "depth":
            return network.depths
        case "width":
            return network.model_copy(update={"name": base.name})
        case _:
            return network.resolution
