"""What a validator says of a file, in words of ours: one line for each fault, all faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from scaling_search.errors import InputError, meant, shorten

_MOST = 10
# By the validator's name for the fault; in braces what it knows of the field.
_EXPECTED = {
    "model_type": "expected a table of keys",
    "model_attributes_type": "expected a table of keys",
    "dict_type": "expected a table of keys",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "too_short": "expected one at least",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "finite_number": "expected a number",
    "bool_type": "expected true or false",
    "string_type": "expected text in quotes",
    "string_too_short": "expected text that is not empty",
    "string_too_long": "expected {max_length} characters at most",
    "missing": "required, and not given",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected {ge} or more",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected {le} or less",
}
_LINES = "lines"
_UNKNOWN = "unknown_key"


def explain(error: ValidationError, what: str, *, within: str = "") -> InputError:
    """A validation error in one line per fault: file, field, what is expected, value. `within` is the file's table."""
    lines: dict[str, str] = {}  # by field: of a value that may be one thing or another, the first is enough
    for fault in error.errors(include_url=False):
        steps = (within, *fault["loc"]) if within else fault["loc"]
        where, given, said = _path(steps), fault["input"], fault["msg"]
        # A list whose entries are at fault is called empty too.
        if fault["type"] == "too_short" and given:
            continue
        if fault["type"] == _LINES:
            lines.update({line: line for line in said.splitlines()})
        elif fault["type"] == _UNKNOWN:
            lines[f"{where}: {said}"] = f"{where}: {said}" if where else said
        else:
            lines.setdefault(where or said, f"{where or '(the whole)'}: {_words(fault)}")
    shown = [f"{what}: {line}" if what else line for line in lines.values()]
    more = [f"{what}: and {len(shown) - _MOST} more faults"] if len(shown) > _MOST else []
    return InputError("\n".join(shown[:_MOST] + more))


def unknown_keys(said: Iterable[str]) -> list[InitErrorDetails]:
    """Faults of a table that `explain` shows beside those of its values."""
    return [InitErrorDetails(type=_custom(_UNKNOWN, one), input=None) for one in said]


def kept(error: ValidationError) -> list[InitErrorDetails]:
    """The faults of an error as parts of another one."""
    return [
        InitErrorDetails(
            type=_custom(one["type"], one["msg"], one.get("ctx", {})), loc=one["loc"], input=one["input"]
        )
        for one in error.errors(include_url=False)
    ]


def lines(error: InputError) -> PydanticCustomError:
    """What was said already, one fault a line, as a part of a validation error."""
    return _custom(_LINES, str(error))


def _custom(kind: Any, said: str, about: Mapping[str, Any] | None = None) -> PydanticCustomError:
    return PydanticCustomError(kind, "{said}", {**(about or {}), "said": said})


def _words(fault: Any) -> str:
    """What is expected, the value, and what it may have meant."""
    about, given, hint = fault.get("ctx", {}), fault["input"], ""
    shown = shorten(repr(given))
    if fault["type"] == "literal_error":
        legal = re.findall(r"'([^']*)'", about["expected"])
        likely = meant(str(given), legal)
        said = f"expected {' or '.join(filter(None, (', '.join(legal[:-1]), legal[-1])))}"
        hint = "" if likely is None else f"; did you mean {likely!r}?"
    elif fault["type"] in _EXPECTED:
        said = _EXPECTED[fault["type"]].format(**{name: _number(bound) for name, bound in about.items()})
        if about.get("lt", about.get("le", 2)) <= 1:
            hint = "; 0.01 is one percent, or one point"
    else:
        said = str(fault["msg"]).removeprefix("Value error, ")
        if shown in said:  # what is ours often has the value in it
            return said
    # A table is too long to be shown.
    return f"{said}{hint}" if isinstance(given, dict | list | tuple) else f"{said} (got {shown}{hint})"


def _number(bound: object) -> str:
    return (
        f"{bound:,}" if isinstance(bound, int) else f"{bound:g}" if isinstance(bound, float) else str(bound)
    )


def _path(steps: tuple[int | str, ...]) -> str:
    """Where in a file: keys by name, the items of a list by number from 1, as people count.

    >>> _path(("stages", 1, "pool", "kernel"))
    'stage 2.pool.kernel'
    """
    parts: list[str] = []
    for step in steps:
        # What a validator calls the kinds that a value may be of is no key.
        if isinstance(step, str) and (step[:1].isupper() or "-" in step):
            continue
        if isinstance(step, int) and parts:
            parts[-1] = f"{parts[-1].removesuffix('s')} {step + 1}"
        else:
            parts.append(str(step))
    return ".".join(parts)
