"""What to do to a network before it is counted."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from scaling_search.architecture.faults import explain
from scaling_search.architecture.network import Network
from scaling_search.errors import UsageError
from scaling_search.scaling.coefficients import Coefficients, parse_phi
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.rules import scale_by_rule
from scaling_search.scaling.scale import scale, scale_network

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
            return [scale_network(network, triple, phi=phi, rounding=rounding) for phi in parse_phi(self.phi)]
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
