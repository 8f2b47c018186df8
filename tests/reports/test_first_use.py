"""What a first use met with its data, and files that an editor of Windows saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaling_search.architecture.toml import read as read_network
from scaling_search.cli.main import run
from scaling_search.errors import InputError
from scaling_search.export.metadata import read_class_names
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


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le with a mark", "utf-16-be with a mark"]


def saved(path: str, text: str, encoding: str, end: str) -> None:
    """As an editor writes it; a mark is text to these encodings."""
    kind, _, mark = encoding.partition(" ")
    Path(path).write_bytes((("\ufeff" if mark else "") + text.replace("\n", end)).encode(kind))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_saved_on_windows(encoding: str, end: str, imported: Import) -> None:
    saved("tiny.toml", NETWORK, encoding, end)
    saved("s.toml", STUDY, encoding, end)
    saved("names.txt", "Katze\nHündchen\n", encoding, end)
    assert read_network(Path("tiny.toml")).name == "tiny"
    assert read_study(Path("s.toml")).dataset.name == "digits"
    assert read_class_names(Path("names.txt")) == ("Katze", "Hündchen")
    paths = fill(classes=("images",), count=12)
    lines = [f"images/{path.name},{'Kätzchen' if at % 2 else 'Hund'}" for at, path in enumerate(paths)]
    saved("set/labels.csv", "\n".join(["file,label", *lines]), encoding, end)
    assert imported()["classes"] == ["Hund", "Kätzchen"]


@pytest.mark.parametrize(
    "content", [b"name = '\xff'", b"\xff\xfea", b"\xff\xfe\x00\xd8", b"\x00\x00\xfe\xff"]
)
def test_text_in_no_encoding_is_said_to_be_that(content: bytes) -> None:
    Path("s.toml").write_bytes(content)
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_study(Path("s.toml"))


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
