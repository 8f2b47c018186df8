"""`labels.csv` in the folder: which file has which label, and, where it says so, which split and group.

Columns are found by name: file (also filename, path, image), label (or class), split, group. Others may be there, and
be named as groups. Fields are separated by commas, semicolons or tabs; the text is UTF-8, with or without a mark.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scaling_search.data.folders.layout import NAMES, Labelled, Layout, class_names, split_of
from scaling_search.data.folders.walk import File, Left
from scaling_search.data.paths import printable
from scaling_search.errors import InputError, StorageError, few
from scaling_search.system.text import encoding_of

NAME = "labels.csv"
_COLUMNS = {
    "file": ("file", "filename", "file_name", "path", "image"),
    "label": ("label", "class"),
    "split": ("split",),
    "group": ("group",),
}
_SHOWN = 20


def find(files: Sequence[File]) -> File | None:
    """The labels.csv of the folder, in any case of its name."""
    return next((one for one in files if len(one.steps) == 1 and one.steps[0].lower() == NAME), None)


def by_labels(root: Path, table: File, files: Sequence[File], left: Left) -> Layout:
    """The layout that a labels.csv gives. InputError: each fault of the table, with the lines that have it."""
    rows = _rows(table.path)
    known: dict[str, File] = {_key("/".join(file.steps)): file for file in files if file is not table}
    faults: dict[str, list[str]] = {}
    taken: dict[str, Labelled] = {}
    listed: set[str] = set()
    for line, cells in rows:
        name, label, split_name = cells["file"], cells["label"], cells.get("split", "")
        # Paths from Windows, from the root of the disk, and from here are the same.
        key = _key(name.replace("\\", "/").removeprefix(f"{root.absolute().as_posix()}/").removeprefix("./"))
        file, split = known.get(key), split_of(split_name)
        listed.add(key)
        if file is None:
            faults.setdefault("files that are not there", []).append(f"{printable(name)} (line {line})")
        elif not label:
            left.add("without a label in labels.csv", file.name)
        elif split_name and split is None:
            legal = ", ".join(name for names in NAMES.values() for name in names)
            faults.setdefault(f"splits that are none of {legal}", []).append(
                f"{printable(split_name)} (line {line})"
            )
        else:
            row = Labelled(
                file=file, label=label, split=split, below=file.steps[:-1],
                group=cells.get("group") or None, cells=cells,
            )  # fmt: skip
            before = taken.setdefault(key, row)
            if before.key != row.key or before.split != split or before.group != row.group:
                faults.setdefault("files named twice, differently", []).append(f"{file.name} (line {line})")
    for key, file in known.items():
        if key not in listed:
            left.add("not in labels.csv", file.name)
    placed = _with_split(list(taken.values()), faults)
    if faults:
        raise InputError(
            "\n".join(
                f"{NAME}: {len(where)} {what}: {few(where, most=_SHOWN)}" for what, where in faults.items()
            )
        )
    return Layout(
        files=tuple(sorted(placed, key=lambda one: (one.key, one.file.steps))),
        names=class_names(root, placed),
        described=NAME,
    )


def _with_split(rows: list[Labelled], faults: dict[str, list[str]]) -> list[Labelled]:
    """Rows with the split of the column, else of the first folder where every file lies in one for a split."""
    if any(row.split for row in rows):
        lost = [row.file.name for row in rows if row.split is None]
        if lost:
            faults["files without a split, where others have one"] = lost
        return rows
    folders = [split_of(row.file.steps[0]) if len(row.file.steps) > 1 else None for row in rows]
    if "train" in folders and None not in folders:
        return [
            replace(row, split=split, below=row.below[1:]) for row, split in zip(rows, folders, strict=True)
        ]
    return rows


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line numbers and cells by column."""
    try:
        with path.open(encoding=encoding_of(path), newline="") as file:
            head = file.readline()
            delimiter = max(",;\t", key=head.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            columns = _columns(next(reader, []))
            rows = []
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) != len(columns):
                    raise InputError(
                        f"{NAME}, line {reader.line_num}: {len(row)} fields where the first line has {len(columns)}"
                    )
                cells = {column: cell.strip() for column, cell in zip(columns, row, strict=True)}
                rows.append((reader.line_num, cells))
            return rows
    except UnicodeError:
        raise InputError(f"{NAME} is not UTF-8 text: save it as CSV UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{NAME} is no table: {error}") from None
    except OSError as error:
        raise StorageError(f"cannot read {printable(path)}: {error.strerror}") from error


def _columns(names: list[str]) -> list[str]:
    """Columns by their names, ours by one name each."""
    stripped = [name.strip() for name in names]
    lower = [name.lower() for name in stripped]
    columns = list(stripped)
    for ours, legal in _COLUMNS.items():
        at = next((lower.index(name) for name in legal if name in lower), None)
        if at is not None:
            columns[at] = ours
        elif ours in ("file", "label"):
            raise InputError(
                f"{NAME} has no column {ours!r} in its first line; found are {few(list(map(repr, stripped))) or 'none'}"
            )
    if len(set(columns)) < len(columns):
        raise InputError(f"{NAME}: two columns have one name: {few(list(map(repr, stripped)))}")
    return columns


def _key(name: str) -> str:
    """Files are found whatever Unicode form their names are written in, on either side."""
    return unicodedata.normalize("NFC", name)
