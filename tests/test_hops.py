"""How far it is from a command to the compiled step: four hops, five files."""

from __future__ import annotations

import ast
from functools import cache
from importlib import resources
from pathlib import Path

import pytest

PACKAGE = Path(str(resources.files("scaling_search")))
STEP = "scaling_search.training.loop"


@cache
def modules() -> dict[str, Path]:
    """All modules of the package, by name."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        name = ".".join(("scaling_search", *file.relative_to(PACKAGE).with_suffix("").parts))
        found[name.removesuffix(".__init__")] = file
    return found


@cache
def imported(name: str) -> tuple[str, ...]:
    """The package's modules that a module imports, wherever in its text it does, but for types alone."""
    tree = ast.parse(modules()[name].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{one.name}" for one in node.names]
            found += [one if one in modules() else node.module for one in inside]
    return tuple(dict.fromkeys(one for one in found if one in modules()))


def shortest(start: str, end: str) -> list[str]:
    """The modules from one to the other."""
    paths = [[start]]
    seen = {start}
    while paths:
        path = paths.pop(0)
        if path[-1] == end:
            return path
        for following in imported(path[-1]):
            if following not in seen:
                seen.add(following)
                paths.append([*path, following])
    raise AssertionError(f"{start} does not lead to {end}")


@pytest.mark.parametrize("command", ["grid", "scale", "recipe"])
def test_a_command_is_four_hops_from_the_compiled_step(command: str) -> None:
    path = shortest(f"scaling_search.cli.{command}", STEP)
    print(" > ".join(path))
    assert len(path) <= 5
    assert "scaling_search.search.trial.trainer" in path, "nothing else trains"
