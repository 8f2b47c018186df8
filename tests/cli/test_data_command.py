"""`scaling-search data` as a user sees it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scaling_search.cli.main import run


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that this machine has prepared is seen."""
    monkeypatch.setenv("SCALING_SEARCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("COLUMNS", "160")


def test_list_says_what_is_here_and_how_to_get_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "list"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = [line.split() for line in captured.out.splitlines()]
    assert ["digits", "10", "8x8x1", "1,438", "359", "yes"] in [line[:6] for line in lines]
    assert "no: scaling-search data prepare fashion_mnist" in captured.out


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "list", "--json"]) == 0
    digits, fashion = json.loads(capsys.readouterr().out)["datasets"]
    assert (digits["name"], digits["train"], digits["test"], digits["size"]) == ("digits", 1438, 359, [8, 8])
    assert (digits["prepared"], digits["how_to_prepare"]) == (True, None)
    assert (fashion["name"], len(fashion["classes"]), fashion["train"]) == ("fashion_mnist", 10, 60_000)
    assert fashion["prepared"] is False
    assert fashion["how_to_prepare"] == "scaling-search data prepare fashion_mnist"


def test_a_folder_becomes_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = tmp_path / "pictures"
    for label, shade in (("dark", 20), ("light", 220)):
        (pictures / label).mkdir(parents=True)
        for number in range(10):
            pixels = np.full((6, 6), shade + number, np.uint8)
            Image.fromarray(pixels).save(pictures / label / f"{number}.png")
    assert run(["data", "prepare", "shades", "--from", str(pictures), "--json"]) == 0
    captured = capsys.readouterr()
    made = json.loads(captured.out)
    assert (made["name"], made["classes"], made["channels"], made["prepared"]) == (
        "shades",
        ["dark", "light"],
        1,
        True,
    )
    assert made["train"] + made["test"] == 20
    assert "preparing shades" in captured.err
    assert run(["data", "list", "--json"]) == 0
    assert made in json.loads(capsys.readouterr().out)["datasets"]


@pytest.mark.parametrize("classes", [0, 1])
def test_a_folder_without_images_or_with_one_class(
    classes: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for label in range(classes):
        (pictures / str(label)).mkdir()
        Image.fromarray(np.zeros((6, 6), np.uint8)).save(pictures / str(label) / "0.png")
    assert run(["data", "prepare", "few", "--from", str(pictures)]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error: " in captured.err and "Traceback" not in captured.err
