"""A trained network with its weights: a family's member, or the winner of a search."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.architecture.network import Network, from_definition
from scaling_search.data import catalog
from scaling_search.data.images.form import Form
from scaling_search.errors import InputError
from scaling_search.export.metadata import Accuracy, Metadata
from scaling_search.ledger.storage.rows import DatasetRow, EvaluationRow, FamilyRow, StudyRow, TrialRow
from scaling_search.report.study import KINDS
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.grid.candidates import bits_of
from scaling_search.search.grid.ledger_results import dataset_of, settings_of
from scaling_search.search.plan.seeds import number
from scaling_search.search.trial import weights
from scaling_search.statistics import accuracies, gather
from scaling_search.statistics.multiple_comparisons import LEVEL

if TYPE_CHECKING:
    from scaling_search.export.folder import Exported
    from scaling_search.ledger.reader import Reader
    from scaling_search.system.files import Folder

Tree = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Member:
    """A network with weights, and how images come to it.

    `label` names it for people; `metadata`: moments, class names, accuracy, recipe and provenance; `read` gives the
    weights; `trial` is its trial's row, None where it is not of a ledger.
    """

    label: str
    network: Network
    metadata: Metadata
    read: Callable[[], tuple[Tree, Tree]]
    trial: TrialRow | None = None

    @cached_property
    def weights(self) -> tuple[Tree, Tree]:
        """(params, batch_stats). Errors: InputError where they are gone, DamagedError."""
        return self.read()

    @property
    def form(self) -> Form:
        """How an image comes to it: in the form of its data set's, or cut to the square that it takes."""
        side = self.network.resolution
        height, width = self.metadata.stored_size or (side, side)
        channels, shape = self.network.channels, self.metadata.shape or width / height
        return Form(size=(height, width), channels=channels, shape=shape, fit=self.metadata.fit)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; their numbers where nobody has named them."""
        return self.metadata.class_names or tuple(map(str, range(self.network.classes)))

    def about(self, given: Metadata) -> Member:
        """Itself with the moments and class names that are given. Errors: InputError where they do not fit."""
        fields = {name: getattr(given, name) for name in ("mean", "std", "class_names")}
        metadata = replace(self.metadata, **{name: what for name, what in fields.items() if what is not None})
        metadata.check(self.network)
        return replace(self, metadata=metadata)

    def export(self, format: str, out: str | Path, *, normalise: bool = False) -> Exported:
        """Write it for another framework: torch, onnx, flax or timm. Errors: as `export.folder.export`."""
        from scaling_search.export import folder

        folder.check_target(format, Path(out))
        params, batch_stats = self.weights
        return folder.export(
            self.network,
            params,
            batch_stats,
            format=format,
            out=Path(out),
            metadata=self.metadata,
            normalise=normalise,
        )


def _fitted(data: DatasetRow) -> dict[str, Any]:
    """How images were brought to their size when the set was prepared, where it still is here."""
    with suppress(InputError):
        info = catalog.describe(data.name)
        if info.size == (data.height, data.width):
            return {"fit": info.fit, "shape": info.shape}
    return {"fit": None}


def of_trial(
    ledger: Reader,
    study: StudyRow,
    triple: Sequence[float],
    network: str,
    trial: TrialRow,
    phi: float,
    checkpoints: Folder,
    *,
    family: FamilyRow | None = None,
) -> Member:
    """The network of a trial whose weights are kept. `family`: whose member it is, None for a candidate of the search.

    Errors: InputError where the ledger has its network or data set no more.
    """
    known = ledger.network(network)
    data = dataset_of(ledger, study)
    row = weights.kept(ledger, [trial.key])[trial.key]
    if known is None or data is None:
        raise InputError(f"the ledger does not have the network or the data set of phi={phi:g} any more")
    built = from_definition(known.definition, name=known.name)
    kind, factors = ("proxy", "nominal") if family is None else (family.network, family.factors)
    # Without a proxy there is one network, and nothing to tell apart.
    whose = "" if settings_of(study).proxy is None else f" of {KINDS[kind]}"
    whose += ", as built" if factors == "realised" else ""
    tested = [one for one in ledger.evaluations([trial.key], with_correct=True) if one.split == "test"]
    return Member(
        label=f"{Coefficients.of(triple)} φ={phi:g}{whose}, seed {number(trial.seed)}",
        network=built,
        metadata=Metadata(
            mean=tuple(json.loads(data.mean)),
            std=tuple(json.loads(data.std)),
            class_names=tuple(json.loads(data.classes)),
            stored_size=(data.height or 1, data.width or 1),
            **_fitted(data),
            accuracy=_accuracy(trial, tested[0] if tested else None),
            recipe=json.loads(trial.recipe),
            provenance={
                "study": study.name,
                "dataset": data.name,
                "dataset_fingerprint": data.fingerprint,
                "coefficients": list(triple),
                "family": None if family is None else family.network,
                "factors": None if family is None else family.factors,
                "phi": phi,
                "seed": trial.seed,
                "trial": trial.key,
                "weights_sha256": row.sha256,
                "device": trial.device,
                "arithmetic": trial.arithmetic,
                "versions": json.loads(trial.versions or "null"),
                "commit": trial.commit,
                "finished_at": trial.finished_at,
            },
        ),
        read=lambda: weights.read(checkpoints, row, built),
        trial=trial,
    )


def _accuracy(trial: TrialRow, tested: EvaluationRow | None) -> Accuracy | None:
    """On the test split where it was looked at, else on validation."""
    row, split = (trial, "validation") if tested is None else (tested, "test")
    if row.correct is None or row.accuracy is None:
        return None
    (found,) = accuracies(gather({split: {0: bits_of(row)}}))
    return Accuracy(
        value=row.accuracy,
        low=found.low,
        high=found.high,
        level=LEVEL,
        split=split,
        images=row.correct_count or 0,
    )
