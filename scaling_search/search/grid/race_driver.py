"""`grid`: plan, train every candidate not yet in the ledger, race, choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import DecisionRow
from scaling_search.racing.race import Decision
from scaling_search.search.grid import (
    analysis,
    chance_level,
    decision_log,
    ledger_results,
)
from scaling_search.search.grid.contenders import rivals_of, scores_of
from scaling_search.search.plan.study import Study
from scaling_search.statistics.scores import Scores
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger


class Race:
    """Decides after each round who goes on, and writes the decision into the ledger."""

    def __init__(self, study: Study, ledger: Ledger) -> None:
        self.study = study
        self.ledger = ledger

    def after_round(self, racing: Sequence[str]) -> Sequence[str]:
        """The keys that get another seed. Replayed from the ledger, so a killed race decides as it did before."""
        if not self.study.grid.racing:
            return racing
        seeds = self.study.grid.seeds
        field = rivals_of(self.ledger.candidates(self.study.name, "grid"))
        trials = ledger_results.own_trials(self.ledger, self.study.name)
        scores = scores_of(field, trials, chance_level.at_chance(self.ledger, trials))
        if scores is None:
            return ()
        recorded = self.ledger.decisions(self.study.name)
        decided = analysis.raced(scores, trials, recorded, seeds=seeds)
        self._record(decided, scores, analysis.trained_by(trials), recorded)
        return () if decided[-1].finished(seeds) else decided[-1].keep

    def _record(
        self, decided: Sequence[Decision], scores: Scores, trained_by: str, recorded: Sequence[DecisionRow]
    ) -> None:
        """Writes the rounds that the ledger does not have as they were decided."""
        bases = decision_log.bases(
            scores, seeds=self.study.grid.seeds, level=analysis.LEVEL, trained_by=trained_by
        )
        now = utc_now()
        have = {replace(row, created_at=now) for row in recorded}
        new = [
            row
            for decision, basis in zip(decided, bases, strict=False)
            for row in decision_log.rows(decision, study=self.study.name, basis=basis, now=now)
        ]
        self.ledger.record_decisions([row for row in new if row not in have])
