"""The current time as the ledger writes it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """UTC to the second, ISO 8601 with its offset: dates for people, by which nothing is decided."""
    return datetime.now(UTC).isoformat(timespec="seconds")
