"""The screening of a grid (`racing.screening`): short trials with the first seed, what they decide, and its record.

Short trials are of another recipe and so have keys of their own: none of their figures reaches a score.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaling_search.ledger.storage.rows import DecisionRow
from scaling_search.racing import screening
from scaling_search.racing.screening import Agreement
from scaling_search.search.grid import chance_level
from scaling_search.search.plan.contenders import Contender
from scaling_search.search.plan.study import Study
from scaling_search.search.trial.ledger_rows import SCREENING, WHOLE_STUDY
from scaling_search.search.trial.scheduler import run_trials, trial_of
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.trial.trainer import Trainer


SUMMARY, SCREENED_OUT, CALIBRATION, GOES_ON = "screening", "screened out", "calibration", "goes on"
# The seed that everybody has first.
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Screening:
    """What a ledger tells of screening. screened_out: short accuracy, by key, of the candidates screened out."""

    epochs: int
    candidates: int
    agreement: Agreement | None
    screened_out: Mapping[str, float]


def run(study: Study, trainer: Trainer, field: Sequence[Contender]) -> tuple[list[str], int]:
    """The keys of those who go on to full training, and how many trials were run here.

    All go on where the study has no screening. It is run again from the ledger and decides the same. Who has a full
    trial already is never screened out.
    """
    recipe = study.screening_recipe()
    if recipe is None:
        return [contender.key for contender in field], 0
    by_key = {contender.key: contender for contender in field}
    trained = 0

    def accuracies(by: Trainer, names: Sequence[str]) -> dict[str, float]:
        nonlocal trained
        chosen = [by_key[name] for name in names]
        trained += run_trials(by, [trial_of(m, _SEED) for one in chosen for m in one.members])
        return _accuracies(by, chosen)

    brief = trainer.with_recipe(recipe)
    short = accuracies(brief, list(by_key)) if screening.possible(len(by_key)) else {}
    decided = screening.screen(short, lambda names: accuracies(trainer, names))
    known = _accuracies(trainer, [by_key[name] for name in decided.screened_out])
    screened_out = [name for name in decided.screened_out if name not in known]
    _record(study, trainer.ledger, recipe.epochs, short, decided, screened_out)
    if screened_out:
        spared = sum(len(by_key[name].members) for name in screened_out) * study.grid.seeds
        trainer.callback.skip(
            spared,
            f"{len(screened_out)} of {len(field)} candidates are screened out after {recipe.epochs} epochs",
        )
    return [name for name in by_key if name not in screened_out], trained


def _accuracies(trainer: Trainer, chosen: Sequence[Contender]) -> dict[str, float]:
    """Accuracy of the contenders whose members all finished with the first seed and learned, by key."""
    keys = {
        contender.key: [trainer.row(trial_of(member, _SEED)).key for member in contender.members]
        for contender in chosen
    }
    rows = {row.key: row for row in trainer.ledger.trials([key for own in keys.values() for key in own])}
    at_chance = chance_level.at_chance(trainer.ledger, rows.values())
    found = {}
    for name, own in keys.items():
        values = [rows[key].accuracy if key in rows and key not in at_chance else None for key in own]
        known = [value for value in values if value is not None]
        if len(known) == len(own):
            found[name] = sum(known) / len(known)
    return found


def _record(
    study: Study,
    ledger: Ledger,
    epochs: int,
    short: Mapping[str, float],
    decided: screening.Screening,
    screened_out: Sequence[str],
) -> None:
    agreed = decided.agreement
    summary = {
        "epochs": epochs,
        "candidates": len(short),
        "low": None if agreed is None else agreed.low,
        "high": None if agreed is None else agreed.high,
        "calibration_set": len(decided.calibration_set) if agreed is None else agreed.calibration_set,
    }
    verdicts = {WHOLE_STUDY: SUMMARY} | {
        name: SCREENED_OUT
        if name in screened_out
        else CALIBRATION
        if name in decided.calibration_set
        else GOES_ON
        for name in short
    }
    rows = []
    for name, verdict in verdicts.items():
        whole = name == WHOLE_STUDY
        rows.append(
            DecisionRow(
                study=study.name,
                round=SCREENING,
                network=name,
                verdict=verdict,
                statistic=(None if agreed is None else agreed.tau) if whole else short[name],
                detail=json.dumps(summary if whole else {"epochs": epochs}),
                created_at=utc_now(),
            )
        )
    ledger.record_decisions(rows)


def read(ledger: Reader, study: Study) -> Screening | None:
    """The study's screening, as the ledger has it; None without one."""
    if study.grid.screening_epochs is None:
        return None
    rows = [row for row in ledger.decisions(study.name) if row.round == SCREENING]
    details: dict[str, dict[str, Any]] = {row.network: json.loads(row.detail or "{}") for row in rows}
    summary = details.get(WHOLE_STUDY)
    if summary is None or summary["epochs"] != study.grid.screening_epochs:
        return None
    tau = next(row.statistic for row in rows if row.network == WHOLE_STUDY)
    return Screening(
        epochs=summary["epochs"],
        candidates=summary["candidates"],
        agreement=None
        if tau is None
        else Agreement(
            tau=tau, low=summary["low"], high=summary["high"], calibration_set=summary["calibration_set"]
        ),
        screened_out={
            row.network: row.statistic
            for row in rows
            if row.verdict == SCREENED_OUT
            and row.statistic is not None
            and details[row.network]["epochs"] == summary["epochs"]
        },
    )


def sentences(found: Screening) -> list[str]:
    """What screening did, in words."""
    how = f"Screening after {found.epochs} epochs"
    if not screening.possible(found.candidates):
        return [f"{how}: not run, it needs more than {screening.USUAL_CALIBRATION_SET} candidates."]
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
