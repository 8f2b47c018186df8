"""The public API: every name is there whatever was imported before, importing it is light, and it says what it is."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import scaling_search as ss
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.trial.trial import Callback
from tests.search.pretend import pretended, study

pytestmark = pytest.mark.usefixtures("own_timings")
HEAVY = ("jax", "flax", "optax", "orbax", "sklearn", "scipy", "pandas", "matplotlib", "tensorflow_datasets")
# Every module in turn, but for the texts of exported programs and Alembic's script.
MODULES = """
import importlib, json, pkgutil, sys
import scaling_search as ss
names = sorted(
    found.name for found in pkgutil.walk_packages(ss.__path__, "scaling_search.")
    if ".pieces." not in found.name and not found.name.endswith(".env")
)
for name in names[::-1] if sys.argv[1] == "backwards" else names:
    importlib.import_module(name)
kinds = {name: type(getattr(ss, name)).__name__ for name in ss.__all__}
print(json.dumps(kinds))
"""


def python(code: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ss.open_ledger(tmp_path / "l.db") as opened:
        yield opened


def test_no_public_name_is_hidden_by_a_room() -> None:
    """Importing `scaling_search.cost` would set the attribute `cost`, and the function would be gone."""
    rooms = {found.name for found in pkgutil.iter_modules(ss.__path__)}
    assert rooms & set(ss.__all__) == {"statistics"}, "the one room that is a public name"


@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_every_name_is_what_it_was_after_importing_every_module(order: str) -> None:
    found = json.loads(python(MODULES, order))
    for name, kind in found.items():
        here = getattr(ss, name)
        assert kind == type(here).__name__, name
        assert kind == "module" if name == "statistics" else kind != "module", name


def test_importing_it_is_light_and_costs_need_no_accelerator_library() -> None:
    loaded = f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    assert python(f"import sys, scaling_search\n{loaded}") == "\n"
    counted = 'import sys, scaling_search as ss\nprint(ss.cost(ss.load_network("efficientnet-b0")).macs)\n'
    assert python(counted + loaded) == "385825092\n\n"


def test_types_are_declared_for_every_name() -> None:
    """What type checkers read (the imports) and what runs (the table of homes) are the same."""
    tree = ast.parse(inspect.getsource(ss))
    (block,) = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    declared = {
        alias.asname: (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert declared.pop("statistics") == ("scaling_search", "statistics")
    assert declared == {
        name: (f"scaling_search.{module}", there) for name, (module, there) in ss._HOMES.items()
    }
    assert (Path(ss.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("name", ss.__all__)
def test_every_name_is_documented_and_its_parameters_are_typed(name: str) -> None:
    found = getattr(ss, name)
    if name == "__version__":
        return
    assert found.__doc__
    if inspect.isfunction(found):
        given = inspect.signature(found)
        assert all(
            parameter.annotation is not inspect.Parameter.empty for parameter in given.parameters.values()
        )
        assert given.return_annotation is not inspect.Signature.empty


def test_names_that_are_not_there_are_said() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'grids'"):
        _ = ss.grids
    assert set(ss.__all__) <= set(dir(ss))


def test_a_study_is_read_by_its_file_or_by_the_name_of_a_packaged_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('baseline = "resnet-18"\ndataset = "digits"\n')
    assert ss.Study.read(file).baseline == "resnet-18"
    packaged = ss.Study.read("digits")
    assert (packaged.name, packaged.dataset.name) == (None, "digits")
    with pytest.raises(ss.InputError, match=r"digit\b"):
        ss.Study.read("digit")


class Watching(Callback):
    """Counts, and looks at what only the command line may touch."""

    def __init__(self) -> None:
        self.handlers: list[Any] = []
        self.trials = 0

    def end(self, trial: Any, row: Any) -> None:
        import signal

        self.trials += 1
        self.handlers.append(signal.getsignal(signal.SIGINT))


def test_a_search_from_a_program_prints_nothing_and_touches_no_signal(
    ledger: Ledger, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import signal

    before, watching = signal.getsignal(signal.SIGINT), Watching()
    with pretended():
        result = ss.grid(study(), ledger=ledger, callbacks=(watching,))
        family = ss.scale(study(), result.winner, phi=range(2), ledger=ledger, out=tmp_path / "out")
    report = ledger.report()
    assert watching.trials == result.trained > 0
    assert set(watching.handlers) == {before} == {signal.getsignal(signal.SIGINT)}
    assert capfd.readouterr() == ("", "")
    for one in (ss.plan(study()), result, family, report):
        assert "<table" in one._repr_html_()
        assert "<script" not in one._repr_html_()
    assert result.answer.count("\n") <= 2
    assert result.behind_the_best is not None
    assert len(result.behind_the_best.names) == len(result.plan.candidates)


def test_results_as_frames(ledger: Ledger) -> None:
    pytest.importorskip("pandas")
    with pretended():
        result = ss.grid(study(), ledger=ledger)
        family = ss.scale(study(), result.winner, phi=range(2), ledger=ledger)
    assert len(result.to_dataframe()) == 1 + len(result.plan.candidates), "the base and all candidates"
    assert list(family.to_dataframe()["phi"]) == [0.0, 1.0]
    assert {"table", "accuracy_mean"} <= set(ledger.report().to_dataframe().columns)
    assert {"alpha", "beta", "gamma", "macs"} <= set(ss.plan(study()).to_dataframe().columns)
    found = ss.race({"a": 0.9, "b": 0.5}, train=lambda right, seed: [i < 50 * right for i in range(50)])
    assert list(found.to_dataframe()["candidate"]) == ["a", "b"]


def test_without_pandas_a_frame_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ss.DeviceError, match=r"to_dataframe\(\) needs pandas: pip install pandas"):
        ss.plan(study()).to_dataframe()
    found = ss.race(["a", "b"], train=lambda name, seed: [name == "a", True])
    with pytest.raises(ss.DeviceError, match="needs pandas"):
        found.to_dataframe()


@pytest.mark.parametrize("marks", [[1, 0], [[True]], "yes", [0.5, float("nan")], 3])
def test_what_a_trainer_says_is_one_value_for_each_image(marks: Any) -> None:
    with pytest.raises(ss.UsageError, match=r"train gave .* for 'a': expected \(images,\) of true and false"):
        ss.race(["a", "b"], train=lambda name, seed: marks)


def test_a_triple_off_the_constraint_is_refused_unless_that_is_meant() -> None:
    settings = study().override({"scale.train": "none", "scale.phi": "0..1"})
    with pytest.raises(
        ss.UsageError,
        match=r"\(1\.5, 1\.5, 1\.5\) multiplies the MACs by 7\.59 with each step of φ, not by 2",
    ):
        ss.scale(settings, (1.5, 1.5, 1.5))
    assert ss.scale(settings, (1.5, 1.5, 1.5), constrained=False).families
    with pytest.raises(ss.ScalingSearchError, match=re.escape("1.2, 1.1")):
        ss.scale(settings, (1.2, 1.1))


def test_a_study_is_not_changed_once_it_is_made(ledger: Ledger) -> None:
    """Neither a key nor one of its recipe: the search that began would be another one than is recorded."""

    class Meddler(Callback):
        said = ""

        def end(self, trial: Any, row: Any) -> None:
            try:
                settings.recipe["epochs"] = 99
            except ss.UsageError as error:
                Meddler.said = str(error)

    settings = study()
    with pytest.raises(ss.UsageError, match=r"Study\.seeds cannot be set: what is searched does not change"):
        settings.seeds = 5
    with pytest.raises(ss.UsageError, match=r"Grid\.seeds cannot be set"):
        settings.grid.seeds = 5
    with pretended():
        result = ss.grid(settings, ledger=ledger, callbacks=(Meddler(),))
    assert "recipe['epochs'] cannot be set: what is searched does not change" in Meddler.said
    assert {json.loads(row.recipe)["epochs"] for row in result.trials} == {5}
    assert settings.override({"recipe.epochs": 6}).resolve_recipe().epochs == 6


@pytest.mark.parametrize("module", ["scaling_search.statistics", "scaling_search.racing.race"])
def test_statistics_work_alone(module: str) -> None:
    """On a boolean array, without the rest of the program."""
    code = (
        f"import sys, importlib; importlib.import_module({module!r})\n"
        "print(*sorted({'jax', 'sqlalchemy', 'sqlite3', 'alembic'} & set(sys.modules)))"
    )
    assert python(code) == "\n"
    assert importlib.import_module("scaling_search.statistics") is ss.statistics
