"""Groups of options: a dataclass is declared once and taken apart into options by every command that has it.

And groups of commands.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from typer.core import TyperGroup
from typer.models import OptionInfo

from scaling_search.errors import UsageError, suggest


@dataclass(frozen=True, kw_only=True)
class Key:
    """Beside an option's declaration: the study's key that it stands for; `*` is the command's own table."""

    name: str


class Commands(TyperGroup):
    """A command with commands of its own."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Errors: UsageError for a command that there is not."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise UsageError(suggest(f"{ctx.info_name} command", args[0], self.commands))
        return super().resolve_command(ctx, args)


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
    return {key: getattr(group, name) for group in groups for name, key, _ in _keys(type(group), table)}


def in_options(message: str, *groups: Any, table: str) -> str:
    """A message about a study's keys, which names them by the options that they came of."""
    names = {key: option for group in groups for _, key, option in _keys(type(group), table)}

    def option(found: re.Match[str]) -> str:
        # What no group has is the command's own, and called as its key is; a recipe's has no option.
        inside, _, key = found[1].rpartition(".")
        own = f"--{key.replace('_', '-')}" if inside == table else found[1]
        return f"{names.get(found[1], own)}: "

    return re.sub(r"(?m)^options: ([a-z_.]+): ", option, message)


def _keys(group: type[Any], table: str) -> Iterator[tuple[str, str, str]]:
    """Field, key and option of all that stand for a key."""
    for name, hint in typing.get_type_hints(group, include_extras=True).items():
        marks = typing.get_args(hint)
        # In an annotation an option's name is what typer calls its default.
        option = next((str(mark.default) for mark in marks if isinstance(mark, OptionInfo)), name)
        yield from ((name, mark.name.replace("*", table), option) for mark in marks if isinstance(mark, Key))
