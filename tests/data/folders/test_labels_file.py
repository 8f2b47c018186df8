"""labels.csv: files, labels, splits and groups by a table."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scaling_search.data import catalog
from scaling_search.errors import InputError


def flat(tmp_path: Path, count: int = 12, folder: str = "") -> Path:
    """Grey images `I.png` of shade 10·I in one folder."""
    (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(np.full((6, 6), 10 * number, np.uint8)).save(
            tmp_path / "set" / folder / f"{number}.png"
        )
    return tmp_path / "set"


def table(source: Path, lines: list[str], encoding: str = "utf-8", name: str = "labels.csv") -> None:
    (source / name).write_bytes("\n".join(lines).encode(encoding))


def rows(count: int = 12, more: str = "") -> list[str]:
    return [f"{i}.png,{'even' if i % 2 == 0 else 'odd'}{more}" for i in range(count)]


def shades(part: object) -> list[int]:
    return sorted((part.images[:, 0, 0, 0] // 10).tolist())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("head", ["file,label", "Filename, LABEL", "image,class"])
def test_a_flat_folder_with_a_table(tmp_path: Path, encoding: str, delimiter: str, head: str) -> None:
    source = flat(tmp_path)
    table(source, [line.replace(",", delimiter) for line in [head, *rows(), ""]], encoding, "Labels.CSV")
    info = catalog.prepare("mine", source=source)
    assert info.classes == ("even", "odd")
    assert info.counts == {"train": (5, 5), "test": (1, 1)}
    data = catalog.load("mine")
    for part in (data.train, data.validation, catalog.load_test("mine")):
        assert (part.images[:, 0, 0, 0] // 10 % 2 == part.labels).all()


def test_splits_and_groups_by_columns(tmp_path: Path) -> None:
    source = flat(tmp_path)
    splits = ["train"] * 6 + ["Val"] * 3 + ["EVAL"] * 3
    lines = [f"{row},{split},p{i // 3}" for i, (row, split) in enumerate(zip(rows(), splits, strict=True))]
    table(source, ["file,label,split,group", *lines])
    info = catalog.prepare("mine", source=source)
    assert (info.train_count, info.validation_count, info.test_count, info.groups) == (6, 3, 3, "group")
    data = catalog.load("mine")
    assert shades(data.train) == list(range(6))
    assert shades(data.validation) == [6, 7, 8]
    assert shades(catalog.load_test("mine")) == [9, 10, 11]
    # Classes are stored one after the other: 0, 2, 4 and 1, 3, 5, of which 0 to 2 and 3 to 5 are groups.
    first, second = data.train.groups[[0, 1, 3]], data.train.groups[[2, 4, 5]]
    assert np.unique(first).size == np.unique(second).size == 1 != np.unique(data.train.groups).size
    assert np.unique(data.validation.groups).size == 1


def test_splits_by_folders_where_the_table_names_none(tmp_path: Path) -> None:
    flat(tmp_path, folder="train")
    source = flat(tmp_path, count=4, folder="test")
    table(source, ["file,label", *[f"train/{row}" for row in rows()], *[f"test\\{row}" for row in rows(4)]])
    info = catalog.prepare("mine", source=source)
    assert (info.train_count, info.test_count) == (12, 4)


def test_what_the_table_does_not_name_or_label_is_counted(tmp_path: Path) -> None:
    source = flat(tmp_path)
    (source / "notes.txt").write_text("x")
    table(source, ["file,label", *rows(10), "10.png,"])
    left = catalog.prepare("mine", source=source).summary.left_out
    assert {reason: one.count for reason, one in left.items()} == {
        "not in labels.csv": 2,
        "without a label in labels.csv": 1,
    }


def test_names_in_another_unicode_form_and_absolute_ones_are_found(tmp_path: Path) -> None:
    source = flat(tmp_path)
    (source / "0.png").rename(source / unicodedata.normalize("NFD", "é.png"))
    named = [unicodedata.normalize("NFC", "é.png,even"), f"{source}/1.png,odd", "./2.png,even", *rows()[3:]]
    table(source, ["file,label", *named])
    info = catalog.prepare("mine", source=source)
    assert info.train_count + info.test_count == 12


def test_labels_equal_in_any_unicode_form_are_one_class(tmp_path: Path) -> None:
    source = flat(tmp_path)
    forms = ["NFC", "NFD"]
    named = [f"{i}.png,{unicodedata.normalize(forms[i // 2 % 2], 'é' if i % 2 else 'à')}" for i in range(12)]
    table(source, ["file,label", *named])
    assert catalog.prepare("mine", source=source).classes == ("à", "é")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["file,tag", *rows()], "no column 'label' in its first line; found are 'file', 'tag'"),
        ([], "no column 'file' in its first line; found are none"),
        (["file,label,file", *rows(more=",x")], "two columns have one name"),
        (
            ["file,label", *rows(), "99.png,odd", "../../etc/passwd,odd"],
            "2 files that are not there: 99.png (line 14)",
        ),
        (["file,label", *rows(), "0.png,odd"], "1 files named twice, differently: 0.png (line 14)"),
        (["file,label,split", *rows(more=",trian")], "12 splits that are none of train, training, val"),
        (
            ["file,label,split", *rows(11, ",train"), "11.png,odd,"],
            "1 files without a split, where others have one",
        ),
        (["file,label", *rows(11), "11.png"], "line 13: 1 fields where the first line has 2"),
        (["file,label", *[f'"{row}' for row in rows(1)]], "labels.csv is no table"),
    ],
)
def test_faults_of_the_table_are_named_with_their_lines(tmp_path: Path, lines: list[str], said: str) -> None:
    source = flat(tmp_path)
    table(source, lines)
    with pytest.raises(InputError) as caught:
        catalog.prepare("mine", source=source)
    assert said in str(caught.value)


def test_a_long_list_of_faults_is_cut(tmp_path: Path) -> None:
    source = flat(tmp_path)
    table(source, ["file,label", *rows(), *(f"gone-{i}.png,odd" for i in range(500))])
    with pytest.raises(InputError, match=r"500 files that are not there: .* and 480 more") as caught:
        catalog.prepare("mine", source=source)
    assert len(str(caught.value)) < 1500


def test_a_table_in_another_encoding_says_so(tmp_path: Path) -> None:
    source = flat(tmp_path)
    table(source, ["file,label", *rows(11), "11.png,größe"], "cp1252")
    with pytest.raises(InputError, match="not UTF-8 text: save it as CSV UTF-8"):
        catalog.prepare("mine", source=source)


def test_the_same_row_twice_is_one_image(tmp_path: Path) -> None:
    source = flat(tmp_path)
    table(source, ["file,label", *rows(), *rows(3)])
    assert sum(sum(counts) for counts in catalog.prepare("mine", source=source).counts.values()) == 12
