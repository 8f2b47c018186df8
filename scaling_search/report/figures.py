"""Numbers as people read them. A missing or non-finite number is shown as ``MISSING``, never as 0."""

from __future__ import annotations

import math
from collections.abc import Iterable

MISSING = "–"

_STEPS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def present(number: float | None) -> bool:
    """True for a finite number.

    >>> present(0.0), present(None), present(float("nan"))
    (True, False, False)
    """
    return number is not None and math.isfinite(number)


def integer(number: float | None) -> str:
    """A whole number with commas between thousands.

    >>> integer(5288548)
    '5,288,548'
    """
    if number is None or not math.isfinite(number):
        return MISSING
    return f"{round(number):,}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """How many there are, in words.

    >>> count(1, "seed"), count(1200, "seed"), count(2, "study", "studies")
    ('1 seed', '1,200 seeds', '2 studies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def are(number: int, noun: str) -> str:
    """How many there are, with the verb.

    >>> are(1, "trial"), are(0, "trial")
    ('1 trial is', '0 trials are')
    """
    return f"{count(number, noun)} {'is' if number == 1 else 'are'}"


def points(number: float) -> str:
    """Percentage points of accuracy, with two significant digits.

    >>> points(1.0), points(0.5), points(12.0)
    ('1 point', '0.5 points', '12 points')
    """
    return f"{number:.2g} point{'' if f'{number:.2g}' == '1' else 's'}"


def decimal(number: float | None, digits: int = 2, *, scale: float = 1.0, sign: bool = False) -> str:
    """``number × scale`` with a fixed number of digits after the point; ``sign`` also writes a plus.

    >>> decimal(385825092, 1, scale=1e-6), decimal(0.0031, 2, scale=100, sign=True)
    ('385.8', '+0.31')
    """
    if number is None or not math.isfinite(number):
        return MISSING
    text = f"{number * scale:{'+' if sign else ''},.{digits}f}"
    # A rounded "-0.00" claims a direction that is not there.
    return ("+" if sign else "") + text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def factor(number: float | None) -> str:
    """By how much something is multiplied: one digit after the point, none from 10 on.

    >>> factor(1.2 ** 7), factor(2.0 ** 7), factor(4.0 ** 7)
    ('3.6', '128', '16,384')
    """
    return decimal(number, 1 if number is not None and abs(number) < 9.95 else 0)


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as a percentage, without the sign (the column title has it).

    >>> percent(0.9712)
    '97.12'
    """
    return decimal(fraction, digits, scale=100.0)


def digits_for(numbers: Iterable[float | None], *, scale: float = 1.0) -> int:
    """Digits after the point that leave the smallest of ``numbers`` about four significant ones (1 to 4).

    >>> digits_for([385825092, 992645882], scale=1e-6), digits_for([0.352], scale=1)
    (1, 4)
    """
    sizes = [abs(n * scale) for n in numbers if n is not None and math.isfinite(n) and n != 0]
    if not sizes:
        return 1
    return min(4, max(1, 3 - math.floor(math.log10(min(sizes)))))


def human(number: float | None, unit: str = "") -> str:
    """Four significant digits and an SI prefix.

    >>> human(385825092, "MACs"), human(5288548), human(12, "images")
    ('385.8 M MACs', '5.289 M', '12 images')
    """
    if number is None or not math.isfinite(number):
        return MISSING
    for step, prefix in _STEPS:
        if abs(number) >= step * 0.99995:
            return f"{_four(number / step)} {prefix} {unit}".rstrip()
    plain = f"{number:,.0f}" if number == int(number) else _four(number)
    return f"{plain} {unit}".rstrip()


def _four(number: float) -> str:
    size = abs(number)
    digits = 3 if size < 9.9995 else 2 if size < 99.995 else 1 if size < 999.95 else 0
    return f"{number:,.{digits}f}"


def size(number: float | None) -> str:
    """Bytes with a binary prefix.

    >>> size(1536), size(3 * 2**30)
    ('1.5 KiB', '3.0 GiB')
    """
    if number is None or not math.isfinite(number):
        return MISSING
    for prefix in _BINARY:
        if abs(number) < 1024 or prefix == _BINARY[-1]:
            return f"{number:.0f} B" if prefix == "B" else f"{number:,.1f} {prefix}"
        number /= 1024
    raise AssertionError  # the last prefix returns


def duration(seconds: float | None) -> str:
    """Seconds as the two largest units that matter.

    >>> duration(0.0421), duration(7.25), duration(185), duration(7500), duration(273600)
    ('42 ms', '7.2 s', '3 min 05 s', '2 h 05 min', '3 d 04 h')
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 1440:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02d} h"
