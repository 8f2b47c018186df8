"""A study on two nodes of Ray with a ledger on PostgreSQL: real trainings, the tables of a single process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.search.trial.commands import NETWORK, STUDY, command

pytest.importorskip("ray", reason="pip install 'scaling-search[ray]'")


def results(folder: Path, ledger: str, *checkpoints: str) -> Any:
    """All that a report says, but for seconds, what trained, and where the ledger and its weights are."""
    text = command(folder, "report", "--ledger", ledger, *checkpoints, "--format", "json")
    text = text.replace(ledger, "LEDGER")
    if checkpoints:
        text = text.replace(f" {' '.join(checkpoints)}", "")
    document = json.loads(text)
    # A worker is kept to one core, and says so.
    document["conditions"] = [one for one in document["conditions"] if one["what"] != "device"]
    return _without(document, ("seconds", "memory", "notes"))


def _without(value: Any, words: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_without(item, words) for item in value]
    if isinstance(value, dict):
        return {
            name: _without(item, words)
            for name, item in value.items()
            if not any(word in name for word in words)
        }
    return value


def test_two_nodes_and_a_database_server(tmp_path: Path) -> None:
    from benchmarks.torture.postgresql import server
    from benchmarks.torture.ray_nodes import nodes

    (tmp_path / "tiny.toml").write_text(NETWORK)
    (tmp_path / "study.toml").write_text(STUDY)
    grid = ("grid", "--study", "study.toml", "--json", "--ledger")
    with server() as running:
        if running is None:
            pytest.skip("PostgreSQL is not installed")
        with nodes(2, tmp_path) as cluster:
            place = running.url()
            ray = ("--ray", cluster.address, "--checkpoints", str(tmp_path / "shared"))
            together = json.loads(command(tmp_path, *grid, place, *ray, environment=cluster.environment))
            command(
                tmp_path, "scale", "--ledger", place, "--phi", "0,1", *ray, environment=cluster.environment
            )
        alone = json.loads(command(tmp_path, *grid, "alone.db"))
        command(tmp_path, "scale", "--ledger", "alone.db", "--phi", "0,1")
        assert together["winner"] == alone["winner"]
        assert together["confidence_set"] == alone["confidence_set"]
        assert results(tmp_path, place, *ray[2:]) == results(tmp_path, "alone.db")
        hosts = running.sql("SELECT count(DISTINCT pid) FROM leases")
        assert hosts[0][0] >= 2
