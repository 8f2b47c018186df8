"""One network made deeper, wider, and read at another resolution."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from scaling_search.architecture.network import Network
from scaling_search.errors import UsageError
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.scaling.rounding import Rounding, round_depth, round_resolution, round_width

PAPER = Rounding()


def scale(
    network: Network,
    *,
    depth: float = 1.0,
    width: float = 1.0,
    resolution: float = 1.0,
    rounding: Rounding = PAPER,
    name: str | None = None,
) -> Network:
    """Every stage's depth x `depth`, every width x `width`, the resolution x `resolution`, each rounded.

    A factor of exactly 1 leaves its dimension untouched. What *wider* means is the block's own business.
    Errors: UsageError for factors that are not positive or build something absurd.
    """
    for key, factor in (("depth", depth), ("width", width), ("resolution", resolution)):
        if not 0 < factor <= 1e4:
            raise UsageError(f"{key} factor {factor:g}: expected a number above 0, at most 10000")

    def wider(base: int, *, multiple: int = 1) -> int:
        return base if width == 1 else round_width(base * width, lcm(rounding.divisor, multiple))

    def deeper(base: int) -> int:
        return base if depth == 1 else round_depth(base * depth, rounding.depth)

    side = network.resolution
    if resolution != 1:
        side = round_resolution(side * resolution, rounding.resolution_step)
    if side > 8192:
        raise UsageError(f"resolution {side} is over the largest that is supported, 8192 pixels")
    return network.model_copy(
        update={
            "name": network.name if name is None else name,
            "resolution": side,
            "stem": None if network.stem is None else network.stem.wider(wider),
            "stages": tuple(stage.wider(wider).deeper(deeper) for stage in network.stages),
            "head": network.head.wider(wider),
        }
    )


def scale_network(
    network: Network,
    coefficients: Coefficients | Sequence[float],
    *,
    phi: float = 1.0,
    rounding: Rounding = PAPER,
) -> Network:
    """Compound scaling: depth x alpha^phi, width x beta^phi, resolution x gamma^phi (Tan & Le 2019, eq. 3).

    phi may be fractional or negative; phi = 0 is the network itself, whatever the rounding.
    Errors: UsageError for a coefficient under 1, or not three.
    """
    triple = Coefficients.of(coefficients)
    name = f"{network.name}@phi={phi:g}"
    if phi == 0:
        return network.model_copy(update={"name": name})
    return scale(
        network,
        depth=triple.alpha**phi,
        width=triple.beta**phi,
        resolution=triple.gamma**phi,
        rounding=rounding,
        name=name,
    )
