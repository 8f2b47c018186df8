"""`scale`: the best triple over phi. One network file per phi; what time and memory allow is trained and tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.data import catalog
from scaling_search.ledger.storage.rows import CandidateRow
from scaling_search.search.family import predictions
from scaling_search.search.family.limits import forbidden
from scaling_search.search.family.members import NOT_TRAINED, family
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import FRESH_SEEDS
from scaling_search.search.plan.study import Study
from scaling_search.search.trial import ledger_rows
from scaling_search.search.trial.scheduler import run_trials, trial_of
from scaling_search.search.trial.setup import make_trainer

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.trial.trainer import Trainer
    from scaling_search.search.trial.trial import Callback, Trial


def train(
    study: Study,
    ledger: Ledger,
    members: Sequence[Candidate],
    *,
    match: str,
    callback: Callback,
    should_stop: Callable[[], bool],
    checkpoints: Path | None,
    retry_failed: bool = False,
    stop_when_flat: bool = False,
) -> int:
    """Trains and tests the family from the smallest network up; returns how many trials ran here.

    A member whose estimated time or memory is over the limit is recorded as *not trained*, with the estimate; so is
    one whose predicted gain is within noise, with `stop_when_flat`. Accuracies are predicted before the training.
    `match` is the rule by which the members were built.
    """
    trainer = make_trainer(
        study,
        ledger,
        callback=callback,
        should_stop=should_stop,
        checkpoints=checkpoints,
        retry_failed=retry_failed,
    )
    # The only place that opens the test split.
    test = catalog.load_test(study.dataset.name)
    ledger.record_study(
        ledger_rows.study_row(study, recipe=trainer.recipe.canonical(), dataset=trainer.dataset.fingerprint)
    )
    for member in members:
        ledger.record_network(ledger_rows.network_row(member.network, member.cost))
    seeds = range(FRESH_SEEDS, FRESH_SEEDS + study.scale.seeds)
    callback.expect(len(members) * len(seeds))
    trained = 0
    kept = others(study, ledger, members, match=match)
    decided = list(members)
    earlier: list[Trial] = []
    for index, member in enumerate(members):
        trials = [trial_of(member, seed) for seed in seeds]
        refusal = None
        if not _begun(trainer, trials):
            known = predictions.points(members[:index], ledger.trials([trainer.row(j).key for j in earlier]))
            predictions.record_prediction(ledger, study.name, member, known)
            step = predictions.next_step(known, member) if stop_when_flat else None
            refusal = step.reason if step is not None and step.flat else forbidden(study, trainer, member)
        earlier += trials
        if refusal is not None:
            decided[index] = replace(member, status=NOT_TRAINED, reason=refusal)
            callback.skip(len(trials), f"φ = {member.phi:g} not trained: {refusal}")
        _record(study, ledger, decided, kept)
        if refusal is None:
            trained += run_trials(trainer, trials, test=test)
    _record(study, ledger, decided, kept)
    return trained


def others(study: Study, ledger: Reader, members: Sequence[Candidate], *, match: str) -> list[CandidateRow]:
    """What earlier calls recorded of the same family at other phi: the networks that it has there now.

    Another triple's, or those of another base or rounding, would be read as members of this family.
    """
    triple, here = members[0].triple, {member.phi for member in members}
    rows = [
        row
        for row in ledger.candidates(study.name, "scale")
        if (row.alpha, row.beta, row.gamma) == (triple.alpha, triple.beta, triple.gamma)
        and row.phi not in here
    ]
    again = family(study, triple, match=match, at=[row.phi for row in rows])
    return [row for row, member in zip(rows, again, strict=True) if row.network == member.fingerprint]


def _record(study: Study, ledger: Ledger, members: Sequence[Candidate], kept: Sequence[CandidateRow]) -> None:
    rows = [ledger_rows.candidate_row(study.name, "scale", row) for row in members]
    ledger.record_candidates(study.name, [*rows, *kept], in_place_of="scale")


def _begun(trainer: Trainer, trials: Sequence[Trial]) -> bool:
    """Whether all of it is in the ledger already: nothing is left that an estimate could forbid."""
    rows = trainer.ledger.trials([trainer.row(trial).key for trial in trials])
    return len(rows) == len(trials) and all(row.state in ("complete", "diverged") for row in rows)
