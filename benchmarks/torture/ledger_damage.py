"""One flipped bit anywhere in a ledger's file: noticed, or without effect; and repaired."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from benchmarks.torture.ledger_rows import Content, everything, fill
from benchmarks.torture.outcome import Outcome
from scaling_search.errors import ScalingSearchError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.repair import repair

_CONTROL_EVERY = 10


def _read(path: Path) -> Content | None:
    """What a ledger says, or None when it says that it is damaged."""
    try:
        with Ledger.open(path, read_only=True) as ledger:
            return everything(ledger)
    except ScalingSearchError:
        return None


def _flipped(content: bytes, dice: random.Random) -> tuple[bytes, str]:
    bit = dice.randrange(8 * len(content))
    copy = bytearray(content)
    copy[bit // 8] ^= 1 << bit % 8
    return bytes(copy), f"byte {bit // 8} bit {bit % 8}"


def flips(n: int, folder: Path) -> Outcome:
    """Each flip in a fresh copy. The untouched copy, read in the same run and way, must say what was written."""
    original, copy = folder / "original.db", folder / "copy.db"
    expected = fill(original)
    content = original.read_bytes()
    dice = random.Random(6)  # noqa: S311 - to be repeated, not to be secret
    seen: Counter[str] = Counter()
    wrong = []
    for index in range(n):
        if index % _CONTROL_EVERY == 0:
            copy.write_bytes(content)
            seen["controls"] += 1
            if _read(copy) != expected:
                raise AssertionError(
                    "the untouched copy does not say what was written: this run shows nothing"
                )
        damaged, where = _flipped(content, dice)
        copy.write_bytes(damaged)
        found = _read(copy)
        seen["noticed" if found is None else "without effect"] += found in (None, expected)
        if found is not None and found != expected:
            wrong.append(where)
    note = f"{seen['noticed']} noticed, {seen['without effect']} without effect, {seen['controls']} controls right"
    return Outcome(
        tried=n,
        lost=0,
        silently_wrong=len(wrong),
        note=" ".join([note, *wrong]),
    )


def repairs(n: int, folder: Path) -> Outcome:
    """Flips that are noticed, then repaired: the new ledger holds only true rows, and what it lacks is said."""
    original, copy = folder / "original.db", folder / "copy.db"
    expected = fill(original)
    content = original.read_bytes()
    dice = random.Random(7)  # noqa: S311 - to be repeated, not to be secret
    tried = lost = wrong = rows_lost = 0
    while tried < n:
        damaged, _ = _flipped(content, dice)
        copy.write_bytes(damaged)
        if _read(copy) is not None:
            continue
        tried += 1
        new = folder / f"new{tried}.db"
        report = repair(copy, new)
        with Ledger.open(new, read_only=True) as ledger:
            found = everything(ledger)
        new.unlink()
        tables = ("studies", "networks", "candidates", "decisions", "trials", "evaluations")
        missing = [row for table in tables for row in expected[table] if row not in found[table]]
        invented = [row for table in tables for row in found[table] if row not in expected[table]]
        rows_lost += len(missing)
        # One bit spoils one row at most.
        lost += len(missing) > 1
        wrong += bool(invented) or (bool(missing) and not report.lost)
    note = f"{rows_lost} rows lost in all, each reported"
    return Outcome(tried=n, lost=lost, silently_wrong=wrong, note=note)
