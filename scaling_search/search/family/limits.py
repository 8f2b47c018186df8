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
    from scaling_search.search.trial.trial import Trial, TrialRunner


def forbidden(trainer: TrialRunner, member: Build, limit_seconds: float) -> str | None:
    """Why a member is not trained here, with the figure; None when nothing speaks against it.

    Where no time was measured yet, the first member is trained to find out.
    """
    if member.status == NOT_TRAINED:
        return member.reason
    needed, available = trainer.networks.estimated_memory(member.network), trainer.networks.available_memory()
    if available is not None and needed > available:
        return f"needs about {size(needed)}, {size(available)} are available"
    basis = _basis(trainer)
    seconds = 0.0 if basis is None else basis.seconds(member.fingerprint, member.cost.macs)
    if seconds > limit_seconds:
        return (
            f"one seed would take about {duration(seconds)}, over the limit of {duration(limit_seconds)} a member "
            "(--member-time-limit)"
        )
    return None


def seconds_ahead(
    trainer: TrialRunner, planned: Sequence[tuple[Build, Sequence[Trial]]], limit_seconds: float
) -> tuple[int, float] | None:
    """How many trials of a family are to train, and their seconds, compiling included; None where nothing is known.

    `planned`: each member with its trials. One that takes longer than the limit is not trained, and not counted.
    """
    basis = _basis(trainer)
    if basis is None:
        return None
    number, total = 0, 0.0
    for member, trials in planned:
        over = trainer.ledger.trials([trainer.row(trial).key for trial in trials])
        left = len(trials) - sum(row.state in FINISHED for row in over)
        seconds = basis.seconds(member.fingerprint, member.cost.macs)
        if left and seconds <= limit_seconds and member.status != NOT_TRAINED:
            number += left
            total += left * seconds + basis.compiling(member.fingerprint)
    return number, total / trainer.networks.at_once


def estimated_seconds(trainer: TrialRunner, members: Sequence[Build]) -> float | None:
    """Seconds of one seed of each network of a family, compiling included as in `seconds_ahead`.

    From the trials of this recipe, data and device; None where there are none.
    """
    basis = _basis(trainer)
    if basis is None:
        return None
    networks = {member.fingerprint: member.cost.macs for member in members}
    total = sum(basis.seconds(name, macs) + basis.compiling(name) for name, macs in networks.items())
    return total / trainer.networks.at_once


def _basis(trainer: TrialRunner) -> model.Basis | None:
    """What the ledger's trials of this recipe, data and device took."""
    networks = trainer.networks
    rows = [row for row in trainer.ledger.trials() if row.dataset == networks.dataset.fingerprint]
    return model.from_ledger(networks.recipe, rows, device=networks.device)
