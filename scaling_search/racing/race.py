"""The race: train a round, look, stop those that are behind; until something is decided or the seeds are over.

The one loop that trains candidates against each other. `grid` drives it with trainings through a ledger, `make
validate` with simulated ones, a notebook with anybody's (`one_by_one`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from scaling_search.errors import UsageError
from scaling_search.racing.legacy import ELIMINATED, NO_RESULT, Decision, decide, result
from scaling_search.racing.looks import Look, Results, Rules, combined, look, table
from scaling_search.statistics import decision
from scaling_search.statistics.multiple_comparisons import BehindTheBest, compare
from scaling_search.statistics.scores import Marks, Scores

__all__ = ["ELIMINATED", "NO_RESULT", "Decision", "Race", "Rules", "decide", "one_by_one", "result", "run"]
# Trains these candidates with these seeds and gives what each training got right, None where one diverged. It may give
# more than it was asked for; what it leaves out was not trained, and the race stops there.
TrainRound = Callable[[Sequence[str], Sequence[int]], Results]
UNFINISHED = "the search is not finished: no test has been made yet"
Ended = Literal["decided", "all seeds", "one left", "none left", "stopped"]


@dataclass(frozen=True, kw_only=True)
class Race:
    """What a race came to.

    scores: of all candidates that can be ranked; behind: their distances to the best, over all looks; decision: whom to
    name. All three None where no candidate has a result. looks: round by round. missing: trainings of the round that
    was not finished, 0 where the race ended by itself.
    """

    scores: Scores | None
    behind: BehindTheBest | None
    decision: decision.Decision | None
    looks: tuple[Look, ...]
    ended: Ended
    missing: int


def run(
    names: Iterable[str],
    train_round: TrainRound,
    *,
    seeds: Iterable[int],
    rules: Rules | None = None,
    indifference: float | None = None,
    costs: Mapping[str, float] | None = None,
    triples: Mapping[str, tuple[float, float, float]] | None = None,
    together: int = 1,
    recorded: Iterable[Look] = (),
    should_stop: Callable[[], bool] = lambda: False,
    on_look: Callable[[Look], None] = lambda _: None,
) -> Race:
    """Race the candidates, one look a seed, until one is shown to be at most `indifference` behind the best.

    seeds: the order in which they are trained; without an end (itertools.count()) the race goes on until something is
    decided or `should_stop`, which is asked before each round. together: seeds trained at once. indifference, costs,
    triples: as `statistics.decide`. recorded: looks of earlier runs. A race that was stopped goes on when it is run
    again with a `train_round` that gives the results there are: its decisions follow from these alone.
    Exhaustive (`Rules`): every candidate is trained with every seed, and one look is taken at the end.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> hard = rng.normal(0, 2.5, 1000)
    >>> def train(candidate, seed):  # right or wrong on each validation image
    ...     return {"narrow": 2.0, "wide": 3.4, "deep": 1.9}[candidate] + hard + rng.normal(0, 1, 1000) > 0
    >>> race = run(["narrow", "wide", "deep"], one_by_one(train), seeds=range(5))
    >>> race.decision.winner, race.ended, race.scores.counts.tolist()
    ('wide', 'decided', [3, 3, 3])
    """
    rules, recorded = rules or Rules(), list(recorded)
    results: dict[str, dict[int, Marks | None]] = {name: {} for name in names}
    if together < 1 or not results:
        raise UsageError(f"a race needs candidates, and rounds of at least one seed (not {together})")
    running, trained, looks = tuple(results), list[int](), list[Look]()
    ended: Ended | None = None
    missing = 0

    def take_look() -> Look:
        found = look(results, tuple(trained), looks, rules, recorded)
        looks.append(found)
        on_look(found)
        return found

    def named() -> tuple[Scores | None, BehindTheBest | None, decision.Decision | None]:
        scores = _scores(results, trained, looks, rules)
        if scores is None:
            return None, None, None
        behind = combined(looks)
        if behind is None:
            behind = compare(scores, level=rules.level, draws=rules.draws)
            behind = replace(behind, nothing_decided=behind.nothing_decided or UNFINISHED)
        chosen = decision.decide(scores, behind, costs=costs, triples=triples, indifference=indifference)
        return scores, behind, chosen

    for block in _blocks(seeds, together):
        if should_stop():
            ended = "stopped"
            break
        for name, by_seed in train_round(running, block).items():
            results[name].update(by_seed)
        missing = sum(seed not in results[name] for name in running for seed in block)
        if missing:
            ended = "stopped"
            break
        for seed in block:
            trained.append(seed)
            if rules.exhaustive:
                running = tuple(name for name in running if results[name][seed] is not None)
            else:
                running = take_look().keep
                if looks[-1].behind is not None and (chosen := named()[2]) is not None:
                    ended = "decided" if chosen.decided and not chosen.alone else None
            if len(running) < min(2, len(results)):
                ended = ended or ("one left" if running else "none left")
            if ended:
                break
        if ended:
            break
    if rules.exhaustive and trained and ended != "stopped":
        take_look()
    scores, behind, chosen = named()
    return Race(
        scores=scores,
        behind=behind,
        decision=chosen,
        looks=tuple(looks),
        ended=ended or "all seeds",
        missing=missing,
    )


def one_by_one(train: Callable[[str, int], Marks | None]) -> TrainRound:
    """Rounds of a function that trains one candidate with one seed: anybody's, PyTorch's or a cluster's."""

    def train_round(names: Sequence[str], seeds: Sequence[int]) -> Results:
        return {name: {seed: train(name, seed) for seed in seeds} for name in names}

    return train_round


def _scores(results: Results, trained: Sequence[int], looks: Sequence[Look], rules: Rules) -> Scores | None:
    """What the looks read, of the candidates that never diverged; None where there is none."""
    had = {name: past.seeds for past in looks for name in past.drop}
    read = {
        name: [by_seed.get(seed) for seed in trained[: had.get(name)]] for name, by_seed in results.items()
    }
    ranked = {
        name: marks for name, marks in read.items() if marks and all(mark is not None for mark in marks)
    }
    return table(ranked, trained, rules.sample) if ranked else None


def _blocks(seeds: Iterable[int], size: int) -> Iterator[tuple[int, ...]]:
    rest = iter(seeds)
    while block := tuple(islice(rest, size)):
        yield block
