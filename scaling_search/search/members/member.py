"""A trained network with its weights: a family's member, or the winner of a search."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.architecture.network import Network, from_definition
from scaling_search.data import catalog
from scaling_search.data.images.form import Form
from scaling_search.errors import InputError, few
from scaling_search.export.metadata import Accuracy, Metadata
from scaling_search.ledger.storage.rows import GRID, DatasetRow, EvaluationRow, FamilyRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, TRIPLES
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.grid import families
from scaling_search.search.grid.answer import Command
from scaling_search.search.grid.candidates import bits_of, triple_of
from scaling_search.search.grid.ledger_results import dataset_of, own_trials, winner
from scaling_search.search.plan.seeds import is_fresh, number
from scaling_search.search.trial import weights
from scaling_search.statistics import accuracies, gather
from scaling_search.statistics.multiple_comparisons import LEVEL

if TYPE_CHECKING:
    from scaling_search.export.folder import Exported
    from scaling_search.ledger.ledger import Ledger
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


def of_study(
    ledger: Ledger,
    study: StudyRow,
    phi: float,
    *,
    checkpoints: Folder,
    seed: int | None = None,
    coefficients: Coefficients | None = None,
) -> Member:
    """A member of the study's family: the best seed by validation unless one is named.

    `coefficients`: of this triple's; unless given, of the one that the search names where that has weights, else of the
    newest. Errors: InputError where there is none, or no weights of it are kept.
    """
    found = [
        (family, row.network)
        for family in _families(ledger, study, coefficients)
        for row in ledger.rows(TRIPLES, study=study.name, role=family.role)
        if abs(row.phi - phi) < 1e-9 and row.network is not None
    ]
    command = Command(study=study.name, ledger=ledger.place)
    if not found:
        have = sorted({row.phi for row in ledger.rows(TRIPLES, study=study.name) if "family" in row.role})
        known = few([f"phi={value:g}" for value in have]) or f"none: run {command.line('scale')} first"
        raise InputError(f"study {study.name!r} has no member phi={phi:g}; it has {known}")
    trained = set[int]()
    for family, network in found:
        own = [
            trial
            for trial in ledger.trials(study=study.name, roles=(family.role,), with_correct=True)
            if trial.network == network and is_fresh(trial.seed) and trial.state == "complete"
        ]
        trained |= {number(trial.seed) for trial in own}
        best = _best(weights.kept(ledger, [trial.key for trial in own]), own, seed)
        if best is not None:
            triple = Coefficients.of(triple_of(family))
            return _member(ledger, study, triple, network, best, phi, checkpoints)
    what = f"phi={phi:g} of study {study.name!r}"
    if not trained:
        raise InputError(f"{what} was not trained: {command.line('scale', '--phi', f'{phi:g}')} trains it")
    if seed is not None and seed not in trained:
        raise InputError(
            f"{what} has no seed {seed}: it was trained with {', '.join(map(str, sorted(trained)))}"
        )
    again = command.line("scale", "--phi", f"{phi:g}", "--keep-weights", "best" if seed is None else "all")
    of = "" if seed is None else f"seed {seed} of "
    raise InputError(f"no weights are kept of {of}{what}: {again} trains it again")


def of_grid(ledger: Ledger, study: StudyRow, *, checkpoints: Folder, seed: int | None = None) -> Member:
    """The winner of the study's search, or who leads it, at its largest φ: the best seed unless one is named.

    Errors: InputError where there is none, or no weights of it are kept.
    """
    triple, _ = winner(ledger, study)
    rows = ledger.rows(CANDIDATES, study=study.name, role=GRID, **asdict(triple))
    row = max(rows, key=lambda row: row.phi or 0.0)
    own = [one for one in own_trials(ledger, study.name) if one.network == row.network]
    kept = weights.kept(ledger, [one.key for one in own])
    best = _best(kept, own, seed)
    if best is None:
        of, keep = ("", "best") if seed is None else (f"seed {seed} of ", "all")
        seeds = ", ".join(str(one.seed) for one in own if one.key in kept)
        raise InputError(
            f"no weights are kept of {of}{triple}, which study {study.name!r} names"
            + (f" (of seed {seeds} they are)" if seeds else "")
            + f": a search keeps those of what it trains from then on with `grid --keep-weights {keep}`; "
            f"{Command(study=study.name, ledger=ledger.place).line('scale')} trains the triple's family with its own"
        )
    return _member(ledger, study, triple, row.network, best, row.phi or 0.0, checkpoints)


def _best(kept: Collection[str], trials: Sequence[TrialRow], seed: int | None) -> TrialRow | None:
    """Of the trials with kept weights, by keys, the one with the seed; the best by validation unless one is named."""
    chosen = [one for one in trials if one.key in kept and seed in (None, number(one.seed))]
    return max(chosen, key=lambda one: (one.accuracy or 0.0, -one.seed), default=None)


def best_phi(ledger: Ledger, study: StudyRow, coefficients: Coefficients | None = None) -> float:
    """φ of the member with the highest mean validation accuracy among those of the first family with kept weights.

    Errors: InputError where there is none.
    """
    found = families.best_phi(ledger, study.name, _families(ledger, study, coefficients))
    if found is None:
        raise InputError(
            f"study {study.name!r} has no member with weights: "
            f"{Command(study=study.name, ledger=ledger.place).line('scale', '--keep-weights', 'best')} trains them"
        )
    return found


def _families(ledger: Ledger, study: StudyRow, coefficients: Coefficients | None) -> list[FamilyRow]:
    """The families of a triple; unless given, of the one that the search names, then the others, the newest first.

    Errors: InputError where there is none of the triple given.
    """
    named = coefficients
    if named is None:
        with suppress(InputError):
            named, _ = winner(ledger, study)
    triple = None if named is None else astuple(named)
    every = families.families(ledger, study.name, triple)
    if coefficients is None or triple is None:
        return every
    found = [one for one in every if families.is_of(one, triple)]
    if not found:
        have = sorted({str(Coefficients.of(triple_of(one))) for one in every})
        raise InputError(
            f"study {study.name!r} has no family of {coefficients}; it has those of {few(have) or 'none'}"
        )
    return found


def _fitted(data: DatasetRow) -> dict[str, Any]:
    """How images were brought to their size when the set was prepared, where it still is here."""
    with suppress(InputError):
        info = catalog.describe(data.name)
        if info.size == (data.height, data.width):
            return {"fit": info.fit, "shape": info.shape}
    return {"fit": None}


def _member(
    ledger: Reader,
    study: StudyRow,
    triple: Coefficients,
    network: str,
    trial: TrialRow,
    phi: float,
    checkpoints: Folder,
) -> Member:
    known = ledger.network(network)
    data = dataset_of(ledger, study)
    row = weights.kept(ledger, [trial.key])[trial.key]
    if known is None or data is None:
        raise InputError(f"the ledger does not have the network or the data set of phi={phi:g} any more")
    built = from_definition(known.definition, name=known.name)
    tested = [one for one in ledger.evaluations([trial.key], with_correct=True) if one.split == "test"]
    return Member(
        label=f"{triple} φ={phi:g}, seed {number(trial.seed)}",
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
                "coefficients": list(astuple(triple)),
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
