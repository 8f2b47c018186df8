"""Rounds of trials: who competes, and training what the ledger does not have yet, one seed after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from scaling_search.search.plan.contenders import Contender, blocks
from scaling_search.search.trial.scheduler import run_trials, trial_of

if TYPE_CHECKING:
    # `report` reads rounds' results and must not load what trains them.
    from scaling_search.search.trial.trainer import Trainer

# After a round (one seed for everybody still racing): who goes on, given who raced.
AfterRound = Callable[[Sequence[str]], Sequence[str]]


def run(
    trainer: Trainer,
    field: Sequence[Contender],
    seeds: Sequence[int],
    after_round: AfterRound,
    *,
    first: Sequence[str] | None = None,
) -> int:
    """Trains round by round; `after_round` says who goes on. Returns the trials run here.

    `first`: the keys of those in the first round, all of the field unless given.

    Work that other processes hold is waited for at the end of a round, because the next round depends on it; a dead
    worker's trial is taken up.
    """
    trained = 0
    by_key = {contender.key: contender for contender in field}
    racing = list(by_key if first is None else first)
    for block in blocks(seeds, trainer.block):
        trials = [
            trial_of(member, seed) for key in racing for member in by_key[key].members for seed in block
        ]
        trained += run_trials(trainer, trials)
        racing = list(after_round(racing))
        if not racing:
            break
    return trained
