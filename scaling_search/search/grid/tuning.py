"""Tuned rates on a ledger: each network is tried once with every rate, and trained with the one that did best.

The budget is the same for all, and its seed is not one of the race. What was chosen stands in the candidates' rows, so
that their trials are found by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import OF_RECIPES, TUNING, CandidateRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES
from scaling_search.search.plan.builds import Build
from scaling_search.search.plan.rates import OWN, tried
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.plan.seeds import TUNING_SEED
from scaling_search.search.trial.ledger_rows import candidate_row, network_rows
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.trial import trial_of
from scaling_search.training import recipe as recipes
from scaling_search.training.recipe import Recipe

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.trial.trial import TrialRunner


def tune(
    study: str, trainer: TrialRunner, space: SearchSpace, builds: Sequence[Build]
) -> tuple[Mapping[str, Recipe], int]:
    """The recipe of each network, by its fingerprint, and how many trials ran here; nothing where none is tuned.

    A rate that diverged is never chosen, unless all did; of equal ones the study's own is.
    """
    several, ledger = tried(space), trainer.ledger
    if not several:
        return {}, 0
    rows = [
        replace(
            candidate_row(space, study, TUNING, build, group=f"{build.fingerprint}@{number}"),
            recipe=one.canonical(),
        )
        for build in builds
        for number, one in enumerate(several)
    ]
    ledger.record([*network_rows(build.network for build in builds), *rows])
    trials = {
        (build.fingerprint, one.canonical()): trial_of(build, TUNING_SEED, one)
        for build in builds
        for one in several
    }
    trained = run_trials(trainer, list(trials.values()))
    keys = {trainer.row(trial).key: place for place, trial in trials.items()}
    reached = {keys[row.key]: row.accuracy for row in ledger.trials(list(keys)) if row.state == "complete"}
    order = (several[OWN], *several[:OWN], *several[OWN + 1 :])

    def best(network: str) -> Recipe:
        return max(order, key=lambda one: reached.get((network, one.canonical())) or 0.0)

    found = {build.fingerprint: best(build.fingerprint) for build in builds}
    texts = {network: one.canonical() for network, one in found.items()}
    ledger.record(
        [
            replace(row, recipe=texts[row.network])
            for row in ledger.rows(CANDIDATES, study=study)
            if row.network in texts and row.role not in OF_RECIPES
        ]
    )
    return found, trained


def kept(ledger: Reader, study: str, rows: Iterable[CandidateRow]) -> list[CandidateRow]:
    """Rows that are recorded anew, with the recipes that were chosen for their networks before."""
    known = chosen(ledger, study)
    return [replace(row, recipe=known.get(row.network, row.recipe)) for row in rows]


def chosen(ledger: Reader, study: str) -> dict[str, str]:
    """The recipe chosen for each network, as canonical text."""
    return {
        row.network: row.recipe
        for row in ledger.rows(CANDIDATES, study=study)
        if row.recipe is not None and row.role not in OF_RECIPES
    }


def tuning_trials(ledger: Reader, study: str, space: SearchSpace) -> list[TrialRow]:
    """Those of a study, each with its number in place of its seed (`plan.rates.numbers`)."""
    places = {one.canonical(): place for place, one in enumerate(tried(space))}
    return [
        replace(row, seed=TUNING_SEED + places[row.recipe])
        for row in ledger.trials(study=study, roles=(TUNING,))
        if row.seed == TUNING_SEED and row.recipe in places
    ]


def sentences(ledger: Reader, study: str, networks: Iterable[str]) -> list[str]:
    """Which rates were chosen, in words; nothing where none is tuned."""
    known = chosen(ledger, study)
    rates = Counter(
        recipes.parse(known[network]).learning_rate for network in set(networks) if network in known
    )
    if not rates:
        return []
    parts = ", ".join(f"{rate:g} for {count}" for rate, count in sorted(rates.items()))
    return [
        f"Each network was trained with the best of three rates, by one seed that is not counted: {parts}."
    ]
