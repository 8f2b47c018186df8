"""The race: train a round, look, stop those that are behind; until something is decided or the seeds are over.

The one loop that trains candidates against each other. `grid` drives it with trainings through a ledger, `make
validate` with simulated ones, a notebook with anybody's (`one_by_one`).
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from scaling_search.errors import DeviceError, UsageError
from scaling_search.racing.looks import Look, Results, Rules, combined, look, table
from scaling_search.statistics import decision
from scaling_search.statistics.multiple_comparisons import BehindTheBest, compare
from scaling_search.statistics.scores import Marks, Scores

if TYPE_CHECKING:
    from pandas import DataFrame

# Trains these candidates with these seeds and gives what each training got right, None where one diverged. It may give
# more than it was asked for; what it leaves out was not trained, and the race stops there.
TrainRound = Callable[[Sequence[str], Sequence[int]], Results]
UNFINISHED = "the search is not finished: no test has been made yet"
Candidate = TypeVar("Candidate")
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

    @property
    def winner(self) -> str | None:
        """The candidate that is named; while nothing is `decided`, the one that leads."""
        return None if self.decision is None else self.decision.winner

    @property
    def decided(self) -> bool:
        """Whether the winner is shown to be at most the indifference behind the best."""
        return self.decision is not None and self.decision.decided

    def records(self) -> list[dict[str, Any]]:
        """One dictionary for each candidate that can be ranked, the best first; shares, not points."""
        if self.scores is None or self.behind is None:
            return []
        means = dict(zip(self.scores.names, self.scores.means.tolist(), strict=True))
        order = sorted(self.behind.names, key=lambda name: -means[name])
        return [
            {
                "candidate": name,
                "accuracy": means[name],
                "behind": float(self.behind.estimate[at]),
                "behind_low": float(self.behind.low[at]),
                "behind_high": float(self.behind.high[at]),
                "inside": bool(self.behind.inside[at]),
                "seeds": int(self.behind.seeds[at]),
            }
            for name in order
            for at in [self.behind.row[name]]
        ]

    def to_dataframe(self) -> DataFrame:
        """`records` as a pandas frame. Errors: DeviceError without pandas."""
        try:
            import pandas as pd
        except ImportError as error:
            raise DeviceError("to_dataframe() needs pandas: pip install pandas") from error
        return pd.DataFrame(self.records())

    def _repr_html_(self) -> str:
        rows = self.records()
        head = "".join(f"<th>{name}</th>" for name in (rows[0] if rows else ()))
        cells = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_text(value))}</td>" for value in row.values()) + "</tr>"
            for row in rows
        )
        state = "decided" if self.decided else "undecided"
        return f"<p>{html.escape(str(self.winner))}: {state}</p><table><tr>{head}</tr>{cells}</table>"


def _marks(name: str, given: Any) -> Marks | None:
    """What a trainer said, as an array. Errors: UsageError where it is not one value for each image."""
    if given is None:
        return None
    found = np.asarray(given)
    if found.ndim != 1 or found.dtype.kind not in "bf" or not np.isfinite(found).all():
        raise UsageError(
            f"train gave {found.dtype} of shape {found.shape} for {name!r}: expected (images,) of true and false, or "
            "of shares right; None where it diverged"
        )
    return found


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def race(
    candidates: Iterable[str] | Mapping[str, Candidate],
    *,
    train: Callable[[Candidate, int], Marks | Sequence[bool] | None],
    seeds: Iterable[int] = range(3),
    indifference: float | None = None,
    costs: Mapping[str, float] | None = None,
    rules: Rules | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_look: Callable[[Look], None] = lambda _: None,
) -> Race:
    """Race anybody's candidates: scikit-learn's, PyTorch's, those of a cluster.

    candidates: names, or what is handed to `train` by name. train: trains one with one seed and says of each of the
    same validation images whether it was right, (n,) bool or a list; None where it diverged. Give all candidates of a
    seed the same data order. The rest as in `run`.

    >>> import numpy as np
    >>> def train(width, seed):
    ...     return np.random.default_rng([width, seed]).random(2000) < 1 - 1 / width
    >>> found = race({"narrow": 4, "wide": 40}, train=train)
    >>> found.winner, found.decided
    ('wide', True)
    """
    by_name: dict[str, Any] = (
        {str(name): what for name, what in candidates.items()}
        if isinstance(candidates, Mapping)
        else {str(name): name for name in candidates}
    )
    return run(
        by_name,
        one_by_one(lambda name, seed: _marks(name, train(by_name[name], seed))),
        seeds=seeds,
        rules=rules,
        indifference=indifference,
        costs=costs,
        should_stop=should_stop,
        on_look=on_look,
    )


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

    rest = iter(seeds)
    while block := tuple(islice(rest, together)):
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
