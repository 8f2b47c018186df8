"""Rounds of a race in the shape that `search` reads until it drives `race.run` itself; then this file goes.

After each round (one more seed for every candidate still running) those eliminated stop.

A pure state machine. A round's decision is a function of the results so far and of the earlier decisions, so
a search that was killed takes the same decisions again from the ledger's rows.

The test is that of `confidence`; its 5 % error is spent over the rounds (`spending`), so that the true best
candidate is stopped in any round with a probability of at most 5 %. Racing itself: Maron & Moore 1994 (NIPS
6:59); Birattari et al. 2002 (GECCO, F-race).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaling_search.racing.alpha_spending import nominal_error
from scaling_search.statistics.confidence_set import ConfidenceSet, Verdict, confidence_set
from scaling_search.statistics.scores import Scores

ELIMINATED = "eliminated"
NO_RESULT = "no result with this seed: it diverged or failed"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one round decided.

    round: seeds that each candidate still running has had; keep: those that go on; drop: reason by name;
    verdicts: the tests behind it, none in a round that may not stop anyone; error: the level
    that this round tested at; sources: the chance that the tests covered.
    """

    round: int
    keep: tuple[str, ...]
    drop: Mapping[str, str]
    verdicts: tuple[Verdict, ...]
    error: float
    sources: str

    def finished(self, rounds: int) -> bool:
        """Whether the race is over after `rounds` rounds at most."""
        return self.round >= rounds or len(self.keep) <= 1


def decide(
    scores: Scores,
    earlier: Sequence[Decision],
    *,
    rounds: int,  # noqa: ARG001 - the error is spent without a horizon
    level: float = 0.95,
    draws: int | None = None,
    with_p_values: bool = True,
) -> Decision:
    """Decide the round after `earlier`, reading only the seeds that it had seen: the first len(earlier) + 1.

    scores: all candidates that started and did not diverge, with seeds in the order of the rounds; those
    stopped earlier keep the seeds they have. rounds: how many the race has at most. A candidate still running
    without a result for this round's seed is dropped and never ranked. with_p_values: as `confidence_set`.
    """
    now = len(earlier) + 1
    seen = scores.until(now)
    running = earlier[-1].keep if earlier else scores.names
    has_result = {
        name for row, name in enumerate(seen.names) if len(seen.seeds) == now and seen.present[row, now - 1]
    }
    drop = {name: NO_RESULT for name in running if name not in has_result}
    alive = [name for name in running if name in has_result]
    unranked = {name for decision in earlier for name, why in decision.drop.items() if why == NO_RESULT}
    ranked = seen.only([name for name in seen.names if name not in unranked and name not in drop])
    error = nominal_error(tuple(range(1, now + 1)), level=level)
    if error == 0 or not alive:
        return Decision(
            round=now, keep=tuple(alive), drop=drop, verdicts=(), error=0.0, sources="nothing tested"
        )
    found = confidence_set(ranked, level=1 - error, alive=alive, draws=draws, with_p_values=with_p_values)
    drop |= {verdict.name: ELIMINATED for verdict in found.verdicts if not verdict.inside}
    return Decision(
        round=now,
        keep=found.names,
        drop=drop,
        verdicts=found.verdicts,
        error=error,
        sources=found.sources,
    )


def result(decisions: Sequence[Decision], *, level: float = 0.95) -> ConfidenceSet:
    """The confidence set that a race ends with: the last verdict on every candidate that was ever tested."""
    verdicts = {verdict.name: verdict for decision in decisions for verdict in decision.verdicts}
    kept = set(decisions[-1].keep)
    ranked = [verdict for verdict in verdicts.values() if verdict.name in kept or not verdict.inside]
    return ConfidenceSet(verdicts=tuple(ranked), level=level, sources=decisions[-1].sources)
