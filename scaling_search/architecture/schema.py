"""Strict, frozen tables: an unknown key is an error that lists the legal ones; and the one text that each stands for.

A fingerprint covers everything that it stands for: the canonical text has every field of format 1, defaults included,
so that a changed default changes the fingerprint. A field that was added later is marked with `Later` and written only
where it differs from its neutral value (what was done before the field existed), so that old fingerprints stay valid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scaling_search.architecture.faults import kept, unknown_keys
from scaling_search.errors import UsageError, suggest


class Strict(BaseModel):
    """Base of every table that a user can write. Values keep their type: `"3"` is no number, `true` no 1."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    def __setattr__(self, name: str, value: Any) -> None:
        raise UsageError(
            f"{type(self).__name__}.{name} cannot be set: what is searched does not change; make another with "
            f"model_copy(update={{{name!r}: …}})"
        )

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_unknown_keys(cls, table: Any, check: Callable[[Any], Any]) -> Any:
        """Unknown keys are told with the other faults of their table."""
        if not isinstance(table, dict) or not (
            unknown := [key for key in table if key not in cls.model_fields]
        ):
            return check(table)
        faults = unknown_keys(suggest("key", key, cls.model_fields) for key in unknown)
        try:
            check({key: value for key, value in table.items() if key not in unknown})
        except ValidationError as error:
            faults += kept(error)
        raise ValidationError.from_exception_data(cls.__name__, faults)


def described(unit: str, meaning: str, **more: Any) -> Any:
    """A field as the reference of keys shows it; `more` are pydantic's constraints and its default."""
    return Field(description=meaning, json_schema_extra={"unit": unit}, **more)


@dataclass(frozen=True)
class Later:
    """Marks a field (in `Annotated`) that format 1 did not have. `neutral` never changes, unlike a default."""

    neutral: Any


def canonical(table: BaseModel | Mapping[str, Any], *, leave_out: Collection[str] = ()) -> str:
    """One JSON text for equal tables: sorted keys, ASCII, no spaces, a format number. `leave_out` names labels.

    Numbers that are equal are one text: a default of 6 and a 6.0 that was read are the same.
    """
    content = {key: value for key, value in _plain(table).items() if key not in leave_out}
    return json.dumps({"format": 1, **content}, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def written(table: BaseModel) -> dict[str, Any]:
    """The fields that a canonical text has: all but later ones at their neutral values."""
    fields = type(table).model_fields
    given = {name: getattr(table, name) for name in fields}
    return {name: one for name, one in given.items() if not _is_neutral(fields[name].metadata, one)}


def _plain(value: Any) -> Any:
    """Tables as dictionaries, without later fields at their neutral values; whole numbers as such."""
    if isinstance(value, BaseModel):
        return {name: _plain(one) for name, one in written(value).items()}
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _is_neutral(metadata: Collection[Any], value: Any) -> bool:
    return any(isinstance(mark, Later) and mark.neutral == value for mark in metadata)
