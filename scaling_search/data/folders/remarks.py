"""What the user is told of an import: in an error where it cannot go on, else in the summary's notes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scaling_search.data.dataset import SplitName
from scaling_search.data.duplicates import Groups, in_groups
from scaling_search.data.folders.contents import Contents
from scaling_search.data.folders.layout import Labelled, Layout
from scaling_search.data.folders.walk import Left
from scaling_search.data.paths import printable
from scaling_search.data.storage import Entry, Record
from scaling_search.errors import InputError, few
from scaling_search.system.files import save

_SHOWN = 20


def check_classes(layout: Layout, files: Sequence[Labelled], what: str) -> None:
    """InputError: a class without any image, or one that train lacks."""
    present = {one.key for one in files}
    empty = [name for key, name in layout.names.items() if key not in present]
    if empty:
        raise InputError(f"{what}: no images of class {_some(empty)}; move away what is no class")
    trained = {one.key for one in files if one.split in (None, "train")}
    legal = [layout.names[key] for key in layout.names if key in trained]
    strangers = [one for one in files if one.key not in trained]
    if strangers:
        name = layout.names[strangers[0].key]
        raise InputError(f"{strangers[0].file.name}: train has no class {name!r}; legal are {_some(legal)}")


def depth(contents: Contents) -> str | None:
    """How deep samples were scaled, and whether a few bright images decided that for all."""
    white, bits = contents.form.white, contents.bits
    if white is None or not bits or white == 255:
        return None
    used = white.bit_length()
    text = f"{used} bits are used where no file says how many are, so that {white:,} is white"
    usual = sorted(bits)[len(bits) // 2]
    if usual <= used - 2:
        bright = sum(one > usual for one in bits)
        text += f"; half of these images use {usual} bits at most, and are dark now: {bright} brighter ones decided"
    return text


def on_groups(groups: Groups, splits: Sequence[SplitName], rule: str | None) -> list[str]:
    """Groups that are none, or that the splits as they were given tear apart."""
    notes = []
    if rule is not None and in_groups(groups) is None:
        notes.append(f"groups {rule!r}: every image is alone in its group")
    where: dict[int, set[SplitName]] = {}
    for group, split in zip(groups.tolist(), splits, strict=True):
        where.setdefault(group, set()).add(split)
    leaks = sum(len(one) > 1 for one in where.values())
    if leaks:
        notes.append(
            f"{leaks} group{'s' * (leaks > 1)} lie in more than one of the splits as they were given: "
            "images for training and for judging are not independent"
        )
    return notes


def on_classes(classes: Sequence[str], entries: dict[SplitName, Entry]) -> list[str]:
    """Classes that a given split lacks: nothing can be said of them there."""
    notes = []
    for split, entry in entries.items():
        lacking = [name for name, count in zip(classes, entry.counts, strict=True) if count == 0]
        if lacking:
            notes.append(f"{split} has no images of {_some(lacking)}")
    return notes


def on_likeness(too_alike: Sequence[int], classes: Sequence[str]) -> list[str]:
    """Classes of copies of a few images."""
    if not too_alike:
        return []
    names = _some([classes[number] for number in too_alike])
    return [
        f"nearly all images of {names} are identical: copies of one image are in several splits, for otherwise there "
        "would be nothing to train on or to judge by"
    ]


def on_near(near: list[tuple[int, int]] | None, asked: bool) -> list[str]:
    """Near duplicates that were to be grouped and cannot be told."""
    if near is None and asked:
        return [
            "near duplicates were not grouped: under 32 pixels they cannot be told from images of one kind"
        ]
    return []


def on_replacing(name: str, before: Record | None, entries: dict[SplitName, Entry]) -> list[str]:
    """Another set that had this name."""
    if before is None:
        return []
    old = {split: entry.digest for split, entry in before.splits.items()}
    if old == {split: entry.digest for split, entry in entries.items()}:
        return []
    shape = before.splits["train"].shape
    return [
        f"this replaces another set that was called {name} ({shape[0]} images for training, "
        f"{'x'.join(map(str, shape[1:]))}): trials on that one stay in their ledgers and do not count for this one; "
        "to keep both, import under another name"
    ]


def faulty(faults: Sequence[tuple[str, str, str]], faults_file: Path) -> InputError:
    """All files that should be images and give none: the first 20 by name, the whole list in a file."""
    lines = [f"  {name}: {kind}: {reason}" for name, kind, reason in sorted(faults)]
    shown = lines[:_SHOWN]
    if len(lines) > _SHOWN:
        save("\n".join(lines) + "\n", faults_file)
        shown.append(f"  and {len(lines) - _SHOWN} more: all are in {printable(faults_file)}")
    kinds = " and ".join(sorted({kind for _, kind, _ in faults}))
    count = f"{len(lines)} file{'s' * (len(lines) > 1)}"
    return InputError(
        "\n".join([f"{count} cannot be used ({kinds}); --skip-damaged leaves them out:", *shown])
    )


def nothing(folder: Path, left: Left) -> InputError:
    """No image at all, and what there was instead."""
    seen = "; ".join(f"{one.count} {reason}" for reason, one in left.counted().items())
    what = f"holds no images that belong to a class (found: {seen})" if seen else "is empty"
    return InputError(
        f"{printable(folder)} {what}: expected are folders named after classes with images in them (PNG, JPEG, TIFF "
        "and the like), or a labels.csv with columns file and label"
    )


def _some(names: Sequence[str]) -> str:
    return few(list(map(repr, names)), most=_SHOWN)
