"""Strict, frozen tables: an unknown key is an error that lists the legal ones."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from scaling_search.errors import suggest


class Strict(BaseModel):
    """Base of every table that a user can write. Values keep their type: `"3"` is no number, `true` no 1."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, table: Any) -> Any:
        if isinstance(table, dict):
            for key in table:
                if key not in cls.model_fields:
                    message = suggest("key", key, cls.model_fields).replace("{", "{{").replace("}", "}}")
                    raise PydanticCustomError("unknown_key", "{message}", {"message": message})
        return table
