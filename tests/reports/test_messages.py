"""Messages are short and right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_search.architecture import toml
from scaling_search.cli.main import run
from scaling_search.errors import InputError, suggest
from scaling_search.search.plan import study as studies
from scaling_search.search.plan import study_tables
from scaling_search.training.recipe import Recipe
from tests.reports.conftest import Import, fill
from tests.reports.test_first_use import NETWORK, STUDY


def test_a_folder_that_is_missing_empty_or_laid_out_otherwise_are_three_messages(imported: Import) -> None:
    assert "Error: set does not exist\n" in imported(code=3)["said"]
    Path("set").mkdir()
    assert "Error: set is empty: expected are folders named after classes" in imported(code=3)["said"]
    fill(classes=(".",))
    assert "(found: 6 outside of the folders of classes)" in imported(code=3)["said"]
    fill(classes=("only",))
    assert "holds one class, 'only'; at least two are needed" in imported(code=3)["said"]
    Path("set").rename("other")
    Path("set").write_text("")
    assert "Error: set is not a folder\n" in imported(code=3)["said"]


@pytest.mark.parametrize("below", ["set", "set/1.0.0", "set/config/1.0.0"])
def test_a_set_stored_as_tfrecord_is_answered_with_the_command(imported: Import, below: str) -> None:
    Path(below).mkdir(parents=True)
    Path(below, "dataset_info.json").write_text(json.dumps({"name": "birds", "fileFormat": "tfrecord"}))
    Path(below, "birds-train.tfrecord-00000-of-00001").write_bytes(b"")
    said = imported(code=3)["said"]
    assert "is a set of tensorflow-datasets, not a folder of images, stored as tfrecord" in said
    assert f"tfds convert_format --dataset_version_dir={Path(below).absolute()} " in said
    assert f"--out_dir={Path('data/tfds/birds').absolute()}/" in said


def test_one_that_lies_where_sets_are_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("tfds/birds/1.0.0").absolute()
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text(json.dumps({"name": "birds", "fileFormat": "tfrecord"}))
    assert run(["plan", "--dataset", "birds"]) == 3
    said = capsys.readouterr().err
    assert f"--dataset_version_dir={folder} " in said
    assert f"--out_dir={Path('data/tfds/birds/1.0.0').absolute()}" in said


def test_tfrecord_files_alone(imported: Import) -> None:
    Path("set").mkdir()
    Path("set/part.tfrecord-00000-of-00002").write_bytes(b"")
    assert "write their images into files" in imported(code=3)["said"]


@pytest.mark.parametrize("text", ["1.2", '"1.2"', "[1.2]", '"1.2:1.2:0.1"', "1", '"1,1.5"', "[1, 1.5]"])
def test_a_number_is_accepted_wherever_a_range_is(text: str) -> None:
    read = studies.parse(f'baseline = "lenet-5"\ndataset = "digits"\n[grid]\nalpha = {text}\n')
    assert read.grid.alpha[0] in (1.0, 1.2)


@pytest.mark.parametrize(
    ("name", "legal", "meant"),
    [
        ("lr", ["learning_rate", "frozen"], "learning_rate"),
        ("resnet", ["dense", "basic"], "basic"),
        ("se", ["stride", "squeeze"], "squeeze"),
        ("flops", ["parameters", "macs"], "macs"),
        ("swish", ["relu", "silu"], "silu"),
        ("Learning-Rate", ["learning_rate"], "learning_rate"),
    ],
)
def test_a_hint_is_the_same_thing(name: str, legal: list[str], meant: str) -> None:
    assert f"did you mean {meant!r}?" in suggest("key", name, legal)


@pytest.mark.parametrize("name", ["version", "zzz", "train", "x", ""])
def test_no_hint_is_another_thing(name: str) -> None:
    assert "did you mean" not in suggest("command", name, ["verify", "plan", "grid", "cost"])


@settings(max_examples=30)
@given(
    name=st.text(max_size=500),
    legal=st.lists(st.text("abcdef-", min_size=1, max_size=8), max_size=60, unique=True),
)
def test_at_most_ten_legal_values(name: str, legal: list[str]) -> None:
    said = suggest("key", name, legal).partition("Legal: ")[2]
    assert len(said.split(", ")) <= 11 and (len(legal) <= 10 or f"and {len(legal) - 10} more" in said)
    assert len(suggest("key", name, legal)) < 2000


MANY = 3000


def _columns() -> None:
    paths = fill(classes=("images",))
    head = ",".join(["name", *(f"column-{number}" for number in range(MANY))])
    Path("set/labels.csv").write_text("\n".join([head, *(f"images/{path.name}" for path in paths)]))


def _same_columns() -> None:
    fill(classes=("images",))
    Path("set/labels.csv").write_text(",".join(["file", "label", "same", "same", *map(str, range(MANY))]))


def _no_training() -> None:
    for number in range(200):
        fill(count=1, classes=(f"{('test', 'val', 'TEST', 'Val')[number % 4]}/class-{number}",))


def _many_splits() -> None:
    for number in range(200):
        fill(count=1, classes=tuple(f"part-{number:03}/{label}" for label in ("a", "b", "c")))


def _unknown_class() -> None:
    fill(count=1, classes=tuple(f"train/class-{number:03}" for number in range(200)))
    fill(count=1, classes=("test/klass-001",))


def _too_small() -> None:
    fill(count=1, classes=tuple(f"class-{number:03}" for number in range(200)))


def _groups() -> None:
    paths = fill(classes=("images",))
    head = ",".join(["file", "label", *(f"column-{number}" for number in range(MANY))])
    lines = [f"images/{path.name},{'ab'[at % 2]}" + ",x" * MANY for at, path in enumerate(paths)]
    Path("set/labels.csv").write_text("\n".join([head, *lines]))


LONG = {
    "columns of a table, none of them ours": (_columns, ()),
    "columns of one name": (_same_columns, ()),
    "splits, none for training": (_no_training, ()),
    "folders that look like splits": (_many_splits, ()),
    "a class that train does not have": (_unknown_class, ()),
    "classes that are too small": (_too_small, ()),
    "columns, none of them the groups'": (_groups, ("--groups", "kolumn-7")),
}


@pytest.mark.parametrize(("make", "options"), LONG.values(), ids=LONG)
def test_whatever_there_are_many_of_a_message_names_ten(
    make: Callable[[], None], options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    make()
    run(["data", "prepare", "set", "--from", "set", *options])
    said = capsys.readouterr().err
    assert 0 < len(said) < 2500, len(said)


def test_all_unknown_fields_at_once() -> None:
    with pytest.raises(InputError) as caught:
        studies.parse(STUDY + "[recipe]\nlr = 1\nwd = 1\nfoo = 1\n")
    said = str(caught.value)
    assert all(word in said for word in ("'lr'", "'learning_rate'", "'wd'", "'weight_decay'", "'foo'"))


def test_all_faults_of_a_study_at_once() -> None:
    text = STUDY + "[recipe]\nlr = 1\nepochs = -3\n[grid]\nalfa = 3\nseeds = 0\nindifference = 1\n"
    with pytest.raises(InputError) as caught:
        studies.parse(text, what="s.toml")
    found = str(caught.value).splitlines()
    assert len(found) == 5 and all(line.startswith("s.toml: ") for line in found)
    assert "s.toml: recipe.epochs: expected more than 0 (got -3)" in found
    assert "s.toml: grid.seeds: expected 1 or more (got 0)" in found
    assert any("grid: unknown key 'alfa'. Legal: alpha, " in line for line in found)


def test_unknown_keys_and_values_of_one_stage_at_once() -> None:
    with pytest.raises(InputError) as caught:
        toml.parse(NETWORK.replace("depth = 1, width = 8", "deepth = 1, wide = 8, width = 0"), what="n.toml")
    found = str(caught.value).splitlines()
    assert [line.partition(": ")[2][:8] for line in found] == ["stage 1:", "stage 1:", "stage 1."]
    assert "'depth'?" in found[0] and "'wide'" in found[1] and "expected 1 or more (got 0)" in found[2]


@pytest.mark.parametrize(
    "colons", ["unknown key 'x'. Legal: ", "unknown key 'alpa': did you mean 'alpha'? Legal: "]
)
def test_a_list_of_legal_names_follows_one_sentence(colons: str) -> None:
    assert suggest("key", colons.split("'")[1], ["alpha", "beta"]).startswith(colons)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "--indifference 1",
            "--indifference: expected less than 1 (got 1.0; 0.01 is one percent, or one point)",
        ),
        ("--macs-tolerance 15", "--macs-tolerance: expected less than 1 (got 15.0; 0.01 is one percent"),
        ("--seeds 0", "--seeds: expected 1 or more (got 0)"),
        ("--epochs -3", "--epochs: expected more than 0 (got -3)"),
        (f"--epochs {2**63}", f"--epochs: expected 2,147,483,647 or less (got {2**63})"),
        (f"--batch-size {10**23}", f"--batch-size: expected 2,147,483,647 or less (got {10**23})\n"),
        (
            "--budget flops",
            "--budget: expected macs, parameters, activations, memory or latency (got 'flops'; did you",
        ),
        ("--phi 3..1", "--phi: '3..1' is no phi: write a range such as 0..7"),
        ("--proxy-resolution 1", "--proxy-resolution: expected 4 or more (got 1)"),
        ("--max-macs 0", "--max-macs: expected more than 0 (got 0.0)"),
        (
            "--keep-weights bst",
            "unknown value of keep_weights 'bst': did you mean 'best'? Legal: none, best, all",
        ),
        ("--seeds 0 --phi x", "--phi: 'x' is no phi"),
    ],
)
def test_an_option_is_called_as_it_was_typed(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["grid", *line.split()]) == 2
    assert said in capsys.readouterr().err


JUNK = st.one_of(
    st.integers(-3, 0), st.floats(), st.text(max_size=5), st.booleans(), st.just([]), st.just({"x": 1})
)


@settings(max_examples=60)
@given(
    key=st.sampled_from(
        [f"grid.{key}" for key in study_tables.Grid.model_fields]
        + [f"scale.{key}" for key in study_tables.Family.model_fields]
        + [f"limits.{key}" for key in study_tables.Limits.model_fields]
        + [f"recipe.{key}" for key in Recipe.model_fields]
    ),
    value=JUNK,
)
def test_whatever_stands_at_a_key_is_refused_in_words_of_ours(key: str, value: object) -> None:
    study = studies.parse(STUDY)
    try:
        study.override({key: value})
    except InputError as error:
        said = str(error)
        assert key in said and len(said) < 600
        assert not any(
            words in said for words in ("Input should", "Value error", "validation", "unable to", "instance")
        )


HEAD, STAGES = "head = { dropout = 0.0 }", '[{ block = "basic", depth = 1, width = 8 }]'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (HEAD, "head = 3", "head: expected a table of keys (got 3)"),
        (STAGES, "3", "stages: expected a list (got 3)"),
        (STAGES, "[]", "stages: expected one at least"),
        ("depth = 1", "depth = 1.5", "stage 1.depth: expected a whole number (got 1.5)"),
        ('"relu"', "3", "activation: expected text in quotes (got 3)"),
        ("resolution = 16", "resolution = true", "resolution: expected a whole number (got True)"),
        ("resolution = 16\n", "", "resolution: required, and not given"),
    ],
)
def test_no_words_of_a_validator(old: str, new: str, said: str) -> None:
    assert old in NETWORK
    with pytest.raises(InputError) as caught:
        toml.parse(NETWORK.replace(old, new), what="n.toml")
    assert str(caught.value).startswith(f"n.toml: {said}") and len(str(caught.value).splitlines()) == 1


def test_what_may_be_a_name_or_a_table_has_one_message() -> None:
    with pytest.raises(InputError, match=r"^study: baseline: [^\n]*\(got 3\)$"):
        studies.parse('baseline = 3\ndataset = "digits"\n')


def test_options_have_words_of_ours_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--seeds", "many"]) == 2
    assert "expected a whole number" in capsys.readouterr().err
