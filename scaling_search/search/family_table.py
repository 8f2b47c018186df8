"""A scaled family as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.ledger.rows import TrialRow
from scaling_search.report import collect, columns
from scaling_search.report.rows import FamilyReport, FamilyRow
from scaling_search.report.study import family_table
from scaling_search.report.table import Document, Interval, Row, Table
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search import climb, judge, learned, statistics
from scaling_search.search import study as studies
from scaling_search.search.budget import QUANTITIES
from scaling_search.search.results import FRESH_SEEDS
from scaling_search.search.rivals import bits_of
from scaling_search.search.scores import Bits, gather

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.scale import Member


def report_of(ledger: Reader, study: str) -> tuple[FamilyReport, list[TrialRow]]:
    """The family's table from the ledger, and the trials behind it: those with fresh seeds only."""
    row = next(row for row in ledger.studies() if row.name == study)
    candidates = ledger.candidates(study, "scale")
    networks = {candidate.network for candidate in candidates}
    trials = [
        trial
        for trial in ledger.trials(study=study, with_correct=True)
        if trial.network in networks and trial.seed >= FRESH_SEEDS
    ]
    evaluations = ledger.evaluations([trial.key for trial in trials], with_correct=True)
    said = climb.predictions(ledger, study)
    report = collect.family(row, candidates, trials, evaluations, predictions=said)
    settings = studies.parse(row.toml, what=f"study {row.name} in the ledger")
    stuck = learned.by_network(trials, learned.unlearned(ledger, trials))
    complete = {trial.key: trial for trial in collect.own(row, trials) if trial.state == "complete"}
    validation = _intervals((trial, bits_of(trial)) for trial in complete.values())
    test = _intervals(
        (complete[found.trial_key], bits_of(found))
        for found in evaluations
        if found.split == "test" and found.trial_key in complete
    )
    rows = tuple(
        replace(
            _explained(member, stuck),
            interval=validation.get(member.candidate.fingerprint or ""),
            test_interval=test.get(member.candidate.fingerprint or ""),
        )
        for member in report.rows
    )
    budget = QUANTITIES[settings.grid.budget].words
    return replace(report, rows=rows, budget=budget, level=judge.LEVEL if validation else None), trials


def _intervals(right: Iterable[tuple[TrialRow, Bits]]) -> dict[str, Interval]:
    """Intervals of the networks' accuracies, from the images that each of their trials got right."""
    table: dict[str, dict[int, Bits]] = {}
    for trial, bits in right:
        table.setdefault(trial.network, {})[trial.seed] = bits
    if not table:
        return {}
    scores = gather(table)
    found = statistics.accuracies(scores, level=judge.LEVEL)
    return {
        name: Interval(low=each.low, high=each.high) for name, each in zip(scores.names, found, strict=True)
    }


def _explained(row: FamilyRow, stuck: Mapping[str, str]) -> FamilyRow:
    """The row with a remark where a seed did not learn: its mean is no normal result."""
    why = stuck.get(row.candidate.fingerprint or "")
    return row if why is None else replace(row, reason="; ".join(filter(None, (row.reason, why))))


def document(report: FamilyReport, triple: Coefficients, out: Path) -> Document:
    """The family, and where its files are."""
    return Document(
        title="",
        tables=(family_table(report),),
        notes=(
            f"One network file per φ is in {out}/.",
            f"The same triple on a full-size baseline: scaling-search scale --baseline NAME --coefficients "
            f"{triple.alpha:g},{triple.beta:g},{triple.gamma:g} --emit-only",
        ),
    )


def record(
    report: FamilyReport, triple: Coefficients, files: Sequence[Member], trained: int
) -> dict[str, Any]:
    """The family for programs."""
    table = family_table(report)
    return {
        "coefficients": asdict(triple),
        "trained": trained,
        "files": [str(member.file) for member in files],
        "scale": [table.record(row) for row in table.rows],
    }


def emitted_record(triple: Coefficients, files: Sequence[Member]) -> dict[str, Any]:
    """What was written, for programs."""
    return {"coefficients": asdict(triple), "trained": 0, "scale": [_cells(member) for member in files]}


def emitted_document(triple: Coefficients, files: Sequence[Member]) -> Document:
    """What was written, for people."""
    costs = [member.candidate.cost for member in files]
    layout = (
        columns.coefficient("phi", "φ", [member.candidate.phi for member in files], identifies=True),
        columns.name("file", "File"),
        columns.name("depth", "Depth"),
        columns.name("width", "Width"),
        columns.integer("resolution", "Resolution (px)"),
        columns.millions("parameters", "Parameters", [cost.parameters for cost in costs]),
        columns.millions("macs", "MACs", [cost.macs for cost in costs]),
        columns.decimal("to_target", "MACs ratio", 3),
        columns.hidden("name"),
        columns.hidden("alpha"),
        columns.hidden("beta"),
        columns.hidden("gamma"),
        columns.hidden("macs_ratio"),
        columns.hidden("fingerprint"),
        columns.remark("reason", "Remark"),
    )
    table = Table(
        name="scale",
        title=f"Family of {triple}",
        columns=layout,
        rows=tuple(Row(cells=_cells(member)) for member in files),
        notes=("MACs ratio: real MACs ÷ (2^φ × the base network's).",),
    )
    return Document(title="", tables=(table,))


def _cells(member: Member) -> dict[str, Any]:
    row = member.candidate
    return {
        "name": row.network.name,
        "phi": row.phi,
        **asdict(row.triple),
        "depth": "-".join(map(str, row.network.depths)),
        "width": "-".join(map(str, row.network.widths)),
        "resolution": row.network.resolution,
        "parameters": row.cost.parameters,
        "macs": row.cost.macs,
        "macs_ratio": row.macs_ratio,
        "to_target": row.macs_ratio / 2**row.phi,
        "fingerprint": row.fingerprint,
        "file": str(member.file),
        "reason": row.remark,
    }
