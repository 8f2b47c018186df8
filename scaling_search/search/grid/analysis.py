"""From ledger rows to an analysis: how far each candidate is behind the best, whom to name, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import takewhile

import numpy as np

from scaling_search.ledger.storage.rows import BASE, DatasetRow, TrialRow
from scaling_search.racing import race
from scaling_search.racing.looks import Look, Results, Rules
from scaling_search.racing.race import Race
from scaling_search.scaling.coefficients import MACS, Exponents
from scaling_search.search.grid import chance_level
from scaling_search.search.grid.candidates import RecordedCandidate, learned, results_of
from scaling_search.search.grid.screening_stage import Screening
from scaling_search.search.plan.study_tables import Grid
from scaling_search.statistics import (
    BehindTheBest,
    Decision,
    Estimate,
    ImageSample,
    Scores,
    Winner,
    accuracies,
    gather,
    image_sample,
    winner,
)
from scaling_search.statistics.response_surface import Surface, fit
from scaling_search.statistics.scores import Marks
from scaling_search.statistics.selection import HeldOut, held_out
from scaling_search.statistics.variance_components import errors, noise


@dataclass(frozen=True, kw_only=True)
class GridAnalysis:
    """What a grid says. Most of it is None while no trial is complete.

    `at_chance`: networks with trials at chance level, and why. `race`: replayed from the trials. `figures`: those of
    the candidate that is named, and of all others and the base (`BASE`) against it; `corrected`: its accuracy without
    the optimism of having been chosen. `base`: accuracy of the network at φ = 0. `unfinished`: trials of this round
    that are missing. `not_begun`: candidates that the search has not come to yet. `planned`: seeds of each at most.
    """

    candidates: tuple[RecordedCandidate, ...]
    at_chance: Mapping[str, str] = field(default_factory=dict)
    screening: Screening | None = None
    race: Race | None = None
    figures: Winner | None = None
    corrected: HeldOut | None = None
    base: Estimate | None = None
    accuracies: Mapping[str, Estimate] = field(default_factory=dict)
    surface: Surface | None = None
    unfinished: int = 0
    not_begun: int = 0
    planned: int = 0

    @property
    def scores(self) -> Scores | None:
        """What each ranked candidate's trials got right."""
        return None if self.race is None else self.race.scores

    @property
    def behind(self) -> BehindTheBest | None:
        """How far each ranked candidate is behind the best."""
        return None if self.race is None else self.race.behind

    @property
    def decision(self) -> Decision | None:
        """Whom to name, and whether that is decided; None where nobody may be."""
        return None if self.race is None or self.figures is None else self.race.decision

    @property
    def decided(self) -> bool:
        """Whether the one named is shown to be within the indifference of the best, of all that there are."""
        return self.decision is not None and self.decision.decided

    @property
    def winner(self) -> RecordedCandidate | None:
        """The candidate that is named: the winner where it is decided, else the one that leads."""
        return None if self.figures is None else self.candidate(self.figures.name)

    def candidate(self, group: str) -> RecordedCandidate:
        """The candidate of this key."""
        return self._by_group[group]

    @cached_property
    def _by_group(self) -> Mapping[str, RecordedCandidate]:
        return {candidate.group: candidate for candidate in self.candidates}


def sample_of(dataset: DatasetRow | None, metric: str) -> ImageSample:
    """How the validation images of a data set count; each by itself where the data set is not known."""
    if dataset is None:
        return ImageSample()
    groups = None if dataset.validation_groups is None else np.array(json.loads(dataset.validation_groups))
    return image_sample(np.array(json.loads(dataset.validation_labels)), metric=metric, groups=groups)


def run_race(
    candidates: Sequence[RecordedCandidate],
    train_round: race.TrainRound,
    settings: Grid,
    sample: ImageSample,
    *,
    seeds: Iterable[int],
    recorded: Iterable[Look] = (),
    together: int = 1,
    on_look: Callable[[Look], None] = lambda _: None,
) -> Race:
    """The race of a study's candidates, trained here or read from a ledger: one loop for both."""
    return race.run(
        [candidate.group for candidate in candidates],
        train_round,
        seeds=seeds,
        rules=Rules(sample=sample, exhaustive=not settings.racing),
        indifference=settings.indifference,
        costs={candidate.group: candidate.macs for candidate in candidates},
        triples={candidate.group: candidate.triple for candidate in candidates},
        together=together,
        recorded=recorded,
        on_look=on_look,
    )


