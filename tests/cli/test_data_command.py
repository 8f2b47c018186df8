"""`scaling-search data` as a user sees it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scaling_search.cli.data import sparsely
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
    # In the one document for programs, and in sentences for whoever reads along.
    assert made["summary"]["splits"].startswith("test is 20% of each class, held out here")
    assert made["counts"] == {"train": [8, 8], "test": [2, 2]}
    assert "20 images of one colour all over, once read." in captured.err
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


SUMMARY = """\
mine: 2 classes, 20x30x3, 14 for training, 4 for testing (folder set)

Images of each class
Class  Train  Test
─────  ─────  ────
cat        7     2
dog        7     2

· 1 image with identical copies under another label.
· Duplicates: 2 images in 1 set of identical ones, each set held out whole or not at all.
· Identical, for example: cat/8.png = dog/8.png.
· Fewer than 10 test images each: cat, dog. They limit what can be said.
· Left out: 2 files: 1 hidden (cat/.DS_Store); 1 no image (.txt) (dog/notes.txt).
· 2 images turned upright, as the file says (EXIF or XMP).
· 1 image in grey, made colour like the others.
· 1 image padded (its edge repeated) to the common shape.
· 1 image reduced in size.
· Sizes met: 2, from 20x30 to 40x30, most often 20x30 (17 images); stored at 20x30x3.
· Found by folders of classes; test is 20% of each class, held out here; validation is held out of train by each
  study's own share and seed.
· Near duplicates are not looked for under 32 pixels.
"""


def messy(folder: Path) -> Path:
    """Two classes of nine images with a little of everything."""
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for number in range(9):
            seed = [number, 0 if number == 8 else ord(label[0])]
            image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8))
            exif = Image.Exif()
            if number == 0:
                exif[0x0112] = 6
                image = image.transpose(Image.Transpose.ROTATE_90)
            if (label, number) == ("cat", 1):
                image = image.convert("L")
            if (label, number) == ("dog", 2):
                image = image.resize((30, 40))
            image.save(folder / label / f"{number}.png", exif=exif)
    (folder / "cat" / ".DS_Store").write_text("x")
    (folder / "dog" / "notes.txt").write_text("x")
    return folder


def test_the_summary_as_a_user_sees_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "112")
    assert run(["data", "prepare", "mine", "--from", str(messy(tmp_path / "set"))]) == 0
    captured = capsys.readouterr()
    where = captured.out.partition("folder: ")[2].partition("\n\n")[0]
    assert where.replace("\n", "") == str(tmp_path / "data" / "folders" / "mine")
    assert captured.out.replace(f"folder: {where}\n\n", "") == SUMMARY
    assert captured.err.splitlines()[0] == "preparing mine …"


def test_importing_again_with_other_settings_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(messy(tmp_path / "set"))
    said = []
    for options in ([], [], ["--size", "16"]):
        assert run(["data", "prepare", "mine", "--from", source, *options]) == 0
        said.append(
            "This replaces another set that was called mine (14 images for training"
            in capsys.readouterr().out
        )
    assert said == [False, False, True]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--fit stretch", 2, "fit 'stretch': legal are pad, crop, squash"),
        ("--size 0", 2, "cannot be stored at 0 pixels"),
        ("--channels 9", 2, "got 9"),
        ("--channels 2", 3, "cannot be stored with 2 channels"),
        ("--groups 3", 3, "have no folder of level 3"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, said: str
) -> None:
    source = str(messy(tmp_path / "set"))
    assert run(["data", "prepare", "mine", "--from", source, *words.split()]) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_options_for_folders_are_refused_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "prepare", "digits", "--size", "4", "--skip-damaged"]) == 2
    assert "--size, --skip-damaged: for a folder of images" in capsys.readouterr().err


def test_many_classes_and_reasons_do_not_fill_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in range(60):
        (tmp_path / "set" / f"{label:02}").mkdir(parents=True)
        for number in range(3):
            pixels = np.random.default_rng([label, number]).integers(0, 256, (4, 4), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / f"{label:02}" / f"{number}.png")
    for number in range(50):
        (tmp_path / "set" / "00" / f"x.n{number}").write_text("x")
    assert run(["data", "prepare", "mine", "--from", str(tmp_path / "set")]) == 0
    shown = capsys.readouterr().out
    assert "42 more reasons, in --json" in shown
    assert "… and 30 more rows" in shown
    assert "Fewer than 10 test images each: 00, 01, 02, 03, 04 and 55 more." in shown


def test_a_sign_of_life_at_most_every_so_often() -> None:
    said: list[str] = []
    quick, slow = sparsely(said.append), sparsely(said.append, every=0)
    for done in (256, 512):
        quick("reading", done, 512)
    assert said == []
    slow("reading", 256, 1512)
    assert said == ["reading 256 of 1,512 files"]
