from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scaling_search.data import catalog
from scaling_search.data.prepared import PreparedSet, Refused, find_prepared
from scaling_search.errors import InputError
from tests.data import tiny


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the set `tiny`; copied where a test changes it."""
    root = tmp_path_factory.mktemp("tfds")
    tiny.build(root)
    return root


@pytest.fixture
def ours(built: Path, data_dir: Path) -> Path:
    shutil.copytree(built, data_dir / "tfds")
    return data_dir / "tfds"


def test_a_set_of_tfds_is_found_described_and_loaded(ours: Path) -> None:
    assert "tiny" in catalog.names()
    info = catalog.describe("tiny")
    assert (info.classes, info.channels, info.size) == (("x", "y", "z"), 3, (4, 5))
    assert (info.train_count, info.test_count, info.prepared) == (12, 6, True)
    data = catalog.load("tiny", validation=0.25)
    assert (len(data.train), len(data.validation)) == (9, 3)
    for part in (data.train, data.validation, catalog.load_test("tiny")):
        # The first pixel of these images is their class.
        assert (part.images[:, 0, 0, 0] == part.labels).all()
        assert (part.images[:, 1:].std(axis=(1, 2)) > 20).all()


def test_it_is_decoded_once(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = catalog.load("tiny")
    monkeypatch.setitem(sys.modules, "scaling_search.data.tfds_builder", None)
    assert catalog.load("tiny").fingerprint == first.fingerprint
    with pytest.raises(ImportError):
        catalog.load_test("tiny")  # so the test split was not decoded along with train


def test_it_is_decoded_again_when_its_files_change_or_the_cache_is_damaged(
    ours: Path, data_dir: Path
) -> None:
    first = catalog.load("tiny")
    path = next((data_dir / "decoded" / "tiny-1.0.0").glob("train-*-images.npy"))
    path.write_bytes(path.read_bytes()[:-1])
    assert catalog.load("tiny").fingerprint == first.fingerprint
    shutil.rmtree(ours)
    tiny.build(ours, splits={"train": 15, "test": 3})
    assert catalog.load("tiny").fingerprint != first.fingerprint
    assert catalog.describe("tiny").train_count == 15


def test_tfdss_own_folder_is_looked_at_and_ours_comes_first(built: Path, data_dir: Path) -> None:
    default = Path(os.environ["TFDS_DATA_DIR"])
    shutil.copytree(built, default)
    assert catalog.describe("tiny").location == default / "tiny" / "1.0.0"
    shutil.copytree(built, data_dir / "tfds")
    assert catalog.describe("tiny").location == data_dir / "tfds" / "tiny" / "1.0.0"


def test_the_highest_version_counts_and_configs_have_names_of_their_own(ours: Path) -> None:
    for version in ("1.0.1", "1.0.10", "1.0.9"):
        shutil.copytree(ours / "tiny" / "1.0.0", ours / "tiny" / version)
    shutil.copytree(ours / "tiny" / "1.0.0", ours / "many" / "small" / "2.0.0")
    shutil.copytree(ours / "tiny" / "1.0.0", ours / "tiny" / "3.0.0.incompleteAB")
    found = find_prepared((ours,))
    assert sorted(found) == ["many.small", "tiny"]
    assert isinstance(found["tiny"], PreparedSet)
    assert found["tiny"].version == "1.0.10"
    assert "many.small" in catalog.names()


def test_sizes_that_differ_and_a_validation_split(data_dir: Path) -> None:
    tiny.build(data_dir / "tfds", name="two", shape=(None, None, 1), splits={"train": 9, "validation": 6})
    info = catalog.describe("two")
    assert (info.size, info.train_count, info.test_count) == (None, 9, 6)
    # Heights are 4, 5 and 6 and the width is 6: no shape is commoner than another, and the squarest is taken.
    assert catalog.load("two").size == (6, 6)
    assert len(catalog.load_test("two")) == 6
    tiny.build(data_dir / "tfds", name="three", splits={"train": 9, "validation": 6, "test": 3})
    data = catalog.load("three", validation=0.5)
    assert (len(data.train), len(data.validation), data.fixed_validation) == (9, 6, True)
    tiny.build(data_dir / "tfds", name="one", splits={"train": 9})
    assert catalog.prepare("one").test_count == 0
    with pytest.raises(InputError, match="one has no test split"):
        catalog.load_test("one")


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_sets_that_cannot_be_used_say_why(ours: Path, data_dir: Path) -> None:
    edit(ours / "tiny" / "1.0.0" / "dataset_info.json", fileFormat="tfrecord")
    assert "tiny" not in catalog.names()
    with pytest.raises(InputError, match="tiny is stored as tfrecord, not as array_record"):
        catalog.load("tiny")
    edit(ours / "tiny" / "1.0.0" / "dataset_info.json", fileFormat="array_record", splits=[])
    with pytest.raises(InputError, match="no train split"):
        catalog.load("tiny")
    (ours / "tiny" / "1.0.0" / "features.json").write_text('{"featuresDict": [')
    with pytest.raises(InputError, match="no set of images with one class"):
        catalog.load("tiny")
    tiny.build(data_dir / "tfds", name="numbers", numbers=True)
    assert isinstance(find_prepared((ours,))["numbers"], Refused)


@pytest.mark.parametrize("damage", ["empty", "half", "bit", "gone"])
def test_damaged_records_are_named(ours: Path, damage: str) -> None:
    path = next((ours / "tiny" / "1.0.0").glob("tiny-train*"))
    content = bytearray(path.read_bytes())
    content[100] ^= 4
    kept = {"empty": b"", "half": content[: len(content) // 2], "bit": content}
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(kept[damage])
    with pytest.raises(InputError, match=r"tiny.*cannot be read"):
        catalog.load("tiny")


def test_labels_out_of_range(ours: Path) -> None:
    (ours / "tiny" / "1.0.0" / "label.labels.txt").write_text("x\ny\n")
    with pytest.raises(InputError, match="label 2; legal are 0 to 1"):
        catalog.load("tiny")


def test_class_names_are_made_printable(ours: Path) -> None:
    (ours / "tiny" / "1.0.0" / "label.labels.txt").write_text("x\x1b[2J\n<b>\nz\n")
    assert catalog.describe("tiny").classes == ("x\\x1b[2J", "<b>", "z")


def test_describing_and_loading_what_is_decoded_needs_no_tfds(ours: Path) -> None:
    catalog.load("tiny")
    program = (
        "import sys; from scaling_search.data import catalog; catalog.names(); catalog.describe('tiny');"
        "catalog.load('tiny'); print(sorted({'tensorflow_datasets', 'jax', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_preparing_prints_nothing_on_standard_output(ours: Path, capfd: pytest.CaptureFixture[str]) -> None:
    catalog.prepare("tiny")
    assert capfd.readouterr().out == ""


def test_an_unchanged_set_has_the_same_images_in_both_readings(ours: Path) -> None:
    # What tfds itself hands out, against what we stored.
    import tensorflow_datasets as tfds

    source = tfds.builder_from_directory(str(ours / "tiny" / "1.0.0")).as_data_source("test")
    theirs = np.stack([example["picture"] for example in source])
    assert (catalog.load_test("tiny").images == theirs).all()
