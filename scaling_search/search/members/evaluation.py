"""Keeps what a member's predictions came to, where it is of a ledger and the classes of the images are known."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from scaling_search.ledger.storage.rows import ConfusionRow, EvaluationRow
from scaling_search.search.members.predict import Prediction

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger


def split_name(found: Prediction) -> str:
    """What the ledger calls these images: their source and a digest of what they are."""
    known = found.images.labels >= 0
    content = hashlib.sha256(found.images.images[known].tobytes() + found.images.labels[known].tobytes())
    name = found.source if found.split is None else f"{found.source}:{found.split}"
    return f"predicted {name} {content.hexdigest()[:8]}"


def record(ledger: Ledger, found: Prediction) -> str | None:
    """Records the evaluation of a single member's predictions; returns the name of its split, None without one."""
    evaluation, member = found.evaluation, found.members[0]
    if evaluation is None or len(found.members) > 1 or member.trial is None:
        return None
    name = split_name(found)
    rows: list[object] = [
        EvaluationRow(
            trial_key=member.trial.key,
            split=name,
            accuracy=evaluation.accuracy.value,
            top5=evaluation.top5,
            correct=np.packbits(evaluation.correct).tobytes(),
            correct_count=len(evaluation.correct),
        )
    ]
    rows += [
        ConfusionRow(
            trial_key=member.trial.key,
            split=name,
            label=int(label),
            predicted=int(predicted),
            images=int(evaluation.confusion[label, predicted]),
        )
        for label, predicted in zip(*np.nonzero(evaluation.confusion), strict=True)
    ]
    ledger.record(rows)
    return name
