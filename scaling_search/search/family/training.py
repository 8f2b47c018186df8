"""Training and testing a family, from its smallest network up. The only place that opens the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.data import catalog
from scaling_search.ledger.storage.rows import FINISHED, FamilyRow
from scaling_search.search.family import predictions
from scaling_search.search.family.limits import forbidden
from scaling_search.search.family.members import NOT_TRAINED, Family
from scaling_search.search.plan.builds import Build
from scaling_search.search.plan.grid_plan import FRESH_SEEDS
from scaling_search.search.trial.ledger_rows import candidate_row, network_rows, triple_row
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.trial import Trial, trial_of
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.trial.trainer import Trainer


def record(ledger: Ledger, study: str, family: Family, members: Sequence[Build] | None = None) -> None:
    """Keeps a family beside others; members of it at other φ stay. `members`: with what was decided about them."""
    space = family.space
    rows = family.members if members is None else members
    triple = family.triple
    row = FamilyRow(
        study=study,
        role=family.role,
        alpha=triple.alpha,
        beta=triple.beta,
        gamma=triple.gamma,
        network=family.kind,
        base=space.base.name,
        match=family.match,
        factors=family.factors,
        created_at=utc_now(),
    )
    # Two φ may build one network: it is one candidate, and has a triple's row for each.
    once = {member.fingerprint: member for member in reversed(rows)}
    ledger.record(
        [
            row,
            *network_rows(member.network for member in rows),
            *(candidate_row(space, study, family.role, member) for member in once.values()),
            *(triple_row(study, family.role, member) for member in rows),
        ]
    )


def train(
    study: str,
    trainer: Trainer,
    family: Family,
    *,
    stop_when_flat: bool = False,
) -> int:
    """Trains and tests the family from the smallest network up; returns how many trials ran here.

    A member whose estimated time or memory is over the limit is recorded as *not trained*, with the estimate; so is one
    whose predicted gain is within noise, with `stop_when_flat`. Accuracies are predicted before the training.
    """
    settings, ledger, callback = family.space.study.scale, trainer.ledger, trainer.callback
    test = catalog.load_test(family.space.study.dataset.name)
    seeds = range(FRESH_SEEDS, FRESH_SEEDS + settings.seeds)
    callback.expect(len(family.members) * len(seeds), None)
    trained = 0
    decided = list(family.members)
    record(ledger, study, family)
    earlier: list[Trial] = []
    for index, member in enumerate(family.members):
        trials = [trial_of(member, seed) for seed in seeds]
        refusal = None
        if not _begun(trainer, trials):
            known = predictions.points(
                family.members[:index], ledger.trials([trainer.row(trial).key for trial in earlier])
            )
            predictions.record_prediction(ledger, study, family.role, member, known)
            step = predictions.next_step(known, member) if stop_when_flat else None
            refusal = (
                step.reason
                if step is not None and step.flat
                else forbidden(trainer, member, settings.member_time_limit)
            )
        earlier += trials
        if refusal is None:
            trained += run_trials(trainer, trials, test=test)
            continue
        decided[index] = replace(member, status=NOT_TRAINED, reason=refusal)
        callback.skip(len(trials), f"φ = {member.phi:g} not trained: {refusal}")
        record(ledger, study, family, decided)
    return trained


def _begun(trainer: Trainer, trials: Sequence[Trial]) -> bool:
    """Whether all of it is in the ledger already: nothing is left that an estimate could forbid."""
    rows = trainer.ledger.trials([trainer.row(trial).key for trial in trials])
    return len(rows) == len(trials) and all(row.state in FINISHED for row in rows)
