"""Checks the array shapes in signatures while tests run: `pytest --jaxtyping-packages` names this (pyproject.toml).

jaxtyping binds the names of the axes over one call; a type checker only has to ask for each array. Those that check
every type want all protocols and forward references resolved at run time, which the shapes do not need.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin

from jaxtyping import AbstractArray


class ShapeError(TypeError):
    """An array is not what the signature says."""


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its arguments and result checked where the signature gives them shapes."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        shapes = _shapes(function)
        bound = signature.bind(*args, **kwargs).arguments if shapes else {}
        for name, shape in shapes.items():
            if name in bound:
                _check(function, name, bound[name], shape)
        result = function(*args, **kwargs)
        if "return" in shapes:
            _check(function, "its result", result, shapes["return"])
        return result

    return wrapped


def _check(function: Callable[..., Any], name: str, value: object, kind: Any) -> None:
    if not _fits(value, kind):
        found = f"{getattr(value, 'dtype', type(value))}{list(getattr(value, 'shape', []))}"
        raise ShapeError(f"{function.__module__}.{function.__qualname__}: {name} is {found}, not {kind}")


def _fits(value: Any, kind: Any) -> bool:
    parts = get_args(kind)
    match get_origin(kind):
        case origin if origin in (types.UnionType, Union):
            return any(_fits(value, part) for part in parts)
        case origin if origin is tuple and ... not in parts:
            return len(value) == len(parts) and all(map(_fits, value, parts))
        case origin if origin in (tuple, list):
            return all(_fits(item, parts[0]) for item in value)
        case None:
            return kind is Any or not isinstance(kind, type) or isinstance(value, kind)
        case _:
            return True


@functools.cache
def _shapes(function: Callable[..., Any]) -> dict[str, Any]:
    """Annotations with shapes. Read when called: a name may be defined below the function."""
    found = {}
    for name, annotation in function.__annotations__.items():
        try:
            kind = eval(annotation, function.__globals__) if isinstance(annotation, str) else annotation  # noqa: S307
        except NameError:
            continue  # imported for type checkers alone
        if _has_shape(kind):
            found[name] = kind
    return found


def _has_shape(kind: Any) -> bool:
    if get_origin(kind) in (types.UnionType, Union, tuple, list):
        return any(map(_has_shape, get_args(kind)))
    return isinstance(kind, type) and issubclass(kind, AbstractArray)
