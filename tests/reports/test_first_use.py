"""What a first use met with its data, and files that an editor of Windows saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaling_search.architecture.toml import read as read_network
from scaling_search.cli.main import run
from scaling_search.search.plan.study import read as read_study
from tests.reports.conftest import Import, fill

NETWORK = """
name = "tiny"
resolution = 16
channels = 3
classes = 2
activation = "relu"
stem = { width = 8, kernel = 3, stride = 2 }
stages = [{ block = "basic", depth = 1, width = 8 }]
head = { dropout = 0.0 }
"""
STUDY = 'name = "s"\nbaseline = "tiny.toml"\n[dataset]\nname = "digits"\n'


@pytest.mark.parametrize("start", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_saved_on_windows(start: str, end: str) -> None:
    for name, text in (("tiny.toml", NETWORK), ("s.toml", STUDY)):
        Path(name).write_bytes((start + text.replace("\n", end)).encode())
    assert read_network(Path("tiny.toml")).name == "tiny"
    assert read_study(Path("s.toml")).dataset.name == "digits"


def test_importing_again_says_what_it_replaces(imported: Import) -> None:
    fill()
    first = imported()
    assert first["summary"]["notes"] == []
    assert imported()["summary"]["notes"] == []  # the same again: nothing is replaced
    (note,) = imported("--size", "8")["summary"]["notes"]
    assert note.startswith("this replaces another set that was called set (10 images for training, 12x12x3)")
    assert "trials on that one stay in their ledgers and do not count for this one" in note


def test_the_import_says_what_it_took(imported: Import, capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    document = imported()
    summary = document["summary"]
    assert document["counts"] == {"train": [5, 5], "test": [1, 1]}
    assert summary["sizes"] == {
        "different": 1,
        "smallest": [12, 12],
        "largest": [12, 12],
        "commonest": [12, 12],
        "commonest_images": 12,
    }
    assert summary["splits"].startswith(
        "test is 20% of each class, held out here; validation is held out of train"
    )
    assert document["location"] == str(Path("data/folders/set").absolute())
    assert run(["data", "list", "--json"]) == 0
    assert '"layout": "folders of classes"' in capsys.readouterr().out


def test_a_set_of_one_image_a_class_is_refused(imported: Import) -> None:
    fill(count=1)
    assert "class 'cat' has 1 image; class 'dog' has 1 image" in imported(code=3)["said"]
