"""`scale`: the best triple over phi. One network file per phi; what time and memory allow is trained and tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.family.members import NOT_TRAINED
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.study import Study

if TYPE_CHECKING:
    from scaling_search.search.trial.trainer import Trainer


def forbidden(study: Study, trainer: Trainer, member: Candidate) -> str | None:
    """Why a member is not trained here, with the figure; None when nothing speaks against it."""
    if member.status == NOT_TRAINED:
        return member.reason
    from scaling_search.search.trial import provenance

    needed = trainer.estimated_memory(member.network)
    available = provenance.available_memory()
    if available is not None and needed > available:
        return f"needs about {needed / 2**30:.1f} GiB, {available / 2**30:.1f} GiB are available"
    seconds = estimated_seconds(trainer, member)
    if seconds is not None and seconds > 60 * study.scale.max_minutes:
        return f"one seed would take about {seconds / 60:.1f} min, over scale.max_minutes = {study.scale.max_minutes:g}"
    return None


def estimated_seconds(trainer: Trainer, member: Candidate) -> float | None:
    """Training seconds of one seed, in proportion to MACs, from the nearest trial of this recipe, data and device.

    None where nothing was measured yet: the first member is trained to find out.
    """
    from scaling_search.search.trial import provenance

    near: TrialRow | None = None
    for row in trainer.ledger.trials():
        mine = row.recipe == trainer.recipe.canonical() and row.dataset == trainer.dataset.fingerprint
        measured = (
            row.state == "complete" and row.device == provenance.device() and row.train_seconds and row.macs
        )
        if mine and measured and (near is None or _apart(row, member) < _apart(near, member)):
            near = row
    if near is None or near.train_seconds is None or near.macs is None:
        return None
    return near.train_seconds * member.cost.macs / near.macs


def _apart(row: TrialRow, member: Candidate) -> int:
    return abs((row.macs or 0) - member.cost.macs)
