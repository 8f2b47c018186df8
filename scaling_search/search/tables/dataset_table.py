"""Data sets at hand, as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaling_search.data.dataset import DatasetInfo
from scaling_search.report import columns
from scaling_search.report.table import Column, Document, Row, Table


def document(infos: Sequence[DatasetInfo]) -> Document:
    """One table, a row per data set."""
    layout = (
        columns.name("name", "Data set", identifies=True),
        columns.integer("classes", "Classes"),
        Column(key="size", title="Size (px)"),
        columns.integer("train", "Train images"),
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


def record(info: DatasetInfo) -> dict[str, Any]:
    """One data set for programs; `size` is height and width in pixels, null where its images differ."""
    return {
        "name": info.name,
        "classes": list(info.classes),
        "channels": info.channels,
        "size": None if info.size is None else list(info.size),
        "train": info.train_count,
        "test": info.test_count,
        "prepared": info.prepared,
        "how_to_prepare": info.how_to_prepare or None,
        "source": info.source,
        "location": None if info.location is None else str(info.location),
    }


def _size(info: DatasetInfo) -> str:
    """Height x width x channels.

    >>> from scaling_search.data.digits import INFO
    >>> _size(INFO)
    '8x8x1'
    """
    pixels = "mixed" if info.size is None else "x".join(map(str, info.size))
    return f"{pixels}x{info.channels}"
