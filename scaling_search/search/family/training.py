"""Training and testing a family, from its smallest network up. The only place that opens the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.data import catalog
from scaling_search.ledger.storage.rows import FINISHED, FamilyRow
from scaling_search.report.figures import are, count, duration, size
from scaling_search.search.family import predictions
from scaling_search.search.family.limits import forbidden, seconds_ahead
from scaling_search.search.family.members import NOT_TRAINED, Family
from scaling_search.search.grid import tuning
from scaling_search.search.plan.builds import Build
from scaling_search.search.plan.seeds import FRESH_SEEDS
from scaling_search.search.trial import weights
from scaling_search.search.trial.ledger_rows import candidate_row, network_rows, triple_row
from scaling_search.search.trial.scheduler import run_again, run_trials
from scaling_search.search.trial.trial import Extras, Trial, trial_of
from scaling_search.statistics import image_sample
from scaling_search.system.clock import utc_now
from scaling_search.system.files import Folder, shown
from scaling_search.training import recipe as recipes
from scaling_search.training.recipe import Recipe

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.trial.trial import TrialRunner


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
            *tuning.kept(
                ledger,
                study,
                [candidate_row(space, study, family.role, member) for member in once.values()],
            ),
            *(triple_row(study, family.role, member) for member in rows),
        ]
    )


def train(
    study: str,
    trainer: TrialRunner,
    family: Family,
    *,
    stop_when_flat: bool = False,
    retrain: bool = False,
) -> int:
    """Trains and tests the family from the smallest network up; returns how many trials ran here.

    A member whose estimated time or memory is over the limit is recorded as *not trained*, with the estimate; so is one
    whose predicted gain is within noise, with `stop_when_flat`. Accuracies are predicted before the training. Weights
    are kept as the study says; those of members that were trained without are made by training them again, with
    `retrain`.
    """
    settings, ledger, callback = family.space.study.scale, trainer.ledger, trainer.callback
    extras = Extras(
        test=catalog.load_test(family.space.study.dataset.name),
        weights=None if settings.keep_weights == "none" else trainer.claims.folder,
    )
    seeds = range(FRESH_SEEDS, FRESH_SEEDS + settings.seeds)
    known_recipes = {network: recipes.parse(text) for network, text in tuning.chosen(ledger, study).items()}
    planned = [
        (member, _trials(member, seeds, known_recipes.get(member.fingerprint))) for member in family.members
    ]
    ahead = seconds_ahead(trainer, planned, settings.member_time_limit)
    callback.expect(len(family.members) * len(seeds), None if ahead is None else ahead[1])
    if ahead is not None and ahead[0]:
        callback.note(f"{are(ahead[0], 'trial')} to train, about {duration(ahead[1])}.")
    if extras.weights is not None:
        callback.note(_disk(family, 1 if settings.keep_weights == "best" else len(seeds), extras.weights))
    every = [trainer.row(trial).key for _, trials in planned for trial in trials]
    finished = {row.key for row in ledger.trials(every) if row.state in FINISHED}
    callback.known(sum(key in finished for key in every))
    trained = 0
    decided = list(family.members)
    record(ledger, study, family)
    earlier: list[Trial] = []
    images = trainer.networks.dataset.validation
    sample = image_sample(images.labels, groups=images.groups)
    for index, (member, trials) in enumerate(planned):
        refusal = None
        if not _begun(trainer, trials):
            rows = ledger.trials([trainer.row(trial).key for trial in earlier], with_correct=True)
            known = predictions.points(family.members[:index], rows, sample)
            predictions.record_prediction(ledger, study, family.role, member, known)
            step = predictions.next_step(known, member) if stop_when_flat else None
            refusal = (
                step.reason
                if step is not None and step.flat
                else forbidden(trainer, member, settings.member_time_limit)
            )
        if refusal is None:
            tuned, ran = tuning.tune(study, trainer, family.space, [member])
            trained += ran
            trials = _trials(member, seeds, tuned.get(member.fingerprint))
        earlier += trials
        if refusal is None:
            rows = ledger.trials([trainer.row(trial).key for trial in trials])
            callback.known(sum(row.state in FINISHED and row.key not in finished for row in rows))
            trained += run_trials(trainer, trials, extras=extras)
            trained += _keep(trainer, trials, extras, best=settings.keep_weights == "best", retrain=retrain)
            continue
        decided[index] = replace(member, status=NOT_TRAINED, reason=refusal)
        callback.skip(len(trials), f"φ = {member.phi:g} not trained: {refusal}")
        record(ledger, study, family, decided)
    return trained


def _trials(member: Build, seeds: range, recipe: Recipe | None) -> list[Trial]:
    return [trial_of(member, seed, recipe) for seed in seeds]


def _disk(family: Family, copies: int, folder: Folder) -> str:
    total = copies * sum(weights.size(member.cost) for member in family.members)
    return f"Weights are kept in {shown(folder)}: at most {size(total)} for {count(len(family.members), 'member')}."


def _keep(trainer: TrialRunner, trials: Sequence[Trial], extras: Extras, *, best: bool, retrain: bool) -> int:
    """Keeps the weights that are wanted of one member: of its best seed by validation, or of all of them."""
    if extras.weights is None:
        return 0
    rows = trainer.ledger.trials([trainer.row(trial).key for trial in trials])
    wanted = weights.best(rows) if best else {row.key for row in rows if row.state == "complete"}
    kept = weights.kept(trainer.ledger, [row.key for row in rows])
    there = {key: row for key, row in kept.items() if weights.check(extras.weights, row) is None}
    missing = [trial for trial in trials if trainer.row(trial).key in wanted - there.keys()]
    trained = 0
    if missing and retrain:
        weights.forget(trainer.ledger, extras.weights, [row for key, row in kept.items() if key not in there])
        trained = run_again(trainer, missing, extras=extras)
    elif missing:
        trainer.callback.say(
            f"{missing[0].label} was trained, and its weights are not kept or not intact: --keep-weights "
            f"{'best' if best else 'all'} trains it again"
        )
    weights.forget(trainer.ledger, extras.weights, [row for key, row in there.items() if key not in wanted])
    return trained


def _begun(trainer: TrialRunner, trials: Sequence[Trial]) -> bool:
    """Whether all of it is in the ledger already: nothing is left that an estimate could forbid."""
    rows = trainer.ledger.trials([trainer.row(trial).key for trial in trials])
    return len(rows) == len(trials) and all(row.state in FINISHED for row in rows)
