"""A ``ReportData`` as JSON inside the page: the dataclasses' own structure, every text harmless, of bounded size."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from scaling_search.report.escape import clean
from scaling_search.report.formats.json import UNSAFE
from scaling_search.report.page.data import VERSION, Candidate, Curve, Member, ReportData

DIGITS = 6  # significant ones: a page is read by people; csv and json from the command line have all
EPOCHS = 150_000  # of all curves together, about 3 MB; beyond that each shows every second, third, … epoch
# Names that tell things apart: never shown, so kept to the letter (two that differ by an invisible mark stay two).
_KEYS = frozenset({"key", "candidate"})
Owner = TypeVar("Owner", Candidate, Member)


def record(data: ReportData) -> dict[str, Any]:
    """The report as JSON values, with ``version``, and ``every``: curves show one epoch in so many."""
    every = _every(data)
    thinned = data if every == 1 else _thinned(data, every)
    return {"version": VERSION, "every": every, **_value(thinned)}


def dumps(data: ReportData) -> str:
    """The record in one line of ASCII that can stand inside a script element."""
    return json.dumps(record(data), allow_nan=False, separators=(",", ":")).translate(UNSAFE)


def _value(value: Any, name: str = "") -> Any:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return value if name in _KEYS else clean(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple | list):
        return [_value(one) for one in value]
    if isinstance(value, Mapping):
        return {clean(str(key)): _value(one) for key, one in value.items()}
    if is_dataclass(value):
        return {field.name: _value(getattr(value, field.name), field.name) for field in fields(value)}
    return value


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _every(data: ReportData) -> int:
    owners: list[Candidate | Member] = list(data.all_candidates)
    owners += [member for family in data.families for member in family.members]
    epochs = sum(len(curve.epochs) for owner in owners for curve in owner.results.curves)
    return max(1, math.ceil(epochs / EPOCHS))


def _thinned(data: ReportData, every: int) -> ReportData:
    return replace(
        data,
        base=None if data.base is None else _thin(data.base, every),
        candidates=tuple(_thin(one, every) for one in data.candidates),
        families=tuple(
            replace(family, members=tuple(_thin(member, every) for member in family.members))
            for family in data.families
        ),
    )


def _thin(owner: Owner, every: int) -> Owner:
    curves = tuple(_thin_curve(curve, every) for curve in owner.results.curves)
    return replace(owner, results=replace(owner.results, curves=curves))


def _thin_curve(curve: Curve, every: int) -> Curve:
    """Counted from the end, so that the last epoch, which the accuracy is of, always stays."""
    return Curve(
        seed=curve.seed,
        epochs=curve.epochs[::-1][::every][::-1],
        train_loss=curve.train_loss[::-1][::every][::-1],
        validation_accuracy=curve.validation_accuracy[::-1][::every][::-1],
    )
