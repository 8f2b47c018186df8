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

    def growth(self, exponents: Exponents = MACS) -> Fraction:
        """alpha^i * beta^j * gamma^k, exactly: the factor that one step of phi asks of a cost with these exponents."""
        values = (Fraction(str(value)) for value in (self.alpha, self.beta, self.gamma))
        return math.prod(
            (value**power for value, power in zip(values, exponents, strict=True)), start=Fraction(1)
        )

    def __str__(self) -> str:
        return f"({self.alpha:g}, {self.beta:g}, {self.gamma:g})"


def parse_phi(text: str) -> tuple[float, ...]:
    """`0..7` (every whole step), `0,0.5,2`, `-1`, or a mixture. Errors: UsageError naming the text.

    >>> parse_phi("0..3,4.5")
    (0.0, 1.0, 2.0, 3.0, 4.5)
    """
    found: list[float] = []
    try:
        for piece in text.split(","):
            first, dots, last = piece.partition("..")
            low, high = float(first), float(last if dots else first)
            if not (math.isfinite(low) and math.isfinite(high) and -20 <= low <= high <= 20):
                raise ValueError
            found.extend(low + step for step in range(math.floor(high - low) + 1))
    except ValueError:
        raise UsageError(
            f"phi {text!r}: write a range such as 0..7, a list such as 0,0.5,2, or one number, from -20 to 20"
        ) from None
    return tuple(sorted(set(found)))


@dataclass(frozen=True, kw_only=True)
class Range:
    """first, first + step, …, up to and including last; exact decimals."""

    first: Fraction
    last: Fraction
    step: Fraction

    @classmethod
    def parse(cls, text: str) -> Range:
        """`1:2:0.05` or a single number. Errors: UsageError naming the text."""
        pieces = text.split(":")
        try:
            short = all(map(_NUMBER.fullmatch, pieces))
            numbers = [Fraction(piece.strip()) for piece in pieces] if short else []
        except (ValueError, ZeroDivisionError):
            numbers = []
        if len(numbers) == 1:
            numbers = [numbers[0], numbers[0], Fraction(1)]
        if len(numbers) != 3 or numbers[2] <= 0 or numbers[1] < numbers[0]:
            raise UsageError(f"{text!r} is no range: write FIRST:LAST:STEP such as 1:2:0.05, or one number")
        found = cls(first=numbers[0], last=numbers[1], step=numbers[2])
        if found.first < 1:
            raise UsageError(f"{text!r} starts under 1: a coefficient is at least 1")
        if found.last > 100 or (found.last - found.first) / found.step > 10_000:
            raise UsageError(f"{text!r} has too many or too large values: at most 10000, up to 100")
        return found

    def __len__(self) -> int:
        return int((self.last - self.first) / self.step) + 1

    def __iter__(self) -> Iterator[float]:
        value = self.first
        while value <= self.last:
            yield float(value)
            value += self.step


def grid(
    *,
    alpha: Range,
    beta: Range,
    gamma: Range,
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
