"""Which images hang together: by a column of labels.csv, by a folder, or by a part of the file's name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scaling_search.data.folders.layout import Labelled, same_name
from scaling_search.errors import InputError, few

_SHOWN = 5


def group_names(files: Sequence[Labelled], rule: str | None) -> list[str | None]:
    """The name of each file's group, None where it has none.

    `rule` is a number (the level of the folder below that of the class, 1 being the next), else a column of labels.csv,
    else a regular expression that is searched in each file's name: its first group, or all that it matches, names the
    group. None: the column `group` of labels.csv, where there is one. The same name is the same group in all classes.

    InputError: a rule that is none of these, or that leaves files without a group.
    """
    if rule is None:
        return [one.group and same_name(one.group) for one in files]
    columns = {column for one in files for column in one.cells or ()}
    if rule.isdecimal():
        at = int(rule) - 1
        named = [one.below[at] if 0 <= at < len(one.below) else None for one in files]
        what = f"have no folder of level {rule} below that of their class"
    elif rule in columns:
        named = [(one.cells or {})[rule] or None for one in files]
        what = f"have nothing in the column {rule!r} of labels.csv"
    else:
        pattern = _pattern(rule)
        named = [_matched(pattern, one.file.steps[-1]) for one in files]
        known = f" (it is no column of labels.csv: {few(sorted(columns), near=rule)})" if columns else ""
        what = f"have names in which {rule!r} is not found{known}"
    lost = [one.file.name for one, name in zip(files, named, strict=True) if name is None]
    if lost:
        raise InputError(f"groups {rule!r}: {len(lost)} files {what}: {few(lost, most=_SHOWN)}")
    return [name and same_name(name) for name in named]


def _pattern(rule: str) -> re.Pattern[str]:
    try:
        return re.compile(rule)
    except re.error as error:
        raise InputError(
            f"groups {rule!r} is neither a level of folders, nor a column, nor a regular expression: {error}"
        ) from None


def _matched(pattern: re.Pattern[str], name: str) -> str | None:
    match = pattern.search(name)
    if match is None:
        return None
    return match[1] if pattern.groups and match[1] is not None else match[0]
