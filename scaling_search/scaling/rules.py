"""The other known ways to scale a network, each as depth, width and resolution factors.

- One number shared out (Dollár, Singh & Girshick 2021, arXiv:2103.06877; pycls `scaler.py`): with weights d, w, r that
  sum to e, depth x s^(d/e), width x s^(w/2e), resolution x s^(r/2e), so that depth * width^2 * resolution^2 = s.
  Written as there: `dwr`, `dw`, `d1_w2_r1`; `d` alone scales depth. Group widths (`g`) are the blocks' business here.
- Multipliers (Howard et al. 2017, arXiv:1704.04861): width x alpha, resolution x rho, `mobilenet-0.75-192`.
- Tables of factors as published: the official EfficientNets `b0` to `b7`, and the rows of Tan & Le's Tables 3 and 7.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.errors import UsageError, suggest
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import PAPER, scale

# pycls rounds depths to the nearest and image sizes to multiples of 4.
PYCLS = Rounding(depth="round", divisor=8, resolution_step=4)


@dataclass(frozen=True, kw_only=True)
class Factors:
    """What a rule asks for, as factors of the baseline, and how it rounds."""

    depth: float = 1.0
    width: float = 1.0
    resolution: float = 1.0
    rounding: Rounding = PAPER


# Depth, width and pixels of the official EfficientNets (`efficientnet_params`), B0 having 224.
_OFFICIAL = {
    "b0": (1.0, 1.0, 224),
    "b1": (1.1, 1.0, 240),
    "b2": (1.2, 1.1, 260),
    "b3": (1.4, 1.2, 300),
    "b4": (1.8, 1.4, 380),
    "b5": (2.2, 1.6, 456),
    "b6": (2.6, 1.8, 528),
    "b7": (3.1, 2.0, 600),
}
# Every fixed set of factors, by name.
TABLES: dict[str, Factors] = {
    **{
        name: Factors(depth=depth, width=width, resolution=side / 224)
        for name, (depth, width, side) in _OFFICIAL.items()
    },
    # Rows of Tan & Le 2019, Tables 3 and 7.
    "depth-4": Factors(depth=4.0),
    "width-2": Factors(width=2.0),
    "resolution-2": Factors(resolution=2.0),
    "compound-1.4-1.2-1.3": Factors(depth=1.4, width=1.2, resolution=1.3),
    # The 16 MobileNetV1 of Howard et al. 2017, section 4.2, as factors of 224 px.
    **{
        f"mobilenet-{width:g}-{side}": Factors(width=width, resolution=side / 224)
        for width in (1.0, 0.75, 0.5, 0.25)
        for side in (224, 192, 160, 128)
    },
}


def factors(rule: str, factor: float | None = None) -> Factors:
    """The factors of a rule: a table's name, or pycls's `dwr` with the `factor` s to share out.

    Errors: UsageError for an unknown rule, a missing or needless `factor`, one that is not positive.
    """
    if rule in TABLES:
        if factor is not None:
            raise UsageError(f"rule {rule!r} is a row of a table and takes no factor")
        return TABLES[rule]
    weights = _weights(rule)
    if factor is None:
        raise UsageError(f"rule {rule!r} needs a factor: what depth * width^2 * resolution^2 shall be")
    if not (math.isfinite(factor) and 0 < factor <= 1e6):
        raise UsageError(f"factor {factor:g}: expected a number above 0, at most 1000000")
    return shared(factor, **weights)


def shared(s: float, *, depth: float, width: float, resolution: float) -> Factors:
    """s shared out by weights: depth * width^2 * resolution^2 = s. Errors: UsageError when all weights are 0."""
    total = depth + width + resolution
    if total <= 0:
        raise UsageError("a rule needs a weight above 0 for depth, width or resolution")
    return Factors(
        depth=s ** (depth / total),
        width=s ** (width / total / 2),
        resolution=s ** (resolution / total / 2),
        rounding=PYCLS,
    )


def _weights(rule: str) -> dict[str, float]:
    """`dw` and `d1_w2_r0.5` as weights by dimension. Errors: UsageError with the legal rules."""
    words = {"d": "depth", "w": "width", "r": "resolution"}
    weights = dict.fromkeys(words.values(), 0.0)
    if re.fullmatch(r"[dwr]+", rule) and len(set(rule)) == len(rule):
        return weights | {words[letter]: 1.0 for letter in rule}
    if re.fullmatch(r"[dwr]\d+(\.\d+)?(_[dwr]\d+(\.\d+)?)*", rule):
        parts = [(part[0], float(part[1:])) for part in rule.split("_")]
        if len({letter for letter, _ in parts}) == len(parts):
            return weights | {words[letter]: weight for letter, weight in parts}
    legal = ("dwr", "d", "w", "r", "d1_w2_r1", *TABLES)
    raise UsageError(
        suggest("rule", rule, legal) + "; any of d, w, r with weights, such as d1_w2_r1, is a rule"
    )


def scale_by_rule(network: Network, rule: str, factor: float | None = None) -> Network:
    """`network` scaled by a rule, rounded as the rule's authors do, and named after it."""
    found = factors(rule, factor)
    label = rule if factor is None else f"{rule},{factor:g}"
    return scale(
        network,
        depth=found.depth,
        width=found.width,
        resolution=found.resolution,
        rounding=found.rounding,
        name=f"{network.name}@{label}",
    )
