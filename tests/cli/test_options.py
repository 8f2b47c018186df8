"""The options that commands share: declared once, each standing for a key that a study has."""

import dataclasses
import inspect
import typing
from typing import Any

import pytest

from scaling_search.cli import groups, inputs
from scaling_search.cli.grid import grid
from scaling_search.cli.groups import apart, changes
from scaling_search.cli.plan import plan
from scaling_search.cli.scale import scale
from scaling_search.errors import UsageError
from scaling_search.search.plan.study import Study, override
from scaling_search.training.recipe import Recipe
from tests.search.pretend import study

GROUPS = (
    groups.Start,
    groups.Subject,
    groups.Triples,
    groups.Cost,
    groups.Training,
    groups.Build,
)


def legal(key: str) -> bool:
    """Whether a study file may hold this key."""
    table, _, name = key.partition(".")
    field = Study.model_fields.get(table)
    if field is None or not name:
        return field is not None
    if table == "recipe":
        return name in Recipe.model_fields
    kinds = typing.get_args(field.annotation) or (field.annotation,)
    return any(name in kind.model_fields for kind in kinds if hasattr(kind, "model_fields"))


@pytest.mark.parametrize("table", ["grid", "scale"])
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_every_option_changes_a_key_that_a_study_has(group: type[Any], table: str) -> None:
    keys = list(changes(group(), table=table))
    assert len(keys) == len(dataclasses.fields(group)) - (group is groups.Start)
    assert [key for key in keys if not legal(key)] == []


def test_a_phi_is_the_grids_or_the_familys() -> None:
    start, training = groups.Start(phi="2"), groups.Training(seeds=7)
    for table, other in (("grid", "scale"), ("scale", "grid")):
        given = changes(start, training, table=table)
        changed = override(study(), given)
        assert (getattr(changed, table).phi, getattr(changed, table).seeds) == ((2.0,), 7)
        assert getattr(changed, other) == getattr(study(), other)


@pytest.mark.parametrize("command", [plan, grid, scale], ids=["plan", "grid", "scale"])
def test_commands_have_the_options_and_not_the_groups(command: Any) -> None:
    names = inspect.signature(command).parameters
    shared = [groups.Start, groups.Subject, groups.Cost, groups.Training, groups.Build]
    assert {field.name for group in shared for field in dataclasses.fields(group)} <= names.keys()
    assert not {"start", "subject", "cost", "training", "build"} & names.keys()


def test_a_command_gets_back_what_was_given() -> None:
    got: list[object] = []

    @apart
    def command(*, training: groups.Training, out: str = "here") -> None:
        got.extend((training, out))

    defaults = {name: one.default for name, one in inspect.signature(command).parameters.items()}
    assert defaults == {"seeds": None, "epochs": None, "batch_size": None, "out": "here"}
    command(**(defaults | {"epochs": 4}))
    assert got == [groups.Training(epochs=4), "here"]


def test_a_wrong_option_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="seeds"):
        inputs.study("none.db", groups.Start(), groups.Subject(), groups.Training(seeds=0), table="grid")
