"""Which study of the ledger a search is: told by what decides its results, called by a name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from scaling_search.data.dataset import Dataset
from scaling_search.errors import InputError
from scaling_search.ledger.names import check_name
from scaling_search.ledger.storage.rows import DatasetRow, StudyRow
from scaling_search.ledger.storage.schema import STUDIES
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.trial.ledger_rows import network_rows, study_row

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader

_DIFFERENCES = {"dataset": "data or split", "recipe": "recipe"}


def find(ledger: Reader, space: SearchSpace, dataset: str) -> StudyRow | None:
    """The study with this content, under whatever name; `dataset` is the fingerprint of data and split."""
    found = ledger.rows(STUDIES, fingerprint=space.identity(dataset))
    given = space.study.name
    return next((row for row in found if given in (None, row.name)), found[0] if found else None)


def register(ledger: Ledger, space: SearchSpace, dataset: Dataset, *, say: Callable[[str], None]) -> StudyRow:
    """Keeps the study, its data and its networks, and returns its row.

    Without a name of its own it is called after data and baseline; where that name has another content, with a suffix
    of its own. One content is one study, whatever it is called. Errors: InputError where a given name belongs to
    another search, or cannot name one.
    """
    known = find(ledger, space, dataset.fingerprint)
    if known is not None and space.study.name not in (None, known.name):
        say(f"study {space.study.name!r} is in this ledger already, as {known.name!r}")
    name = known.name if known is not None else _new_name(ledger, space, dataset.fingerprint, say)
    created = None if known is None else known.created_at
    row = study_row(space, name=name, dataset=dataset.fingerprint, created_at=created)
    ledger.record([row, dataset_row(space, dataset), *network_rows([space.base, space.baseline])])
    return row


def check_given_name(ledger: Reader, space: SearchSpace, dataset: str) -> None:
    """That a study which the ledger does not have may be called as it asks to be.

    Errors: InputError where a given name belongs to another search, or cannot name one.
    """
    given = space.study.name
    if given is None:
        return
    check_name(given)
    if (taken := ledger.study(given)) is not None:
        differs = difference(taken, study_row(space, name=given, dataset=dataset))
        raise InputError(
            f"this ledger has another study {given!r} (it differs in {differs}): give this one a name of its own "
            "with --name"
        )


def _new_name(ledger: Reader, space: SearchSpace, dataset: str, say: Callable[[str], None]) -> str:
    check_given_name(ledger, space, dataset)
    if space.study.name is not None:
        return space.study.name
    default = f"{space.study.dataset.name}-{space.baseline.name}"
    taken = ledger.study(default)
    if taken is None:
        return default
    mine = study_row(space, name="", dataset=dataset)
    differs = difference(taken, mine)
    for length in range(4, len(mine.fingerprint) + 1):
        name = f"{default}-{mine.fingerprint[:length]}"
        if ledger.study(name) is None:
            say(f"kept apart from study {default} (it differs in {differs}) as {name}")
            return name
    raise AssertionError  # two studies of one fingerprint are one


def difference(one: StudyRow, other: StudyRow) -> str:
    """In what a study differs from an earlier one, in words."""
    found = [words for field, words in _DIFFERENCES.items() if getattr(one, field) != getattr(other, field)]
    networks = (("network", one.full, other.full), ("proxy", one.base, other.base))
    # Another network has another proxy.
    found += [
        f"{words}, fingerprint {then[:12]} then and {now[:12]} now"
        for words, then, now in networks
        if then != now
    ][:1]
    return " and ".join(found) or "rounding, budget, match, metric, φ or tuned rates"


def dataset_row(space: SearchSpace, dataset: Dataset) -> DatasetRow:
    """A data set as the ledger keeps it: what chance, classes and groups of its validation images are."""
    groups = getattr(dataset.validation, "groups", None)
    return DatasetRow(
        fingerprint=dataset.fingerprint,
        name=dataset.name,
        classes=json.dumps(list(dataset.classes)),
        channels=dataset.channels,
        height=dataset.size[0],
        width=dataset.size[1],
        train_images=len(dataset.train),
        validation_images=len(dataset.validation),
        test_images=space.info.test_count,
        mean=json.dumps([round(float(value), 6) for value in dataset.mean]),
        std=json.dumps([round(float(value), 6) for value in dataset.std]),
        validation_labels=json.dumps(dataset.validation.labels.tolist(), separators=(",", ":")),
        validation_groups=None if groups is None else json.dumps(groups.tolist(), separators=(",", ":")),
    )


def newest(ledger: Reader) -> StudyRow | None:
    """The study that was run last."""
    return max(ledger.rows(STUDIES), key=lambda row: (row.run_at, row.created_at, row.name), default=None)
