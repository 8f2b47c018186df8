"""From exact depths, widths and resolutions to ones that can be built."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from scaling_search.architecture.schema import Strict, described

# 5 * 1.2 may come out as 6.000000000000001; a ceiling must not turn that into 7.
FUZZ = 1e-9


class Rounding(Strict):
    """The rules. The defaults are the reference EfficientNet's."""

    depth: Annotated[
        Literal["ceil", "round"], described("name", "Blocks of a stage: ceil (the paper's), or the nearest.")
    ] = "ceil"
    divisor: Annotated[int, described("channels", "Widths are multiples of this.", ge=1, le=1024)] = 8
    resolution_step: Annotated[
        int, described("pixels", "Resolutions are multiples of this.", ge=1, le=512)
    ] = 1


def half_up(value: float) -> int:
    """Nearest integer, halves up (Python's own `round` would take 2.5 to 2)."""
    return math.floor(value + 0.5 + FUZZ)


def round_depth(exact: float, rule: Literal["ceil", "round"]) -> int:
    """Blocks of a stage: ceil(exact) or the nearest, at least 1."""
    return max(1, math.ceil(exact - FUZZ) if rule == "ceil" else half_up(exact))


def round_width(exact: float, divisor: int) -> int:
    """Nearest multiple of `divisor`, at least one, never below 90 % of the exact value (reference `round_filters`)."""
    width = max(divisor, half_up(exact / divisor) * divisor)
    return width + divisor if width < 0.9 * exact else width


def round_resolution(exact: float, step: int) -> int:
    """Nearest multiple of `step`, at least one step."""
    return max(step, half_up(exact / step) * step)
