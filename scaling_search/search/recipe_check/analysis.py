"""From a ledger's trials to what a recipe check says: fair, unfair, or undecided, and the rate and length to use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from scaling_search.ledger.storage.rows import CHECK, CandidateRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES
from scaling_search.report.table import finite
from scaling_search.search.grid import chance_level
from scaling_search.search.grid.analysis import sample_of
from scaling_search.search.grid.answer import named
from scaling_search.search.grid.candidates import bits_of, triple_of
from scaling_search.search.grid.ledger_results import dataset_of, settings_of
from scaling_search.search.plan.seeds import FRESH_SEEDS
from scaling_search.search.plan.study_tables import Grid
from scaling_search.search.recipe_check.cells import LENGTHS, cell_key
from scaling_search.search.recipe_check.findings import CellKey, Change, Check, Interaction, overall
from scaling_search.statistics import ImageSample, Scores, compare, decide, gather
from scaling_search.statistics.interactions import interactions, settling
from scaling_search.statistics.scores import Bits
from scaling_search.training import recipe as recipes
from scaling_search.training.recipe import Recipe

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def read_check(ledger: Reader, row: StudyRow) -> Check | None:
    """What the ledger's trials say of a study's recipe; None where no check was begun."""
    rows = ledger.rows(CANDIDATES, study=row.name, role=CHECK)
    if not rows:
        return None
    every = ledger.trials(study=row.name, roles=(CHECK,), with_correct=True)
    trials = [one for one in every if one.seed < FRESH_SEEDS]
    settings = settings_of(row).grid
    return analyse(
        rows,
        trials,
        recipes.parse(row.recipe),
        settings,
        sample=sample_of(dataset_of(ledger, row), settings.metric),
        at_chance=chance_level.at_chance(ledger, trials),
    )


def analyse(
    rows: Sequence[CandidateRow],
    trials: Sequence[TrialRow],
    own: Recipe,
    settings: Grid,
    *,
    sample: ImageSample | None = None,
    at_chance: Mapping[str, str] | None = None,
) -> Check:
    """What trials say of the cells `rows`. `own`: the study's recipe; `at_chance`: why trials are, by key."""
    texts = {row.recipe: recipes.parse(row.recipe) for row in rows if row.recipe is not None}
    names = {row.network: named(triple_of(row)) if row.phi else "base" for row in rows}
    bits, broken = _results(trials, at_chance or {})
    known = [(row.network, row.recipe or "") for row in rows]
    scored = {cell: bits[cell] for cell in known if cell in bits and cell not in broken}
    changes = _changes(texts, own)
    pairs = [
        (one, other, change, text, changed)
        for change, text, changed in changes
        for one, other in combinations(names, 2)
        if all((network, recipe) in scored for network in (one, other) for recipe in (text, changed))
    ]
    accuracy: dict[CellKey, float] = {}
    listed: list[Interaction] = []
    found, scores, delta = None, None, settings.indifference
    if scored:
        scores = gather({cell_key(*cell): marks for cell, marks in scored.items()}, sample)
        means = dict(zip(scores.names, scores.means.tolist(), strict=True))
        accuracy = {cell: means[cell_key(*cell)] for cell in scored}
        delta = _indifference(scores, [cell for cell in scored if cell[1] == own.canonical()], settings)
    if pairs and scores is not None:
        # The one that is ahead with the recipe from which it changes comes first.
        pairs = [
            (one, other, change, text, changed)
            if accuracy[one, text] >= accuracy[other, text]
            else (other, one, change, text, changed)
            for one, other, change, text, changed in pairs
        ]
        keys = [
            (cell_key(one, changed), cell_key(other, changed), cell_key(one, text), cell_key(other, text))
            for one, other, _, text, changed in pairs
        ]
        found = interactions(scores, keys)
        verdicts = found.verdicts(delta or 0.0)
        listed = [
            Interaction(
                ahead=one,
                other=other,
                change=change,
                recipe=texts[text],
                changed=texts[changed],
                lead=accuracy[one, text] - accuracy[other, text],
                estimate=finite(float(found.estimate[place])) or 0.0,
                low=finite(float(found.low[place])),
                high=finite(float(found.high[place])),
                verdict=verdicts[place],
            )
            for place, (one, other, change, text, changed) in enumerate(pairs)
        ]
    epochs, shown = _length(own, listed)
    return Check(
        own=own,
        names=names,
        interactions=tuple(listed),
        accuracy=accuracy,
        broken={cell: why for cell, why in broken.items() if cell in known},
        indifference=delta,
        seeds=0 if found is None else found.seeds,
        images=0 if scores is None else scores.images,
        nothing_decided=None if found is None else found.nothing_decided,
        settling=None if found is None else settling(found, delta or 0.0),
        rate=_rate(texts, own, names, accuracy, delta or 0.0),
        epochs=epochs,
        long_enough=shown,
        unfinished=sum(trial.state in ("waiting", "running") for trial in trials),
    )


