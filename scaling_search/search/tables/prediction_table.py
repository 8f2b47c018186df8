"""Predictions as people and programs read them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from scaling_search.errors import few
from scaling_search.report import columns
from scaling_search.report.table import Details, Document, Row, Table, finite
from scaling_search.search.members.images import left_out
from scaling_search.search.members.predict import Evaluation, Prediction

_SHOWN = 20
_MOST_CLASSES = 30
_SCORED = ("accuracy", "accuracy_low", "accuracy_high", "top5", "per_class", "confusion")
_RANKS = {2: "Second", 3: "Third", 4: "Fourth", 5: "Fifth"}


def document(found: Prediction) -> Document:
    """The accuracy first, where classes are known; then what each image is taken for."""
    evaluation = found.evaluation
    more = []
    if evaluation is not None:
        more = [_classes(found, evaluation), _confusion(found, evaluation)]
    return Document(
        title=f"{'; '.join(member.label for member in found.members)} on {found.source}",
        answer=() if evaluation is None else (_says(found, evaluation),),
        tables=(_images(found),),
        notes=tuple(_notes(found)),
        details=Details(tables=tuple(more)),
    )


def _notes(found: Prediction) -> Iterator[str]:
    if found.images.unknown:
        named = few([repr(name) for name in found.images.unknown])
        classes = few([repr(name) for name in found.classes])
        yield f"Images in folders named {named} count in no accuracy: the classes are {classes}."
    if found.images.left_out:
        yield f"Left out: {left_out(found.images.left_out)}."


def _says(found: Prediction, evaluation: Evaluation) -> str:
    accuracy = evaluation.accuracy
    between = (
        f" ({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f})" if math.isfinite(accuracy.low) else ""
    )
    top = "" if evaluation.top5 is None else f", top-5 {100 * evaluation.top5:.1f} %"
    together = f", {len(found.members)} members together" if len(found.members) > 1 else ""
    wrong = len(evaluation.correct) - int(evaluation.correct.sum())
    return (
        f"{100 * accuracy.value:.1f} %{between} right{top}: {wrong} of {len(evaluation.correct)} images are wrong"
        f"{together}."
    )


def record(found: Prediction) -> dict[str, Any]:
    """For programs."""
    evaluation = found.evaluation
    scored: dict[str, Any] = dict.fromkeys(_SCORED)
    if evaluation is not None:
        shares = (finite(float(value)) for value in evaluation.per_class)
        scored |= {
            "accuracy": evaluation.accuracy.value,
            "accuracy_low": evaluation.accuracy.low,
            "accuracy_high": evaluation.accuracy.high,
            "top5": evaluation.top5,
            "per_class": dict(zip(found.classes, shares, strict=True)),
            "confusion": evaluation.confusion.tolist(),
        }
    return {
        "members": [member.label for member in found.members],
        "source": found.source,
        "split": found.split,
        "classes": list(found.classes),
        **scored,
        "unknown_folders": list(found.images.unknown),
        "left_out": {reason: one.model_dump(mode="json") for reason, one in found.images.left_out.items()},
        "wrong": [one["image"] for one in found.records() if one["right"] is False],
        "images": found.records(),
    }


def _images(found: Prediction) -> Table:
    records = found.records()
    names = list(records[0])
    layout = [
        columns.name("image", "Image", identifies=True),
        columns.name("label", "Class", place="filled"),
        columns.name("predicted", "Predicted"),
        columns.percent("probability", "Probability", 1),
        columns.flag("right", "Right"),
    ]
    for rank in _RANKS:
        if f"predicted_{rank}" in names:
            layout.append(
                columns.name(f"predicted_{rank}", _RANKS[rank], place="always" if rank == 2 else "details")
            )
            layout.append(columns.percent(f"probability_{rank}", _RANKS[rank], 1, place="details"))
    # What is wrong comes first: it is what one looks at.
    records.sort(key=lambda one: one["right"] is not False)
    return Table(
        name="predictions",
        title="Predictions",
        columns=tuple(layout),
        rows=tuple(
            Row(cells=one, emphasis="strong" if one["right"] is False else "plain") for one in records
        ),
        most=_SHOWN,
    )


def _classes(found: Prediction, evaluation: Evaluation) -> Table:
    counts, shares = evaluation.confusion.sum(axis=1), evaluation.per_class
    rows = [
        {
            "class": found.classes[at],
            "images": int(counts[at]),
            "accuracy": finite(float(shares[at])),
        }
        # NaN, of a class without an image, comes last.
        for at in np.argsort(shares, kind="stable")
    ]
    return Table(
        name="classes",
        title="Accuracy per class, the hardest first",
        columns=(
            columns.name("class", "Class", identifies=True),
            columns.integer("images", "Images"),
            columns.percent("accuracy", "Accuracy", 1),
        ),
        rows=tuple(Row(cells=row) for row in rows),
        most=_MOST_CLASSES,
    )


def _confusion(found: Prediction, evaluation: Evaluation) -> Table:
    wrong = evaluation.confusion - np.diag(np.diag(evaluation.confusion))
    pairs = sorted(np.argwhere(wrong).tolist(), key=lambda pair: -wrong[*pair])
    return Table(
        name="confusions",
        title="What was taken for what",
        columns=(
            columns.name("confused_class", "Class", identifies=True),
            columns.name("taken_for", "Taken for", identifies=True),
            columns.integer("times", "Images"),
        ),
        rows=tuple(
            Row(
                cells={
                    "confused_class": found.classes[label],
                    "taken_for": found.classes[predicted],
                    "times": int(wrong[label, predicted]),
                }
            )
            for label, predicted in pairs
        ),
        most=_SHOWN,
    )
