"""Trials in TensorBoard and MLflow, read back from the files that they wrote."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaling_search.cli.work import work
from scaling_search.errors import DeviceError, UsageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.grid import search
from scaling_search.search.grid.search import GridResult
from scaling_search.search.trial.loggers import LOGGERS, MLflow, TensorBoard, logger
from scaling_search.search.trial.trial import Callback, Trial
from scaling_search.training.outcome import EpochMetrics, Outcome
from tests.search.pretend import Pretend, pretended, study


class Curved(Pretend):
    """With an epoch before the last; the loss of the second is not finite."""

    def outcome(self, trial: Trial) -> Outcome:
        epochs = tuple(
            EpochMetrics(
                epoch=number,
                train_loss=2.0 / number,
                accuracy=0.25 * number,
                loss=1.5 if number == 1 else None,
                train_seconds=1.0,
                evaluate_seconds=0.1,
            )
            for number in (1, 2)
        )
        return replace(super().outcome(trial), epochs=epochs)


def logged(folder: Path, *callbacks: Callback) -> tuple[GridResult, list[TrialRow]]:
    """A search and its trials, of which some diverge and one fails."""

    def learns(trial: Trial) -> float | BaseException | None:
        if trial.seed == 1 and trial.phi == 0:
            return ValueError("no")
        return None if trial.seed == 1 and trial.triple is not None and trial.triple.gamma > 1 else 0.5

    with Ledger.open(folder / "l.db") as ledger, pretended(learns, kind=Curved):
        result = search.grid(study(seeds=2, alpha="1", racing=False), ledger=ledger, callbacks=callbacks)
        rows = ledger.trials()
    assert {row.state for row in rows} == {"complete", "diverged", "failed"}
    return result, [row for row in rows if row.state != "failed"]


def events(folder: Path) -> Iterator[Any]:
    """The events of a run's files: each is a length, a checksum, the event, a checksum."""
    from tensorboardX.proto.event_pb2 import Event

    for file in folder.glob("events.out.tfevents.*"):
        data, at = file.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event()
            event.ParseFromString(data[at + 12 : at + 12 + length])
            at += 12 + length + 4
            yield event


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, {})[event.step] = round(value.simple_value, 6)
    return found


def text(folder: Path, tag: str) -> Any:
    (found,) = [
        value.tensor.string_val[0]
        for event in events(folder)
        for value in event.summary.value
        if value.tag.startswith(tag)
    ]
    return json.loads(found)


CURVES = {"train_loss": {1: 2.0, 2: 1.0}, "loss": {1: 1.5}, "accuracy": {1: 0.25, 2: 0.5}}


def test_tensorboard_has_a_run_for_each_trial_and_the_winner(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    result, done = logged(tmp_path, TensorBoard(tmp_path / "runs"))
    runs = {path.name for path in (tmp_path / "runs").iterdir()}
    assert len(runs) == len(done) + 1
    for row in done:
        (run,) = [name for name in runs if name.endswith(f"-{row.key[:8]}")]
        assert scalars(tmp_path / "runs" / run) == CURVES
        said = text(tmp_path / "runs" / run, "parameters")
        assert (said["seed"], said["fingerprint"], said["dataset"]) == (row.seed, row.network, "digits")
        assert said["macs"] > 0
    outcome = text(tmp_path / "runs" / "outcome", "outcome")
    assert outcome["study"] == "s"
    assert result.winner is not None
    assert [outcome[name] for name in ("alpha", "beta", "gamma")] == [
        result.winner.alpha,
        result.winner.beta,
        result.winner.gamma,
    ]
    assert outcome["answer"] == result.answer


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # mlflow's own
def test_mlflow_has_a_run_for_each_trial_and_the_winner(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    result, done = logged(tmp_path, MLflow(uri))
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("scaling-search")
    runs = client.search_runs([experiment.experiment_id])
    (outcome,) = [run for run in runs if run.info.run_name == "outcome"]
    assert len(runs) == len(done) + 1
    by_trial = {
        (run.data.params["fingerprint"], int(run.data.params["seed"])): run for run in runs if run != outcome
    }
    for row in done:
        run = by_trial[row.network, row.seed]
        assert run.info.status == ("FINISHED" if row.state == "complete" else "FAILED")
        for name, curve in CURVES.items():
            kept = client.get_metric_history(run.info.run_id, name)
            assert {one.step: one.value for one in kept} == curve
    assert outcome.data.tags["alpha"] == str(result.winner.alpha)
    assert outcome.data.tags["answer"] == result.answer
    # Again in the same place, it goes on in the same experiment.
    assert MLflow(uri)._experiment == experiment.experiment_id


@pytest.mark.parametrize("name", LOGGERS)
def test_without_its_extra_a_logger_names_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tensorboardX", "mlflow", "mlflow.tracking"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DeviceError, match=rf"--log {name} needs pip install 'scaling-search\[{name}\]'"):
        logger(name)


def test_an_unknown_logger_is_refused_before_a_ledger_is_made(tmp_path: Path) -> None:
    place = tmp_path / "l.db"
    with (
        pytest.raises(UsageError, match=r"'tensorbord'.*did you mean 'tensorboard'"),
        work(str(place), log="tensorbord"),
    ):
        pass
    assert not place.exists()
