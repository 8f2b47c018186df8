"""A grid's answer in at most three lines: the triple and what it means, how sure that is, what to do next."""

from __future__ import annotations

import math
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scaling_search.ledger.storage.rows import BASE, TrialRow
from scaling_search.report.figures import are, duration, points
from scaling_search.report.page.data import Triple
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.candidates import RecordedCandidate
from scaling_search.search.trial.weights import Checkpoints

_SHOWN = 4
DEFAULT_LEDGER = "scaling-search.db"


@dataclass(frozen=True, kw_only=True)
class Command:
    """Commands that go on with a study, as a shell reads them. `checkpoints`: where weights lie, if not beside it."""

    study: str
    ledger: str = DEFAULT_LEDGER
    checkpoints: str | None = None

    @classmethod
    def at(cls, study: str, place: str | None, checkpoints: Checkpoints | None) -> Command:
        """Of a study in the ledger that is named `place`, the default one unless given."""
        return cls(
            study=study,
            ledger=DEFAULT_LEDGER if place is None else place,
            checkpoints=None if checkpoints is None else checkpoints.named,
        )

    def line(self, verb: str, *words: str) -> str:
        """One command between backticks."""
        where = () if self.ledger == DEFAULT_LEDGER else ("--ledger", self.ledger)
        weights = () if self.checkpoints is None else ("--checkpoints", self.checkpoints)
        whole = shlex.join(["scaling-search", verb, *words, "--study", self.study, *where, *weights])
        return f"`{whole}`"

    def use(self, phi: float, dataset: str, *words: str) -> str:
        """What to do with a trained member."""
        member = f"phi={phi:g}"
        exported = self.line("export", member, "--format", "torch", "--out", member.replace("=", ""), *words)
        return f"Next: {exported}, or {self.line('predict', member, dataset, *words)}"


def answer(
    found: GridAnalysis,
    trials: Sequence[TrialRow],
    command: Command,
    recipe: str,
    *,
    parting: Sequence[str] = (),
    use: str | None = None,
) -> tuple[str, ...]:
    """Lines 1 to 3. `recipe`: what is known of whether the order depends on it. `parting`: where the powers of the
    triple are not those of what it built. `use`: what to do with the winner's family, where it is trained.
    """
    if found.winner is None or found.behind is None or found.decision is None:
        return _no_result(found, trials, command)
    first = " ".join((_named(found, found.winner), *parting))
    return first, f"{_how_sure(found)} {recipe}", _next(found, trials, command, use)


def named(triple: Triple) -> str:
    """A triple for people."""
    return "(" + ", ".join(f"{value:g}" for value in triple) + ")"


def _named(found: GridAnalysis, winner: RecordedCandidate) -> str:
    first, figures = winner.rows[0], found.figures
    assert figures is not None  # noqa: S101 - there is a winner
    built = (first.depth_factor, first.width_factor, first.resolution_factor)
    means = ", ".join(
        f"{dimension} × {factor:.3g}"
        for dimension, factor in zip(("depth", "width", "resolution"), built, strict=True)
        if factor is not None
    )
    accuracy = figures.accuracy
    value = accuracy.value
    if found.corrected is not None:
        # Right on average, the estimate may lie above the mean; nobody would take that for a correction.
        value = min(found.corrected.value, found.corrected.apparent)
    if math.isfinite(accuracy.low):
        value = min(max(value, accuracy.low), accuracy.high)
    cost = "" if first.macs_ratio is None else f" for {first.macs_ratio:.3g} times the MACs"
    says = f"{named(winner.triple)}{_verb(found)} {means}{cost}; {100 * value:.1f} % validation accuracy"
    if math.isfinite(accuracy.low):
        says += f" ({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f})"
    return f"{says}{_above_the_base(found)}."


def _verb(found: GridAnalysis) -> str:
    if len(found.candidates) == 1:
        return ", the only candidate, builds"
    if found.decision is not None and found.decision.alone:
        return ", the only one with a result, builds"
    return " wins:" if found.decided else " leads, undecided:"


def _above_the_base(found: GridAnalysis) -> str:
    gap = None if found.figures is None else found.figures.differences.get(BASE)
    if gap is None or not math.isfinite(gap.low):
        return ""
    # The difference is the base minus the winner.
    low, value, high = (-100 * number for number in (gap.high, gap.value, gap.low))
    where = "above" if value >= 0 else "below"
    worth = "" if low > 0 else ", which is not shown to be worth the doubling"
    ends = sorted((abs(low), abs(high))) if low * high > 0 else (low, high)
    return f", {abs(value):.1f} points ({ends[0]:.1f} to {ends[1]:.1f}) {where} the base{worth}"


