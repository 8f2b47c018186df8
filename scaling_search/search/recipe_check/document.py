"""A recipe check as people and programs read it."""

from __future__ import annotations

from typing import Any

from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.report import columns
from scaling_search.report.figures import are, count
from scaling_search.report.table import Document, Interval, Row, Table
from scaling_search.search.grid.answer import Command
from scaling_search.search.recipe_check.cells import in_words
from scaling_search.search.recipe_check.findings import Check, Interaction, words
from scaling_search.training import recipe as recipes

_FIGURES = ("verdict", "rate", "epochs", "long_enough", "indifference", "seeds", "images")


def document(study: StudyRow, check: Check, command: Command, *, beyond: str | None = None) -> Document:
    """The verdict, what to use, and what to do next; then all interactions."""
    return Document(
        title=f"Recipe of study {study.name}: {study.baseline} on {study.dataset_name}",
        answer=answer(check, command),
        tables=(table(check),),
        labels={"study": study.name, "baseline": study.baseline, "dataset": study.dataset_name},
        notes=(*notes(check), *(() if beyond is None else (f"{beyond[0].upper()}{beyond[1:]}.",))),
    )


def answer(check: Check, command: Command) -> tuple[str, ...]:
    """At most three lines."""
    return _verdict(check), _to_use(check), _next(check, command)


def _points(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:.1f}"


def _verdict(check: Check) -> str:
    delta = f"{100 * (check.indifference or 0.0):.2g}"
    delta += " point" if delta == "1" else " points"
    if not check.of_own:
        return f"Cannot be told: no two networks have results with two recipes around {in_words(check.own)}."
    if check.verdict == "fair":
        return (
            f"Fair: at {in_words(check.own)}, no difference between two networks changes by more than {delta} with "
            "half or twice the rate, or twice the length (at 95 %, all at once)."
        )
    if check.verdict == "unfair":
        worst = max(
            (one for one in check.of_own if one.verdict == "unfair"),
            key=lambda one: (one.swaps, abs(one.estimate)),
        )
        return f"Unfair: {_changes(check, worst)} (at 95 %; {delta} would count as equal)."
    most = max((max(-(one.low or 0.0), one.high or 0.0) for one in check.of_own), default=0.0)
    why = check.nothing_decided or f"a difference may change by up to {_points(most)} points"
    return f"Cannot be told: {why} (at 95 %; {delta} would count as equal)."


def _changes(check: Check, one: Interaction) -> str:
    """What an unfair change does, in words."""
    ahead, other = check.names[one.ahead], check.names[one.other]
    before, after = words(one.recipe, one.change), words(one.changed, one.change)
    if one.swaps:
        return (
            f"{ahead} and {other} swap: {ahead} is {_points(one.lead)} points ahead with {before}, {other} "
            f"{_points(-(one.lead + one.estimate))} with {after}"
        )
    bounds = f"{_points(abs(one.estimate))} points ({_points(one.low)} to {_points(one.high)})"
    return f"the lead of {ahead} over {other} changes by {bounds} from {before} to {after}"


def _to_use(check: Check) -> str:
    if check.rate is None:
        return "No rate can be named: with each, a network has no result."
    rate = f"rate {check.rate:g}"
    if not check.doubled(check.own.epochs):
        return f"Use {rate}; no length was compared with twice itself yet."
    if check.epochs is None:
        return f"Use {rate}; no length that was tried is shown to be long enough."
    sure = "changes nothing" if check.long_enough else "is not shown to change anything"
    return f"Use {rate} and {count(check.epochs, 'epoch')}: doubling it {sure} beyond that."


def _next(check: Check, command: Command) -> str:
    if check.unfinished:
        missing = f"{are(check.unfinished, 'trial')} missing"
        return f"Not finished: {missing}. Next: {command.line('recipe')}."
    if check.rate is not None and check.epochs is not None and not is_own(check):
        return f"Next: {command.line('recipe', '--write', 'study.toml')}, then check that study."
    if check.verdict == "fair":
        return f"Next: {command.line('grid')}."
    settled = check.settling
    if settled is not None and settled.seeds is not None:
        seeds = count(settled.seeds, "seed")
        return f"About {seeds} would tell: {command.line('recipe', '--seeds', str(settled.seeds))}."
    if settled is not None and settled.images is not None:
        return f"Seeds will not tell with {check.images:,} validation images; about {settled.images:,} would."
    if check.verdict == "unfair":
        return 'Every candidate can have a rate of its own: recipe.rate = "tuned" in the study.'
    return (
        "Neither seeds nor images at hand will tell: some changes are about as large as what counts as equal."
    )


def is_own(check: Check) -> bool:
    """Whether what is named is the study's own recipe."""
    return (check.rate, check.epochs) == (check.own.learning_rate, check.own.epochs)


def notes(check: Check) -> list[str]:
    """Which cells have no result."""
    return [
        f"{check.names[network]} with {in_words(recipes.parse(recipe))}: {why}; it is not counted."
        for (network, recipe), why in check.broken.items()
    ]


def table(check: Check) -> Table:
    """The interactions, the largest first."""
    rows = sorted(check.interactions, key=lambda one: -abs(one.estimate))
    return Table(
        name="recipe",
        title="How much a lead changes",
        columns=(
            columns.name("change", "Change", identifies=True),
            columns.name("ahead", "Ahead", identifies=True),
            columns.name("other", "Over", identifies=True),
            columns.interval("lead", "Lead (points)", ("lead", "lead_after"), 1, sign=True),
            columns.interval("interaction", "Changes by (points)", ("estimate", "low", "high"), 1, sign=True),
            columns.name("verdict", "Verdict"),
        ),
        rows=tuple(
            Row(cells=_cells(check, one), emphasis="strong" if one.verdict == "unfair" else "plain")
            for one in rows
        ),
        notes=(
            "Lead: before and after the change. Brackets: 95 % intervals that hold for all changes at once.",
        ),
    )


def _cells(check: Check, one: Interaction) -> dict[str, Any]:
    bounds = None
    if one.low is not None and one.high is not None:
        bounds = Interval(low=one.low, high=one.high, value=one.estimate)
    return {
        "change": f"{words(one.recipe, one.change)} to {words(one.changed, one.change)}",
        "ahead": check.names[one.ahead],
        "other": check.names[one.other],
        "lead": Interval(low=one.lead, high=one.lead + one.estimate),
        "interaction": bounds,
        "verdict": one.verdict,
    }


def record(study: StudyRow, check: Check, whole: Document, *, trained: int) -> dict[str, Any]:
    """What was found, figures as shares; what is not known is null."""
    return {
        "answer": list(whole.answer),
        "study": study.name,
        **{key: getattr(check, key) for key in _FIGURES},
        "trained": trained,
        "unfinished": check.unfinished,
        "seeds_needed": None if check.settling is None else check.settling.seeds,
        "images_needed": None if check.settling is None else check.settling.images,
        "interactions": [
            {
                "change": one.change,
                "ahead": check.names[one.ahead],
                "other": check.names[one.other],
                "rate": one.recipe.learning_rate,
                "epochs": one.recipe.epochs,
                "changed_rate": one.changed.learning_rate,
                "changed_epochs": one.changed.epochs,
                **{key: getattr(one, key) for key in ("lead", "estimate", "low", "high", "verdict")},
            }
            for one in check.interactions
        ],
        "notes": list(whole.notes),
    }
