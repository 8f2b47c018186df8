"""Images that hang together: named by a column, a folder or a pattern, and kept on one side of every split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scaling_search.data import catalog
from scaling_search.data.folders.splitting import hang_together, split_all
from scaling_search.errors import InputError


def scan(tmp_path: Path, patients: int = 8, each: int = 3, below: str = "{label}/p{patient}/{i}.png") -> Path:
    """Images of `patients`, each with both labels; the first pixel is the patient."""
    for label in ("ill", "well"):
        for patient in range(patients):
            for i in range(each):
                path = tmp_path / "set" / below.format(label=label, patient=patient, i=i)
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.random.default_rng([patient, i, len(label)]).integers(
                    0, 256, (8, 8), dtype=np.uint8
                )
                pixels[0, 0] = patient
                Image.fromarray(pixels).save(path)
    return tmp_path / "set"


def patients_of(part: object) -> set[int]:
    return set(part.images[:, 0, 0, 0].tolist())


def test_whole_groups_go_to_one_side(tmp_path: Path) -> None:
    rules = {
        "1": scan(tmp_path / "level"),
        r"^(p\d+)_": scan(tmp_path / "pattern", below="{label}/p{patient}_{i}.png"),
        "patient": scan(tmp_path / "column", below="{label}-p{patient}-{i}.png"),
    }
    table = ["file,label,patient"]
    for path in sorted(rules["patient"].glob("*.png")):
        label, patient, _ = path.stem.split("-")
        table.append(f"{path.name},{label},{patient}")
    (rules["patient"] / "labels.csv").write_text("\n".join(table))
    for name, (rule, source) in zip(("a", "b", "c"), rules.items(), strict=True):
        info = catalog.prepare(name, source=source, groups=rule)
        assert info.groups == rule
        data = catalog.load(name, validation=0.3)
        parts = [data.train, data.validation, catalog.load_test(name)]
        assert len(set.union(*map(patients_of, parts))) == sum(len(patients_of(part)) for part in parts) == 8
        for part in parts:
            # A number for each patient, whatever the label.
            assert len(set(zip(part.groups.tolist(), part.images[:, 0, 0, 0].tolist(), strict=True))) == len(
                patients_of(part)
            )
        # Without the rule, the same images are split one by one: another set.
        catalog.prepare(f"{name}2", source=source)
        assert catalog.load(f"{name}2", validation=0.3).fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("2", "groups '2': 48 files have no folder of level 2 below that of their class: ill/p0/0.png"),
        ("0", "have no folder of level 0"),
        ("patient(", "neither a level of folders, nor a column, nor a regular expression"),
        ("x", "groups 'x': 48 files have names in which 'x' is not found"),
    ],
)
def test_a_rule_that_leaves_files_without_a_group_is_refused(tmp_path: Path, rule: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        catalog.prepare("mine", source=scan(tmp_path), groups=rule)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_class_in_too_few_groups_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"class 'ill' has 6 images, which lie in 2 groups .* one each for train, val"
    ):
        catalog.prepare("mine", source=scan(tmp_path, patients=2), groups="1")


def test_groups_that_given_splits_tear_apart_are_said(tmp_path: Path) -> None:
    scan(tmp_path, below="train/{label}/p{patient}/{i}.png")
    source = scan(tmp_path, patients=2, below="test/{label}/p{patient}/{i}.png")
    notes = catalog.prepare("mine", source=source, groups="1").summary.notes
    assert any(note.startswith("2 groups lie in more than one of the splits") for note in notes)


def test_groups_of_one_image_each_are_said_to_be_none(tmp_path: Path) -> None:
    source = scan(tmp_path)
    info = catalog.prepare("mine", source=source, groups=r"^(.*)$")
    assert info.groups is not None  # 0.png of every patient is one group here
    info = catalog.prepare(
        "mine", source=scan(tmp_path / "x", below="{label}/{label}{patient}-{i}.png"), groups=".*"
    )
    assert any("every image is alone in its group" in note for note in info.summary.notes)
    assert catalog.load("mine").train.groups is None


def test_identical_images_stay_on_one_side(tmp_path: Path) -> None:
    source = scan(tmp_path)
    for path in sorted(source.glob("*/*/*.png")):
        path.with_name(f"copy-of-{path.name}").write_bytes(path.read_bytes())
    info = catalog.prepare("mine", source=source)
    same = info.summary.duplicates
    assert (same.images, same.sets, same.across_splits, same.across_classes) == (96, 48, 0, 0)
    data = catalog.load("mine", validation=0.3)
    parts = [data.train, data.validation, catalog.load_test("mine")]
    seen = [{image.tobytes() for image in part.images} for part in parts]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 48
    assert all(len(part) == 2 * len(images) for part, images in zip(parts, seen, strict=True))
    assert info.groups is None


def test_a_class_of_copies_is_split_all_the_same_and_that_is_said(tmp_path: Path) -> None:
    source = scan(tmp_path)
    for i in range(20):
        path = source / "blank" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    info = catalog.prepare("mine", source=source)
    assert info.counts["test"][0] == 4
    assert any(note.startswith("nearly all images of 'blank' are identical") for note in info.summary.notes)


@settings(max_examples=60)
@given(st.data())
def test_splitting_by_any_groups(data: st.DataObject) -> None:
    """Whatever hangs together: every class on every side, no group on two, or a refusal that names a class."""
    count = data.draw(st.integers(6, 60))
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), np.int32)
    named = [str(group) for group in data.draw(st.lists(st.integers(0, 20), min_size=count, max_size=count))]
    given_splits = [None] * count
    groups, _ = hang_together(
        labels, given_splits, named=named, digests=[str(i).encode() for i in range(count)], near=()
    )
    classes = ("a", "b", "c")
    try:
        splits, _ = split_all(given_splits, labels, groups, classes=classes, what="set")
    except InputError as error:
        assert any(f"class '{name}'" in str(error) for name in classes)
        return
    for group in set(named):
        assert len({split for split, name in zip(splits, named, strict=True) if name == group}) == 1
    for label in range(3):
        assert {split for split, one in zip(splits, labels, strict=True) if one == label} == {"train", "test"}