def _how_sure(found: GridAnalysis) -> str:
    behind, decision, winner = found.behind, found.decision, found.winner
    assert behind is not None and decision is not None and winner is not None  # noqa: S101
    if decision.alone:
        return "Nothing was compared with it."
    if found.not_begun:
        return f"Nothing is decided: {found.not_begun} of {len(found.candidates)} candidates were not trained yet."
    delta = points(100 * decision.indifference)
    most = 100 * float(behind.high[behind.row[winner.group]])
    others = [name for name in behind.set if name != winner.group]
    if found.decided:
        if not others:
            number = len(behind.names) - 1
            worse = "the other one is" if number == 1 else f"all {number} others are"
            return f"Decided: {worse} worse (at 95 %)."
        equal = [name for name in decision.within if name != winner.group]
        says = (
            f"Decided: at most {max(most, 0.01):.2f} points behind the best (at 95 %); {delta} count as equal"
        )
        if equal:
            return f"{says}, and so are {_listed(found, equal)}: it is the cheapest of them."
        return f"{says}."
    if behind.nothing_decided is not None:
        return f"Nothing is decided: {behind.nothing_decided}."
    return (
        f"It may be up to {most:.2f} points behind the best (at 95 %; {delta} would count as equal); "
        f"{len(behind.set)} of {len(behind.names)} candidates may be the best."
    )


def _next(found: GridAnalysis, trials: Sequence[TrialRow], command: Command, use: str | None) -> str:
    decision = found.decision
    assert decision is not None  # noqa: S101
    if found.unfinished:
        return f"{missing_trials(found)} Next: {command.line('grid')}"
    if found.decided or decision.alone:
        return use or f"Next: {command.line('scale')} writes and trains the family."
    onward = use or f"Next: {command.line('scale')} takes the leader."
    if decision.missing == "seeds" and decision.seeds is not None:
        more = _time(found, trials, decision.seeds)
        go_on = command.line("grid", "--seeds", str(decision.seeds))
        return f"About {decision.seeds} seeds each would decide{more}: {go_on}. {onward}"
    if decision.missing == "images" and decision.images is not None:
        return f"Seeds will not decide; about {decision.images:,} validation images would. {onward}"
    return f"Neither seeds nor images at hand will decide; take either. {onward}"


def missing_trials(found: GridAnalysis) -> str:
    """How much of the round is missing."""
    return f"Not finished: {are(found.unfinished, 'trial')} missing in this round."


def _time(found: GridAnalysis, trials: Sequence[TrialRow], seeds: int) -> str:
    """How long the seeds take that are missing, from what those of the same networks took.

    Each network is compiled once more, by the process that trains them.
    """
    behind = found.behind
    assert behind is not None  # noqa: S101
    total = 0.0
    for name in behind.set:
        missing = seeds - int(behind.seeds[behind.row[name]])
        for network in {row.network for row in found.candidate(name).rows} if missing > 0 else ():
            own = [row for row in trials if row.network == network and row.state == "complete"]
            took = [(row.train_seconds or 0.0) + (row.evaluate_seconds or 0.0) for row in own]
            if took:
                # The least: a program that was in the cache once will be there again. Of two trials the one that
                # other work on the machine disturbed less.
                compiling = min(row.compile_seconds or 0.0 for row in own)
                total += missing * statistics.median_low(took) + compiling
    return f", in about {duration(total)}" if total else ""


def _no_result(found: GridAnalysis, trials: Sequence[TrialRow], command: Command) -> tuple[str, ...]:
    over = [row for row in trials if row.state in ("complete", "diverged", "failed")]
    if not over:
        return ("No candidate has a result yet.", f"Next: {command.line('grid')}")
    if found.unfinished:
        return (
            "Nothing is named before the first round is complete.",
            f"{missing_trials(found)} Next: {command.line('grid')}",
        )
    low = len(found.at_chance)
    diverged, failed = (
        len({row.network for row in over if row.state == state}) for state in ("diverged", "failed")
    )
    parts = [
        f"{number} of {len({row.network for row in over})} networks {word}"
        for number, word in ((low, "stayed at chance level"), (diverged, "diverged"), (failed, "failed"))
        if number
    ]
    return (
        f"No winner: {', '.join(parts) or 'no network learned'}.",
        "A comparison of networks that learned nothing says nothing.",
        "What may help: more epochs (--epochs), another recipe.learning_rate, smaller batches (--batch-size); and see "
        "that labels fit the images: `scaling-search data list`.",
    )


def _listed(found: GridAnalysis, groups: Sequence[str]) -> str:
    shown = [named(found.candidate(group).triple) for group in groups]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
