"""Which members are not trained here, and why: too little memory, or more time than a member may take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import FINISHED
from scaling_search.report.figures import duration, size
from scaling_search.search.family.members import NOT_TRAINED
from scaling_search.search.forecast import model
from scaling_search.search.plan.builds import Build

if TYPE_CHECKING:
    from scaling_search.ledger.storage.rows import TrialRow
    from scaling_search.search.trial.trial import TrialRunner


def forbidden(trainer: TrialRunner, member: Build, limit_seconds: float) -> str | None:
    """Why a member is not trained here, with the figure; None when nothing speaks against it."""
    if member.status == NOT_TRAINED:
        return member.reason
    needed, available = trainer.networks.estimated_memory(member.network), trainer.networks.available_memory()
    if available is not None and needed > available:
        return f"needs about {size(needed)}, {size(available)} are available"
    seconds = estimated_seconds(trainer, [member])
    if seconds is not None and seconds > limit_seconds:
        return f"one seed would take about {duration(seconds)}, over the limit of {duration(limit_seconds)} a member"
    return None


def seconds_ahead(
    trainer: TrialRunner, members: Sequence[Build], seeds: Sequence[int], limit_seconds: float
) -> tuple[int, float] | None:
    """How many trials of a family are to train, and their seconds, compiling included; None where nothing is known.

    Members that take longer than the limit are not trained, and not counted.
    """
    networks = trainer.networks
    rows = [row for row in trainer.ledger.trials() if row.dataset == networks.dataset.fingerprint]
    basis = model.from_ledger(networks.recipe, rows, device=networks.device)
    if basis is None:
        return None
    over = {(row.network, row.seed) for row in rows if row.state in FINISHED}
    trials, total = 0, 0.0
    for member in members:
        seconds = basis.seconds(member.fingerprint, member.cost.macs)
        left = sum((member.fingerprint, seed) not in over for seed in seeds)
        if left and seconds <= limit_seconds and member.status != NOT_TRAINED:
            trials += left
            total += left * seconds + basis.compiling(member.fingerprint)
    return trials, total / networks.at_once


def estimated_seconds(trainer: TrialRunner, members: Sequence[Build]) -> float | None:
    """Seconds of one seed of each, from the trials of this recipe, data and device.

    None where nothing was measured yet: the first member is trained to find out.
    """
    networks = trainer.networks
    rows: list[TrialRow] = [
        row for row in trainer.ledger.trials() if row.dataset == networks.dataset.fingerprint
    ]
    basis = model.from_ledger(networks.recipe, rows, device=networks.device)
    if basis is None:
        return None
    return sum(basis.seconds(member.fingerprint, member.cost.macs) for member in members)
