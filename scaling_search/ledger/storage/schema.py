"""The tables, made from the row classes. Only migrations create them; a test holds the two together."""

from __future__ import annotations

import operator
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from scaling_search.ledger.storage import decision_rows, rows

VERSION = "0002"
VERSION_TABLE = "scaling_search_version"
APPLICATION_ID = 0x53634C64  # "ScLd" in a SQLite header: what `file` and we know a ledger by

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[Row]):
    """One table: its row class, its key, and whether a summary guards it against vanished rows.

    `first_stays`: a row of a key that is there already is not written again.
    """

    name: str
    row: type[Row]
    key: tuple[str, ...]
    summarised: bool = True
    first_stays: bool = False

    @cached_property
    def key_of(self) -> Callable[[Row], tuple[typing.Any, ...]]:
        """The key of a row."""
        take = operator.attrgetter(*self.key)
        return take if len(self.key) > 1 else lambda row: (take(row),)

    @cached_property
    def make(self) -> Callable[[Sequence[typing.Any], object], Row]:
        """A row from the values of its `fields`, in that order, and its bits, which only a table that has_bits takes.

        Slot by slot: the constructor of a frozen class takes twice as long, and there are ten thousand rows.
        """
        slots = [getattr(self.row, name).__set__ for name in self.fields]
        truths = [self.fields.index(name) for name in self.truths]
        place_bits = typing.cast(typing.Any, self.row).correct.__set__ if self.has_bits else None

        def make(values: Sequence[typing.Any], bits: object) -> Row:
            row = object.__new__(self.row)
            for place, value in zip(slots, values, strict=True):
                place(row, value)
            for at in truths:
                slots[at](row, None if values[at] is None else bool(values[at]))
            if place_bits is not None:
                place_bits(row, bits)
            return row

        return make

    @cached_property
    def types(self) -> dict[str, type]:
        """Field name → Python type, without the None of optional fields."""
        return {name: _plain(hint) for name, hint in typing.get_type_hints(self.row).items()}

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The row class's fields without the bits, in the order in which they were added."""
        return tuple(name for name in self.types if name != "correct")

    @cached_property
    def truths(self) -> tuple[str, ...]:
        """The fields that are True or False, kept as 1 or 0."""
        return tuple(name for name, kind in self.types.items() if kind is bool)

    @cached_property
    def optional(self) -> frozenset[str]:
        """The fields that may be None."""
        hints = typing.get_type_hints(self.row)
        return frozenset(name for name, hint in hints.items() if type(None) in typing.get_args(hint))

    @cached_property
    def has_bits(self) -> bool:
        """Whether rows carry per-image bits, which are read only when asked for."""
        return "correct" in self.types

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """What every read fetches: the row's digest, the bits' hash where there are any, and the fields."""
        return ("digest", *(("correct_sha256",) if self.has_bits else ()), *self.fields)

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """The table's columns in its order. Big ones come last, where SQLite need not read over them."""
        bits = ("correct_sha256", "digest", "correct") if self.has_bits else ("digest",)
        return (*self.fields, *bits)


def _plain(hint: object) -> type:
    """The one type of `T`, `T | None` or a Literal of T."""
    if isinstance(hint, types.UnionType):
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is typing.Literal:
        hint = type(typing.get_args(hint)[0])
    return typing.cast(type, hint)


STUDIES = Kind(name="studies", row=rows.StudyRow, key=("name",))
NETWORKS = Kind(name="networks", first_stays=True, row=rows.NetworkRow, key=("fingerprint",))
DATASETS = Kind(name="datasets", first_stays=True, row=rows.DatasetRow, key=("fingerprint",))
CANDIDATES = Kind(name="candidates", row=rows.CandidateRow, key=("study", "role", "group", "network"))
TRIPLES = Kind(name="triples", row=rows.TripleRow, key=("study", "role", "phi", "alpha", "beta", "gamma"))
FAMILIES = Kind(name="families", row=rows.FamilyRow, key=("study", "role"))
TRIALS = Kind(name="trials", row=rows.TrialRow, key=("key",))
EVALUATIONS = Kind(name="evaluations", first_stays=True, row=rows.EvaluationRow, key=("trial_key", "split"))
CONFUSIONS = Kind(
    name="confusions",
    first_stays=True,
    row=rows.ConfusionRow,
    key=("trial_key", "split", "label", "predicted"),
)
WEIGHTS = Kind(name="weights", row=rows.WeightsRow, key=("trial_key",))
LOOKS = Kind(name="looks", row=decision_rows.LookRow, key=("study", "round"))
DECISIONS = Kind(name="decisions", row=decision_rows.DecisionRow, key=("study", "round", "candidate"))
SCREENINGS = Kind(name="screenings", row=decision_rows.ScreeningRow, key=("study",))
SCREENED = Kind(name="screened", row=decision_rows.ScreenedRow, key=("study", "candidate"))
PREDICTIONS = Kind(
    name="predictions", first_stays=True, row=decision_rows.PredictionRow, key=("study", "role", "network")
)
FORECASTS = Kind(name="forecasts", row=decision_rows.ForecastRow, key=("study",))
FORECAST_TRIALS = Kind(name="forecast_trials", row=decision_rows.ForecastTrialRow, key=("study", "position"))
RECIPE_CHECKS = Kind(
    name="recipe_checks",
    row=decision_rows.RecipeCheckRow,
    key=("study", "candidate", "other", "change", "changed_to"),
)
LEASES = Kind(name="leases", row=rows.LeaseRow, key=("trial_key",), summarised=False)
SUMMARIES = Kind(name="summaries", row=rows.SummaryRow, key=("table_name",), summarised=False)
# What is a study's own, by its name.
OF_A_STUDY: tuple[Kind[typing.Any], ...] = (
    CANDIDATES,
    TRIPLES,
    FAMILIES,
    LOOKS,
    DECISIONS,
    SCREENINGS,
    SCREENED,
    PREDICTIONS,
    FORECASTS,
    FORECAST_TRIALS,
    RECIPE_CHECKS,
)
# What is a trial's own, by its key.
OF_A_TRIAL: tuple[Kind[typing.Any], ...] = (EVALUATIONS, CONFUSIONS, WEIGHTS)
RESULTS: tuple[Kind[typing.Any], ...] = (STUDIES, NETWORKS, DATASETS, TRIALS, *OF_A_STUDY, *OF_A_TRIAL)
ALL: tuple[Kind[typing.Any], ...] = (*RESULTS, LEASES, SUMMARIES)
KIND_OF: dict[type[typing.Any], Kind[typing.Any]] = {kind.row: kind for kind in ALL}