def analyse(
    candidates: Sequence[RecordedCandidate],
    trials: Sequence[TrialRow],
    settings: Grid,
    *,
    dataset: DatasetRow | None = None,
    at_chance: Mapping[str, str] | None = None,
    recorded: Iterable[Look] = (),
    base: Sequence[TrialRow] = (),
    screening: Screening | None = None,
    exponents: Exponents = MACS,
) -> GridAnalysis:
    """All that a grid's trials say.

    `at_chance` says by key why trials are at chance level; `recorded` are looks that the ledger has; `base` are the
    base network's trials; `exponents` are those of the cost that the candidates have equal.
    """
    low = at_chance or {}
    sample = sample_of(dataset, settings.metric)
    results = results_of(candidates, trials, low)
    started = {trial.network for trial in trials}
    out = () if screening is None else screening.screened_out
    wanted = [candidate for candidate in candidates if candidate.group not in out]
    racing = [candidate for candidate in wanted if any(row.network in started for row in candidate.rows)]
    found = GridAnalysis(
        candidates=tuple(candidates),
        at_chance=chance_level.by_network(trials, low),
        screening=screening,
        planned=settings.seeds,
        base=accuracy_of_base(base, low, sample),
        not_begun=len(wanted) - len(racing) if racing else 0,
    )
    if not racing:
        return found

    def train_round(names: Sequence[str], seeds: Sequence[int]) -> Results:
        return {
            name: {seed: results[name][seed] for seed in seeds if seed in results[name]} for name in names
        }

    done = run_race(
        racing,
        train_round,
        settings,
        sample,
        seeds=range(_rounds(results, racing, settings)),
        recorded=recorded,
    )
    unfinished = done.missing if len(done.looks) < settings.seeds else 0
    if found.not_begun:
        first = sum(len(one.rows) for one in wanted if one not in racing)
        unfinished = first + (unfinished if done.scores is None else 0)
        if done.decision is not None:
            # Shown against some of the candidates is not shown against all.
            done = replace(done, decision=replace(done.decision, decided=False, within=(), alone=False))
    found = replace(found, race=done, unfinished=unfinished)
    scores, named = done.scores, None if done.decision is None else done.decision.winner
    if scores is None or done.behind is None:
        return found
    found = replace(
        found,
        accuracies=dict(zip(scores.names, accuracies(scores), strict=True)),
        surface=response(candidates, scores, exponents),
    )
    if named is None or _stayed_at_chance(found.candidate(named), trials, low):
        return found
    return replace(
        found,
        figures=winner(_with_base(scores, learned(base, low)), named, done.behind),
        corrected=held_out(scores, named),
    )


def _rounds(results: Results, racing: Sequence[RecordedCandidate], settings: Grid) -> int:
    """How many rounds there are to read: those of the study, and all complete ones after them (`--until-decided`)."""
    own = [results[candidate.group] for candidate in racing]
    last = 1 + max((seed for marks in own for seed in marks), default=0)
    if not settings.racing:
        complete = (all(seed in marks or None in marks.values() for marks in own) for seed in range(last))
        last = sum(takewhile(bool, complete))
    return max(settings.seeds, last)


def _stayed_at_chance(
    candidate: RecordedCandidate, trials: Iterable[TrialRow], at_chance: Mapping[str, str]
) -> bool:
    networks = {row.network for row in candidate.rows}
    own = [trial for trial in trials if trial.network in networks and trial.state == "complete"]
    return all(trial.key in at_chance for trial in own)


def accuracy_of_base(
    trials: Iterable[TrialRow], at_chance: Collection[str], sample: ImageSample
) -> Estimate | None:
    """The base network's accuracy by its trials; None where none of them learned."""
    marks = learned(trials, at_chance)
    return accuracies(gather({BASE: marks}, sample))[0] if marks else None


def _with_base(scores: Scores, base: Mapping[int, Marks]) -> Scores:
    """The scores with the base network's beside them, where it learned."""
    if not base:
        return scores
    trials = {
        name: {
            seed: scores.correct[row, at] for at, seed in enumerate(scores.seeds) if scores.present[row, at]
        }
        for row, name in enumerate(scores.names)
    }
    return gather({**trials, BASE: base}, scores.sample)


def response(
    candidates: Sequence[RecordedCandidate], scores: Scores, exponents: Exponents = MACS
) -> Surface | None:
    """The surface over how the doubling is shared; None before a second seed has shown how much seeds scatter.

    None too where a dimension costs nothing: it has no share of a doubling.
    """
    if not noise(scores).seed.known or 0 in exponents:
        return None
    triples = {candidate.group: candidate.realised for candidate in candidates}
    # A wide tolerance lets (1, 1, 1) in, which shares out nothing.
    bigger = [at for at, name in enumerate(scores.names) if max(triples[name]) > 1]
    if not bigger:
        return None
    scatter = errors(scores)
    return fit(
        [triples[scores.names[at]] for at in bigger],
        [float(scores.means[at]) for at in bigger],
        [float(scatter[at]) for at in bigger],
        exponents=exponents,
    )