def _results(
    trials: Iterable[TrialRow], at_chance: Mapping[str, str]
) -> tuple[dict[CellKey, dict[int, Bits]], dict[CellKey, str]]:
    """What each cell's trials got right, by seed; and why a cell has no result, though it was trained."""
    bits: dict[CellKey, dict[int, Bits]] = {}
    low: dict[CellKey, list[str]] = {}
    broken: dict[CellKey, str] = {}
    for trial in trials:
        cell = trial.network, trial.recipe
        if trial.state in ("diverged", "failed"):
            broken.setdefault(cell, f"{trial.state} with seed {trial.seed}")
        elif trial.state == "complete" and trial.correct is not None:
            bits.setdefault(cell, {})[trial.seed] = bits_of(trial)
            if trial.key in at_chance:
                low.setdefault(cell, []).append(at_chance[trial.key])
    for cell, said in low.items():
        if len(said) == len(bits[cell]):
            broken.setdefault(cell, f"at chance level with every seed ({said[0]})")
    return bits, broken


def _changes(texts: Mapping[str, Recipe], own: Recipe) -> list[tuple[Change, str, str]]:
    """From which recipe to which: from the study's to other rates, and from each length to twice as long."""
    rates = [
        ("rate", own.canonical(), text)
        for text, one in sorted(texts.items(), key=lambda item: item[1].learning_rate)
        if one.epochs == own.epochs and one.learning_rate != own.learning_rate
    ]
    by_length = {one.epochs: text for text, one in texts.items() if one.learning_rate == own.learning_rate}
    lengths = [
        ("length", by_length[epochs], by_length[2 * epochs])
        for epochs in sorted(by_length)
        if 2 * epochs in by_length
    ]
    return [*rates, *lengths]  # type: ignore[list-item]


def _indifference(scores: Scores, own: Sequence[CellKey], settings: Grid) -> float | None:
    """What the study's grid calls equal, by its own rule, on these images."""
    if settings.indifference is not None or not own:
        return settings.indifference
    kept = scores.only([cell_key(*cell) for cell in own])
    return decide(kept, compare(kept)).indifference


def _rate(
    texts: Mapping[str, Recipe],
    own: Recipe,
    names: Mapping[str, str],
    accuracy: Mapping[CellKey, float],
    delta: float,
) -> float | None:
    """The study's own rate, unless all networks together are more than δ better with another."""
    means = {
        recipe.learning_rate: float(np.mean([accuracy[network, text] for network in names]))
        for text, recipe in texts.items()
        if recipe.epochs == own.epochs and all((network, text) in accuracy for network in names)
    }
    if not means:
        return None
    best = max(means, key=lambda rate: means[rate])
    if own.learning_rate in means and means[best] <= means[own.learning_rate] + delta:
        return own.learning_rate
    return best


def _length(own: Recipe, found: Sequence[Interaction]) -> tuple[int | None, bool]:
    """The shortest length whose doubling is not shown to change anything by more than δ, and whether that it does not
    is shown.
    """
    for factor in LENGTHS:
        epochs = factor * own.epochs
        verdicts = [one.verdict for one in found if one.change == "length" and one.recipe.epochs == epochs]
        if not verdicts:
            return None, False
        if "unfair" not in verdicts:
            return epochs, overall(verdicts) == "fair"
    return None, False
