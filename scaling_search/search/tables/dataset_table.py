"""Data sets at hand, and what preparing one met, as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaling_search.data.dataset import DatasetInfo
from scaling_search.data.summary import Change, Duplicates, Sizes, Summary
from scaling_search.report import columns
from scaling_search.report.table import Column, Document, Row, Table

_CLASSES = 30  # rows that a terminal shows
_REASONS = 8  # for which files were left out, that people see
_FEW = 10  # images of a class in what judges: an interval of its accuracy spans half of the scale

TEXTS: dict[Change, str] = {
    "orientation": "turned upright, as the file says (EXIF or XMP)",
    "transparency": "with transparency, laid on white",
    "palette": "with a palette, looked up",
    "cmyk": "in CMYK, made RGB",
    "lab": "in CIE Lab, made RGB",
    "profile": "brought to sRGB by the file's colour profile",
    "profile unreadable": "with a colour profile that cannot be used, and was ignored",
    "exif unreadable": "with EXIF that cannot be read, and was ignored",
    "depth": "scaled to 8 bits",
    "channels first": "read as (channels, height, width)",
    "first frame": "of several frames or pages, only the first taken",
    "grey to colour": "in grey, made colour like the others",
    "colour to grey": "in colour, made grey as asked",
    "padded": "padded (its edge repeated) to the common shape",
    "cropped": "cropped to the middle",
    "squashed": "squashed or stretched to the common shape",
    "enlarged": "enlarged: interpolated, no detail added",
    "reduced": "reduced in size",
    "one colour": "of one colour all over, once read",
}


def document(infos: Sequence[DatasetInfo]) -> Document:
    """One table, a row per data set."""
    layout = (
        columns.name("name", "Data set", identifies=True),
        columns.integer("classes", "Classes"),
        Column(key="size", title="Size (px)"),
        columns.integer("train", "Train images"),
        columns.integer("validation", "Validation images", place="filled"),
        columns.integer("test", "Test images"),
        columns.name("status", "Prepared"),
        columns.name("source", "Source"),
    )
    rows = tuple(
        Row(
            cells={
                "name": info.name,
                "classes": len(info.classes),
                "size": _size(info),
                "train": info.train_count,
                "validation": info.validation_count,
                "test": info.test_count,
                "status": "yes" if info.prepared else f"no: {info.how_to_prepare}",
                "source": info.source,
            }
        )
        for info in infos
    )
    note = "A folder of images becomes a data set with: scaling-search data prepare NAME --from DIR"
    return Document(
        title="",
        tables=(Table(name="datasets", title="Data sets", columns=layout, rows=rows, notes=(note,)),),
    )


def prepared(info: DatasetInfo) -> Document:
    """What was prepared: how many images of each class, what was done to them, what was left out, what is the same."""
    parts = [f"{info.train_count:,} for training"]
    parts += [] if info.validation_count is None else [f"{info.validation_count:,} for validation"]
    parts += [f"{info.test_count:,} for testing"]
    title = f"{info.name}: {len(info.classes)} classes, {_size(info)}, {', '.join(parts)} ({info.source})"
    facts = {} if info.location is None else {"folder": str(info.location)}
    return Document(title=title, facts=facts, tables=_class_table(info), notes=tuple(sentences(info)))


def sentences(info: DatasetInfo) -> list[str]:
    """The summary in sentences: what needs attention first."""
    summary = info.summary or Summary()
    found = [*_alarms(info, summary), *map(_sentence, summary.notes)]
    found += [f"A library warned: {line}" for line in summary.warnings]
    left = sum(one.count for one in summary.left_out.values())
    if left:
        found.append(f"Left out: {_many(left, 'file')}: {'; '.join(_left_out(summary))}.")
    found += [f"{_many(count, 'image')} {TEXTS[change]}." for change, count in summary.converted.items()]
    if summary.depth:
        found.append(f"Depth: {summary.depth}.")
    if summary.sizes:
        found.append(f"Sizes met: {_sizes_met(summary.sizes)}; stored at {_size(info)}.")
    if info.native is not None and info.size is not None:
        found.append(
            f"Most images had {info.native} pixels on their shorter side: of the {min(info.size)} stored, the rest is "
            "interpolated, and so is whatever a network sees above that."
        )
    if summary.layout:
        found.append(f"Found by {summary.layout}; {summary.splits}.")
    if info.groups is not None:
        found.append(f"Groups by {info.groups!r}: each is held out whole or not at all.")
    if summary.near is None and summary.layout:
        found.append("Near duplicates are not looked for under 32 pixels.")
    return found


def _alarms(info: DatasetInfo, summary: Summary) -> list[str]:
    """What would mislead whoever did not know it."""
    same, near = summary.duplicates, summary.near
    found: list[str] = []
    if same.repeated_test:
        found.append(
            f"{same.repeated_test:,} of {info.test_count:,} test images are identical to images for training or "
            "validation: accuracy on them says nothing of new images."
        )
    if same.repeated_validation:
        found.append(
            f"{same.repeated_validation:,} of {info.validation_count or 0:,} validation images are identical to images "
            "for training."
        )
    if same.across_classes:
        found.append(f"{_many(same.across_classes, 'image')} with identical copies under another label.")
    if same.images:
        kept = "" if same.across_splits else ", each set held out whole or not at all"
        found.append(
            f"Duplicates: {same.images:,} images in {_many(same.sets, 'set')} of identical ones{kept}."
        )
    if same.across_splits or same.across_classes:
        found.append(f"Identical, for example: {_examples(same)}.")
    if near is not None and near.images:
        found.append(
            f"Near duplicates: {near.images:,} images in {_many(near.sets, 'set')} of nearly identical ones, "
            f"{near.across_splits:,} of them across splits and {near.across_classes:,} across labels, for example "
            f"{_examples(near)}."
            + (" --group-near keeps each set in one split." if near.across_splits else "")
        )
    return found + _class_alarms(info)


def _class_alarms(info: DatasetInfo) -> list[str]:
    """Classes that judging rests on too few images of; and what naming the commonest class always gets."""
    found: list[str] = []
    if info.counts is None:
        return found
    for split in ("validation", "test"):
        counts = info.counts.get(split)
        small = [name for name, count in zip(info.classes, counts or (), strict=False) if 0 < count < _FEW]
        if counts and small:
            more = f" and {len(small) - 5} more" if len(small) > 5 else ""
            found.append(
                f"Fewer than {_FEW} {split} images each: {', '.join(small[:5])}{more}. They limit what can be said."
            )
    train = info.counts["train"]
    if max(train) > 1.5 * sum(train) / len(train):
        common = info.classes[train.index(max(train))]
        found.append(
            f"Classes are not equally common: always naming {common} is right for {max(train) / sum(train):.0%} of "
            "the images for training."
        )
    return found


def _class_table(info: DatasetInfo) -> tuple[Table, ...]:
    if info.counts is None:
        return ()
    splits = [split for split in ("train", "validation", "test") if split in info.counts]
    layout = (
        columns.name("class", "Class", identifies=True),
        *(columns.integer(split, split.capitalize()) for split in splits),
    )
    rows = tuple(
        Row(cells={"class": name, **{split: info.counts[split][i] for split in splits}})  # type: ignore[index]
        for i, name in enumerate(info.classes)
    )
    return (Table(name="classes", title="Images of each class", columns=layout, rows=rows, most=_CLASSES),)


def record(info: DatasetInfo) -> dict[str, Any]:
    """One data set for programs; `size` is height and width in pixels, null where its images differ."""
    return {
        "name": info.name,
        "classes": list(info.classes),
        "channels": info.channels,
        "size": None if info.size is None else list(info.size),
        "train": info.train_count,
        "validation": info.validation_count,
        "test": info.test_count,
        "counts": None if info.counts is None else {split: list(n) for split, n in info.counts.items()},
        "groups": info.groups,
        "skipped": info.skipped,
        "native_resolution": info.native_resolution,
        "prepared": info.prepared,
        "how_to_prepare": info.how_to_prepare or None,
        "source": info.source,
        "location": None if info.location is None else str(info.location),
        "summary": None if info.summary is None else info.summary.model_dump(mode="json"),
    }


def _size(info: DatasetInfo) -> str:
    """Height x width x channels.

    >>> from scaling_search.data.digits import INFO
    >>> _size(INFO)
    '8x8x1'
    """
    pixels = "mixed" if info.size is None else _pixels(info.size)
    return f"{pixels}x{info.channels}"


def _pixels(size: tuple[int, int]) -> str:
    return "x".join(map(str, size))


def _sizes_met(sizes: Sizes) -> str:
    if sizes.different == 1:
        return f"{_pixels(sizes.commonest)} alone"
    return (
        f"{sizes.different:,}, from {_pixels(sizes.smallest)} to {_pixels(sizes.largest)}, most often "
        f"{_pixels(sizes.commonest)} ({_many(sizes.commonest_images, 'image')})"
    )


def _many(count: int, what: str) -> str:
    """A count with its noun.

    >>> _many(1, "image"), _many(1200, "set")
    ('1 image', '1,200 sets')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".") + "."


def _examples(same: Duplicates) -> str:
    return "; ".join(" = ".join(names) for names in same.examples)


def _left_out(summary: Summary) -> list[str]:
    reasons = [one.words(reason) for reason, one in summary.left_out.items()]
    more = len(reasons) - _REASONS
    return [*reasons[:_REASONS], *([f"{more} more reasons, in --json"] if more > 0 else [])]
