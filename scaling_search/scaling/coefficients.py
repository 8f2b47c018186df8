"""Compound-scaling coefficients: depth x alpha^phi, width x beta^phi, resolution x gamma^phi (Tan & Le 2019, eq. 3)."""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from scaling_search.errors import UsageError

Exponents = tuple[int, int, int]

# An exact fraction of 1e-999999999 has a billion digits: long numbers are none that anybody means.
_NUMBER = re.compile(r"\s*[+-]?[0-9.]{1,20}(e[+-]?[0-9]{1,2})?\s*", re.IGNORECASE)
_MOST_TRIPLES = 1_000_000
_MOST_VALUES = 10_000

# How depth, width and resolution multiply the MACs of a convolution: k^2 * c_in * c_out * h * w in every layer.
MACS: Exponents = (1, 2, 2)


@dataclass(frozen=True, kw_only=True, order=True)
class Coefficients:
    """A triple (alpha, beta, gamma), each at least 1.

    Errors: UsageError naming the coefficient that is under 1 or no finite number.
    """

    alpha: float
    beta: float
    gamma: float

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("beta", self.beta), ("gamma", self.gamma)):
            if not (math.isfinite(value) and 1 <= value <= 100):
                raise UsageError(
                    f"{name} = {value}: a coefficient is a number from 1 to 100 (1 changes nothing)"
                )

    @classmethod
    def of(cls, given: Coefficients | Sequence[float]) -> Coefficients:
        """A triple from three numbers. Errors: UsageError."""
        if isinstance(given, Coefficients):
            return given
        if len(given) != 3:
            raise UsageError(f"coefficients {tuple(given)}: expected three numbers, alpha, beta, gamma")
        alpha, beta, gamma = (float(value) for value in given)
        return cls(alpha=alpha, beta=beta, gamma=gamma)

    def growth(self, exponents: Exponents = MACS) -> Fraction:
        """alpha^i * beta^j * gamma^k, exactly: the factor that one step of phi asks of a cost with these exponents."""
        values = (Fraction(str(value)) for value in (self.alpha, self.beta, self.gamma))
        return math.prod(
            (value**power for value, power in zip(values, exponents, strict=True)), start=Fraction(1)
        )

    def __str__(self) -> str:
        return f"({self.alpha:g}, {self.beta:g}, {self.gamma:g})"


def parse_coefficients(text: str) -> Coefficients:
    """`1.2,1.1,1.15`. Errors: UsageError naming the text."""
    try:
        alpha, beta, gamma = (float(piece) for piece in text.split(","))
    except ValueError:
        raise UsageError(f"coefficients {text!r}: write ALPHA,BETA,GAMMA such as 1.2,1.1,1.15") from None
    return Coefficients(alpha=alpha, beta=beta, gamma=gamma)


def parse_phi(given: object) -> tuple[float, ...]:
    """`0..7` (every whole step), `0,0.5,2`, `-1`, a mixture, a number, or a list. Errors: UsageError naming it.

    >>> parse_phi("0..3,4.5"), parse_phi(1), parse_phi([0, 0.5])
    ((0.0, 1.0, 2.0, 3.0, 4.5), (1.0,), (0.0, 0.5))
    """
    found: list[float] = []
    try:
        for piece in given if isinstance(given, list | tuple) else str(given).split(","):
            first, dots, last = str(piece).partition("..")
            low, high = float(first), float(last if dots else first)
            if not (math.isfinite(low) and math.isfinite(high) and -20 <= low <= high <= 20):
                raise ValueError
            found.extend(low + step for step in range(math.floor(high - low) + 1))
        if not found:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"{_short(given)} is no phi: write a range such as 0..7, a list such as 0,0.5,2, or one number, "
            "from -20 to 20"
        ) from None
    return tuple(sorted(set(found)))


