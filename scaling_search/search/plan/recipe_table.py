"""The `[recipe]` of a study: a named recipe with fields of its own, checked with the rest of the study's file."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, BeforeValidator, Field

from scaling_search.architecture import faults
from scaling_search.errors import InputError, UsageError
from scaling_search.training import recipe as recipes
from scaling_search.training.recipe import Recipe

NONE = "none"
TUNED = "tuned"


class Fixed(dict[str, Any]):
    """A table that, like the study around it, does not change."""

    def _refuse(self, key: object = "", *_: object, **__: object) -> NoReturn:
        raise UsageError(
            f"recipe[{key!r}] cannot be set: what is searched does not change; make another study with "
            "override({'recipe.KEY': …})"
        )

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def resolve(table: dict[str, Any], images: int | None = None) -> Recipe:
    """The recipe that a table names, for so many training images. Errors: InputError, a line for each key at fault."""
    settings = dict(table)
    name, rate = settings.pop("name", "fast"), settings.pop("rate", None)
    if rate not in (None, TUNED):
        raise InputError(
            f'recipe.rate: expected "{TUNED}" or "{NONE}", got {rate!r}; a number is learning_rate'
        )
    if not isinstance(name, str):
        raise InputError(f"recipe.name: expected a name, one of {', '.join(recipes.names())}, got {name!r}")
    found = recipes.named(name, images=images, **settings)
    if found.frozen:
        raise InputError(f"recipe.frozen: all parts are trained; legal here: [], got {list(found.frozen)}")
    return found


def _read(given: Any) -> Any:
    """None where the file, which has no word for that, says "none"."""
    if not isinstance(given, dict):
        return given
    return {key: None if value == NONE and key != "name" else value for key, value in given.items()}


def _checked(table: dict[str, Any]) -> Fixed:
    try:
        resolve(table)
    except InputError as error:
        raise faults.lines(error) from None
    return Fixed(table)


RecipeTable = Annotated[
    dict[str, Any],
    BeforeValidator(_read),
    AfterValidator(_checked),
    Field(default_factory=lambda: Fixed(name="fast")),
]
