"""Groups of options: a dataclass is declared once and taken apart into options by every command that has it."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Key:
    """Beside an option's declaration: the study's key that it stands for; `*` is the command's own table."""

    name: str


def apart(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every parameter that is a group replaced, in place, by the group's options.

    What was given is put together again before the command is called.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type[Any]] = {}
    hints = typing.get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        if dataclasses.is_dataclass(hints[name]):
            groups[name] = typing.cast("type[Any]", hints[name])
            parameters += _options(groups[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    def called(**given: Any) -> None:
        whole = {
            name: group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
            for name, group in groups.items()
        }
        command(**whole, **given)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what typer reads
    return called


def _options(group: type[Any]) -> list[inspect.Parameter]:
    hints = typing.get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
    ]


def changes(*groups: Any, table: str) -> dict[str, Any]:
    """What the groups' options change: the study's dotted keys with the values given."""
    found = {}
    for group in groups:
        hints = typing.get_type_hints(type(group), include_extras=True)
        for field in dataclasses.fields(group):
            for mark in typing.get_args(hints[field.name]):
                if isinstance(mark, Key):
                    found[mark.name.replace("*", table)] = getattr(group, field.name)
    return found