def parse_values(given: object) -> tuple[float, ...]:
    """Coefficients to try: `1:2:0.05` (first, last, step; exact decimals), `1,1.2,1.4`, one number, or a list.

    >>> parse_values("1:1.4:0.2"), parse_values(1.2), parse_values([1.4, 1])
    ((1.0, 1.2, 1.4), (1.2,), (1.0, 1.4))

    Sorted, each once. Errors: UsageError naming what was given.
    """
    pieces = given if isinstance(given, list | tuple) else str(given).split(",")
    found: set[Fraction] = set()
    for piece in pieces:
        found |= set(_range(str(piece).strip(), str(given)))
    if not found:
        raise _no_range(str(given))
    if min(found) < 1:
        raise UsageError(f"{_short(given)} starts under 1: a coefficient is at least 1")
    if max(found) > 100 or len(found) > _MOST_VALUES:
        raise _too_many(given)
    return tuple(float(value) for value in sorted(found))


def _range(text: str, given: str) -> Iterator[Fraction]:
    numbers = text.split(":")
    try:
        if len(numbers) not in (1, 3) or not all(map(_NUMBER.fullmatch, numbers)):
            raise ValueError
        first, last, step = (
            [Fraction(number.strip()) for number in numbers] if len(numbers) == 3 else (Fraction(text),) * 3
        )
    except (ValueError, ZeroDivisionError):
        raise _no_range(given) from None
    if step <= 0 or last < first:
        raise _no_range(given)
    if (last - first) / step > _MOST_VALUES:
        raise _too_many(given)
    return (first + place * step for place in range(int((last - first) / step) + 1))


def _no_range(given: str) -> UsageError:
    return UsageError(
        f"{_short(given)} is no range: write FIRST:LAST:STEP such as 1:2:0.05, a list such as 1,1.2,1.4, or one number"
    )


def _too_many(given: object) -> UsageError:
    return UsageError(f"{_short(given)} has too many or too large values: at most {_MOST_VALUES}, up to 100")


def _short(given: object) -> str:
    return repr(str(given)[:80])


def in_words(values: Sequence[float]) -> str:
    """Values in one short phrase.

    >>> in_words((1.0, 1.1, 1.2, 1.3)), in_words((1.0, 1.4)), in_words((1.2,))
    ('1 to 1.3 (4 values)', '1, 1.4', '1.2')
    """
    if len(values) > 3:
        return f"{values[0]:g} to {values[-1]:g} ({len(values)} values)"
    return ", ".join(f"{value:g}" for value in values)


def grid(
    *,
    alpha: Sequence[float],
    beta: Sequence[float],
    gamma: Sequence[float],
    tolerance: float,
    growth: float = 2.0,
    exponents: Exponents = MACS,
) -> list[Coefficients]:
    """All triples with |alpha^i * beta^j * gamma^k - growth| < tolerance, compared exactly.

    The exponents are those of the cost that shall grow so: 1, 2, 2 for MACs. Errors: UsageError for too many to try.
    """
    if (count := len(alpha) * len(beta) * len(gamma)) > _MOST_TRIPLES:
        raise UsageError(f"alpha, beta and gamma span {count:,} triples: at most {_MOST_TRIPLES:,}")
    target, width = Fraction(str(growth)), Fraction(str(tolerance))
    i, j, k = exponents
    triples = [
        Coefficients(alpha=a, beta=b, gamma=g)
        for a, b, g in itertools.product(alpha, beta, gamma)
        # Floats are a hundred times faster: only what they leave near the border is computed exactly.
        if abs(a**i * b**j * g**k - growth) < tolerance + 1e-6
    ]
    return [triple for triple in triples if abs(triple.growth(exponents) - target) < width]


def most_central(triples: Sequence[tuple[float, float, float]]) -> int:
    """Place of the triple nearest to the medians of log alpha, log beta, log gamma; the smaller triple on a tie."""
    logs = [tuple(math.log(value) for value in triple) for triple in triples]
    middle = [statistics.median(axis) for axis in zip(*logs, strict=True)]

    def distance(place: int) -> tuple[float, tuple[float, float, float]]:
        squares = sum((a - b) ** 2 for a, b in zip(logs[place], middle, strict=True))
        return round(squares, 12), triples[place]

    return min(range(len(triples)), key=distance)
