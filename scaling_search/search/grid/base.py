"""The base of a study, with which plans, searches and reports open: what it is, what it reached, what chance gives."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.architecture.network import Network, from_definition
from scaling_search.ledger.storage.rows import BASE, StudyRow
from scaling_search.ledger.storage.schema import CANDIDATES
from scaling_search.report import collect
from scaling_search.report.figures import count, human, percent
from scaling_search.report.rows import GridRow, MemberRow
from scaling_search.report.table import Interval
from scaling_search.search.grid.chance_level import Chance
from scaling_search.search.grid.ledger_results import dataset_of, own_trials
from scaling_search.search.plan.budget import cost_at
from scaling_search.statistics import Estimate

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader

# What the base reached: in a grid, or as the member φ = 0 of a family.
Reached = GridRow | MemberRow | None


def facts(base: Network, full: Network, chance: Chance | None, row: Reached = None) -> dict[str, str]:
    """The base, the network that it stands for where it is a proxy, and its accuracy beside what chance gives.

    `row` has its accuracy, where it was trained. Without `chance` (no data are at hand) classes count as equally
    common.
    """
    proxy = {"base_network": f"the proxy {_words(base)}", "full_network": _words(full)}
    networks = {"base_network": _words(base)} if base == full else proxy
    by_chance = 1 / base.classes if chance is None else chance.accuracy
    return networks | {"base_accuracy": f"{_accuracy(row)}; chance gives {percent(by_chance, 1)} %"}


def facts_of(ledger: Reader, study: StudyRow, row: Reached = None) -> dict[str, str]:
    """The same from a ledger; empty where it has no network of the study."""
    base, full, data = base_network(ledger, study), _network(ledger, study.full), dataset_of(ledger, study)
    if base is None:
        return {}
    return facts(base, full or base, None if data is None else Chance.of(data), row)


def strides(network: Network) -> list[int]:
    """Of the stem and of each stage."""
    return [getattr(part, "stride", 1) for part in (network.stem, *network.stages)]


def _words(network: Network) -> str:
    macs = human(cost_at(network, network.resolution).macs, "MACs")
    depth, steps = ("-".join(map(str, numbers)) for numbers in (network.depths, strides(network)))
    return f"{network.name}: {macs}, {network.resolution} px, depth {depth}, strides {steps}"


def _accuracy(row: Reached) -> str:
    if row is None or row.accuracy is None:
        return "not trained yet"
    ends, seeds = row.interval, count(row.accuracy.seeds, "seed")
    within = "" if ends is None else f"{percent(ends.low, 1)} to {percent(ends.high, 1)}; "
    return f"{percent(row.accuracy.mean, 1)} % ({within}{seeds})"


def base_network(ledger: Reader, study: StudyRow) -> Network | None:
    """The network that the study's candidates were scaled from."""
    return _network(ledger, study.base)


def _network(ledger: Reader, fingerprint: str) -> Network | None:
    row = ledger.network(fingerprint)
    return None if row is None else from_definition(row.definition, name=row.name)


def base_row(ledger: Reader, study: StudyRow, accuracy: Estimate | None) -> GridRow | None:
    """The base as a row of the table, with the trials that it has with the study's recipe and data.

    `accuracy`: with its interval, by the analysis.
    """
    rows = ledger.rows(CANDIDATES, study=study.name, role=BASE)
    if not rows:
        return None
    shown = replace(collect.candidate(rows[0]), alpha=None, beta=None, gamma=None, realised=None)
    row = collect.base_row(shown, own_trials(ledger, study.name, BASE))
    return replace(row, interval=interval_of(accuracy))


def interval_of(estimate: Estimate | None) -> Interval | None:
    """The limits of an estimate; None where it has none."""
    if estimate is None or not math.isfinite(estimate.low):
        return None
    return Interval(low=estimate.low, high=estimate.high)
