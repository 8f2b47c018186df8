"""The screening of a grid (`racing.screening`): short trials with the first seed, what they decide, and its record.

Short trials are of another recipe and so have keys of their own: none of their figures reaches a score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.decision_rows import ScreenedRow, ScreeningRow
from scaling_search.ledger.storage.schema import SCREENED, SCREENINGS
from scaling_search.racing import screening
from scaling_search.racing.screening import Agreement
from scaling_search.report.figures import count
from scaling_search.search.grid import chance_level
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.trial import trial_of
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.trial.trial import TrialRunner


SCREENED_OUT, CALIBRATION, CONTINUES = "screened out", "calibration", "continues"
# The seed that every candidate has first.
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Screening:
    """What a ledger tells of screening. screened_out: short accuracy, by group, of the candidates were screened out."""

    epochs: int
    candidates: int
    agreement: Agreement | None
    screened_out: Mapping[str, float]


def run(study: str, trainer: TrialRunner, plan: GridPlan) -> tuple[list[str], int]:
    """The groups of the candidates for full training, and how many trials were run here.

    All are where the study has no screening. It is run again from the ledger and decides the same. A candidate that has
    a full trial already is never screened out.
    """
    recipe = plan.space.study.screening_recipe(plan.space.images)
    if recipe is None:
        return [candidate.group for candidate in plan.candidates], 0
    by_group = {candidate.group: candidate for candidate in plan.candidates}
    trained = 0

    def accuracies(by: TrialRunner, names: Sequence[str]) -> dict[str, float]:
        nonlocal trained
        chosen = [by_group[name] for name in names]
        trained += run_trials(by, [trial_of(build, _SEED) for one in chosen for build in one.builds])
        return _accuracies(by, chosen)

    short: dict[str, float] = {}
    if screening.possible(len(by_group)):
        short = accuracies(trainer.with_recipe(recipe), list(by_group))
    else:
        trainer.callback.say(not_run(recipe.epochs))
    decided = screening.screen(short, lambda names: accuracies(trainer, names))
    known = _accuracies(trainer, [by_group[name] for name in decided.screened_out])
    out = [name for name in decided.screened_out if name not in known]
    trainer.ledger.record(
        _rows(study, recipe.epochs, short, decided, out), instead_of=[(SCREENED, {"study": study})]
    )
    if out:
        spared = sum(len(by_group[name].builds) for name in out) * plan.space.study.grid.seeds
        trainer.callback.skip(
            spared,
            f"{len(out)} of {len(by_group)} candidates are screened out after {count(recipe.epochs, 'epoch')}",
        )
    return [name for name in by_group if name not in out], trained


def _accuracies(trainer: TrialRunner, chosen: Sequence[Candidate]) -> dict[str, float]:
    """Accuracy of the candidates whose networks all finished with the first seed and learned, by group."""
    keys = {
        candidate.group: [trainer.row(trial_of(build, _SEED)).key for build in candidate.builds]
        for candidate in chosen
    }
    every = [key for own in keys.values() for key in own]
    rows = {row.key: row for row in trainer.ledger.trials(every, with_correct=True)}
    at_chance = chance_level.at_chance(trainer.ledger, rows.values())
    found = {}
    for name, own in keys.items():
        values = (rows[key].accuracy for key in own if key in rows and key not in at_chance)
        known = [value for value in values if value is not None]
        if len(known) == len(own):
            found[name] = sum(known) / len(known)
    return found


def _rows(
    study: str,
    epochs: int,
    short: Mapping[str, float],
    decided: screening.Screening,
    screened_out: Sequence[str],
) -> list[object]:
    agreed = decided.agreement
    summary = ScreeningRow(
        study=study,
        epochs=epochs,
        candidates=len(short),
        calibration_set=len(decided.calibration_set) if agreed is None else agreed.calibration_set,
        tau=None if agreed is None else agreed.tau,
        low=None if agreed is None else agreed.low,
        high=None if agreed is None else agreed.high,
        created_at=utc_now(),
    )
    verdicts = (
        dict.fromkeys(short, CONTINUES)
        | dict.fromkeys(decided.calibration_set, CALIBRATION)
        | dict.fromkeys(screened_out, SCREENED_OUT)
    )
    return [
        summary,
        *(
            ScreenedRow(study=study, epochs=epochs, candidate=name, accuracy=accuracy, verdict=verdicts[name])
            for name, accuracy in short.items()
        ),
    ]


def read(ledger: Reader, study: str, epochs: int | None) -> Screening | None:
    """The study's screening after so many epochs, as the ledger has it; None without one."""
    found = ledger.rows(SCREENINGS, study=study, epochs=epochs) if epochs is not None else []
    if not found:
        return None
    (row,) = found
    agreement = None
    if row.tau is not None and row.low is not None and row.high is not None:
        agreement = Agreement(tau=row.tau, low=row.low, high=row.high, calibration_set=row.calibration_set)
    return Screening(
        epochs=row.epochs,
        candidates=row.candidates,
        agreement=agreement,
        screened_out={
            one.candidate: one.accuracy
            for one in ledger.rows(SCREENED, study=study, epochs=row.epochs, verdict=SCREENED_OUT)
        },
    )


def not_run(epochs: int) -> str:
    """That there are too few candidates for a screening."""
    return (
        f"Screening after {count(epochs, 'epoch')}: not run, it needs more than {screening.USUAL_CALIBRATION_SET} "
        "candidates."
    )


def sentences(found: Screening) -> list[str]:
    """What screening did, in words."""
    how = f"Screening after {count(found.epochs, 'epoch')}"
    if not screening.possible(found.candidates):
        return [not_run(found.epochs)]
    agreed = found.agreement
    if agreed is None:
        return [
            f"{how}: too few candidates finished training both ways to compare rankings; no candidate was screened out."
        ]
    tau = (
        f"{how}: its ranking agrees with the full one by Kendall's τ = {agreed.tau:.2f} ({agreed.low:.2f} to "
        f"{agreed.high:.2f}, {agreed.calibration_set} candidates trained both ways)"
    )
    if agreed.low <= 0:
        return [f"{tau}, which chance alone may give; no candidate was screened out."]
    return [f"{tau}; {len(found.screened_out)} of {found.candidates} candidates were screened out."]
