"""Widths that work in groups."""

from __future__ import annotations

from pydantic_core import PydanticCustomError


def check_divisible(key: str, value: int, by: str, divisor: int) -> None:
    """Errors: a validation error naming both keys when `divisor` does not divide `value`."""
    if value % divisor:
        below, above = value // divisor * divisor, -(-value // divisor) * divisor
        near = f"{below} or {above}" if below else str(above)
        raise PydanticCustomError(
            "indivisible", "{m}", {"m": f"{key} = {value} is no multiple of {by} ({divisor}): use {near}"}
        )
