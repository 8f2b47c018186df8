"""What a ledger holds, as people and programs read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaling_search.errors import few
from scaling_search.ledger.transfer import Merged
from scaling_search.report import columns
from scaling_search.report.figures import count, duration
from scaling_search.report.table import Document, Row, Table
from scaling_search.search.audit.studies import StudyStatus, StudySummary
from scaling_search.search.grid.answer import named
from scaling_search.search.grid.candidates import triple_of


def list_document(found: Sequence[StudySummary]) -> Document:
    """One row per study, the newest first."""
    layout = (
        columns.name("study", "Study", identifies=True),
        columns.name("baseline", "Baseline"),
        columns.name("dataset", "Data set"),
        columns.integer("candidates", "Candidates"),
        columns.integer("trials", "Trials"),
        columns.name("winner", "Best so far"),
        columns.name("run_at", "Last run (UTC)"),
        columns.hidden("families"),
        columns.hidden("fingerprint"),
    )
    rows = tuple(Row(cells=list_record(one) | {"winner": _winner(one)}) for one in found)
    return Document(title="", tables=(Table(name="studies", title="Studies", columns=layout, rows=rows),))


def list_record(one: StudySummary) -> dict[str, Any]:
    """A study for programs."""
    return {
        "study": one.row.name,
        "baseline": one.row.baseline,
        "dataset": one.row.dataset_name,
        "candidates": one.candidates,
        "families": one.families,
        "trials": one.trials,
        "winner": None if one.winner is None else list(one.winner),
        "run_at": one.row.run_at.removesuffix("+00:00"),
        "fingerprint": one.row.fingerprint,
    }


def _winner(one: StudySummary) -> str:
    return "–" if one.winner is None else named(one.winner)


def show_document(facts: Mapping[str, Any], toml: str) -> Document:
    """All that a study was run with."""
    settings = tuple(line for line in toml.splitlines() if line.strip())
    return Document(title="", tables=(), facts=dict(facts), notes=settings)


def status_document(found: StudyStatus) -> Document:
    """Where a study stands."""
    states = (
        ", ".join(f"{count} {state}" for state, count in sorted(found.states.items())) or "none planned yet"
    )
    facts: dict[str, Any] = {"study": found.row.name, "trials": states}
    if found.left_seconds:
        facts["left"] = f"about {duration(found.left_seconds)} of training for those planned now"
    if found.best is not None and found.best_accuracy is not None:
        facts["best mean so far"] = f"{named(triple_of(found.best))} with {found.best_accuracy:.2%}"
    layout = (
        columns.name("network", "Running", identifies=True),
        columns.integer("seed", "Seed"),
        columns.name("since", "Since (UTC)"),
        columns.name("worker", "Worker"),
    )
    rows = tuple(
        Row(
            cells={
                "network": one.trial.network_name,
                "seed": one.trial.seed,
                "since": (one.trial.started_at or "–").removesuffix("+00:00"),
                "worker": one.worker or "–",
            }
        )
        for one in found.running
    )
    tables = (Table(name="running", title="", columns=layout, rows=rows),) if rows else ()
    return Document(title="", tables=tables, facts=facts)


def status_record(found: StudyStatus) -> dict[str, Any]:
    """The same for programs."""
    return {
        "study": found.row.name,
        "states": found.states,
        "left_seconds": found.left_seconds,
        "best": None
        if found.best is None
        else {
            "alpha": found.best.alpha,
            "beta": found.best.beta,
            "gamma": found.best.gamma,
            "accuracy": found.best_accuracy,
        },
        "running": [
            {
                "key": one.trial.key,
                "network": one.trial.network_name,
                "seed": one.trial.seed,
                "started_at": one.trial.started_at,
                "worker": one.worker,
            }
            for one in found.running
        ],
    }


def merged_sentence(found: Merged, source: str) -> str:
    """What a merge came to."""
    renamed = [f"{old} as {new}" for old, new in found.studies.items() if old != new]
    apart = f"; kept apart: {few(renamed)}" if renamed else ""
    trials, studies = count(found.trials, "trial"), count(len(found.studies), "study", "studies")
    return f"{source}: {trials} added, {found.known} here before; {studies}{apart}."
