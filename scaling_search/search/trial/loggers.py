"""Callbacks for the tools that people watch trainings with: a run for each trial, its curves, and the outcome."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaling_search.errors import DeviceError, UsageError, suggest
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.trial.trial import Callback, Trial

LOGGERS = ("tensorboard", "mlflow")
_CURVES = ("train_loss", "loss", "accuracy")


def logger(name: str) -> Callback:
    """The logger of this name, writing where its tool looks by default. Errors: UsageError, DeviceError."""
    if name not in LOGGERS:
        raise UsageError(suggest("logger", name, LOGGERS))
    return TensorBoard() if name == "tensorboard" else MLflow()


def _run_name(trial: Trial) -> str:
    return f"{trial.label}, seed {trial.seed}"


def _parameters(trial: Trial, row: TrialRow) -> dict[str, Any]:
    found: dict[str, Any] = {
        "network": trial.network.name,
        "fingerprint": row.network,
        "dataset": row.dataset_name,
        "seed": trial.seed,
        "macs": trial.cost.macs,
        "parameters": trial.cost.parameters,
        "resolution": trial.network.resolution,
    }
    if trial.triple is not None:
        found |= {"alpha": trial.triple.alpha, "beta": trial.triple.beta, "gamma": trial.triple.gamma}
    if trial.phi is not None:
        found["phi"] = trial.phi
    return found


def _curves(row: TrialRow) -> Iterator[tuple[str, int, float]]:
    """(name, epoch, value) of each figure that an epoch has."""
    for epoch in json.loads(row.epochs or "[]"):
        for name in _CURVES:
            if epoch[name] is not None:
                yield name, epoch["epoch"], epoch[name]


def _outcome(result: Any) -> dict[str, Any]:
    """What a search or a family came to, in a few figures."""
    study = getattr(result, "study", None)
    found: dict[str, Any] = {} if study is None else {"study": study.name}
    answer = getattr(result, "answer", None)
    if answer is not None:
        found["answer"] = str(answer)
    winner = getattr(result, "winner", None)
    if winner is not None:
        found |= {"alpha": winner.alpha, "beta": winner.beta, "gamma": winner.gamma}
    return found


class TensorBoard(Callback):
    """Writes event files below `folder`, which `tensorboard --logdir FOLDER` shows. Needs tensorboardX."""

    def __init__(self, folder: str | Path = "runs") -> None:
        try:
            import tensorboardX
        except ImportError as error:
            raise DeviceError("--log tensorboard needs pip install 'scaling-search[tensorboard]'") from error
        self.folder = Path(folder)
        self._writer = tensorboardX.SummaryWriter

    def end(self, trial: Trial, row: TrialRow) -> None:
        """One run for each finished trial."""
        if row.state not in ("complete", "diverged"):
            return
        safe = re.sub(r"[^A-Za-z0-9._=-]+", "_", _run_name(trial)).strip("_")
        with self._writer(str(self.folder / f"{safe}-{row.key[:8]}")) as writer:
            for name, epoch, value in _curves(row):
                writer.add_scalar(name, value, epoch)
            writer.add_text("parameters", json.dumps(_parameters(trial, row), indent=1))

    def finish(self, result: Any) -> None:
        """The winner, as a text of its own."""
        with self._writer(str(self.folder / "outcome")) as writer:
            writer.add_text("outcome", json.dumps(_outcome(result), indent=1))


class MLflow(Callback):
    """Records runs in MLflow: where MLFLOW_TRACKING_URI says, else in mlflow.db here. Needs mlflow-skinny."""

    def __init__(self, uri: str | None = None, experiment: str = "scaling-search") -> None:
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise DeviceError("--log mlflow needs pip install 'scaling-search[mlflow]'") from error
        chosen = uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
        self._client = MlflowClient(tracking_uri=chosen)
        known = self._client.get_experiment_by_name(experiment)
        self._experiment = known.experiment_id if known else self._client.create_experiment(experiment)

    def end(self, trial: Trial, row: TrialRow) -> None:
        """One run for each finished trial."""
        if row.state not in ("complete", "diverged"):
            return
        run = self._client.create_run(self._experiment, run_name=_run_name(trial)).info.run_id
        for name, value in _parameters(trial, row).items():
            self._client.log_param(run, name, value)
        for name, epoch, value in _curves(row):
            self._client.log_metric(run, name, value, step=epoch)
        self._client.set_terminated(run, status="FINISHED" if row.state == "complete" else "FAILED")

    def finish(self, result: Any) -> None:
        """The winner, as a run of its own."""
        run = self._client.create_run(self._experiment, run_name="outcome").info.run_id
        for name, value in _outcome(result).items():
            self._client.set_tag(run, name, value)
        self._client.set_terminated(run)
