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
from scaling_search.report.study import KINDS
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.grid import families
from scaling_search.search.grid.answer import Command
from scaling_search.search.grid.candidates import bits_of, triple_of
from scaling_search.search.grid.ledger_results import dataset_of, own_trials, settings_of, winner
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
    family: str | None = None,
    factors: str | None = None,
) -> Member:
    """A member of a study's family: the best seed by validation unless one is named.

    Which family: of `coefficients`, else of the triple that the search names; `family` is proxy or full, `factors`
    nominal or realised. Of those that are left the first one with weights of the member, in the order of
    `grid.families`: the proxy's before the full network's, nominal factors first, then the newest; then those of other
    triples. Errors: InputError where there is none, or no weights of it are kept.
    """
    found = [
        (one, row.network)
        for one in _families(ledger, study, coefficients, family, factors)
        for row in ledger.rows(TRIPLES, study=study.name, role=one.role)
        if abs(row.phi - phi) < 1e-9 and row.network is not None
    ]
    command = Command(study=study.name, ledger=ledger.place)
    if not found:
        roles = {one.role for one in _families(ledger, study, coefficients, family, factors)}
        have = sorted({row.phi for row in ledger.rows(TRIPLES, study=study.name) if row.role in roles})
        known = few([f"phi={value:g}" for value in have]) or f"none: run {command.line('scale')} first"
        raise InputError(f"study {study.name!r} has no member phi={phi:g}; it has {known}")
    trained = set[int]()
    for one, network in found:
        own = [
            trial
            for trial in ledger.trials(study=study.name, roles=(one.role,), with_correct=True)
            if trial.network == network and is_fresh(trial.seed) and trial.state == "complete"
        ]
        trained |= {number(trial.seed) for trial in own}
        best = _best(weights.kept(ledger, [trial.key for trial in own]), own, seed)
        if best is not None:
            return _member(ledger, study, triple_of(one), network, best, phi, checkpoints, family=one)
    what = f"phi={phi:g} of study {study.name!r}"
    same = ["--phi", f"{phi:g}", *_scaling(found[0][0], coefficients, family, factors)]
    if not trained:
        raise InputError(f"{what} was not trained: {command.line('scale', *same)} trains it")
    if seed is not None and seed not in trained:
        raise InputError(
            f"{what} has no seed {seed}: it was trained with {', '.join(map(str, sorted(trained)))}"
        )
    again = command.line("scale", *same, "--keep-weights", "best" if seed is None else "all")
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
    return _member(ledger, study, astuple(triple), row.network, best, row.phi or 0.0, checkpoints)


def _best(kept: Collection[str], trials: Sequence[TrialRow], seed: int | None) -> TrialRow | None:
    """Of the trials with kept weights, by keys, the one with the seed; the best by validation unless one is named."""
    chosen = [one for one in trials if one.key in kept and seed in (None, number(one.seed))]
    return max(chosen, key=lambda one: (one.accuracy or 0.0, -one.seed), default=None)


def best_phi(
    ledger: Ledger,
    study: StudyRow,
    coefficients: Coefficients | None = None,
    family: str | None = None,
    factors: str | None = None,
) -> float:
    """φ of the member with the highest mean validation accuracy among those of the first family with kept weights.

    Which families: as `of_study`. Errors: InputError where there is none.
    """
    every = _families(ledger, study, coefficients, family, factors)
    found = families.best_member(ledger, study.name, every)
    if found is None:
        same = _scaling(every[0], coefficients, family, factors) if every else ()
        again = Command(study=study.name, ledger=ledger.place).line("scale", *same, "--keep-weights", "best")
        raise InputError(f"study {study.name!r} has no member with weights: {again} trains them")
    return found[1]


def _scaling(
    row: FamilyRow, coefficients: Coefficients | None, family: str | None, factors: str | None
) -> tuple[str, ...]:
    """Options of `scale` that train the family that was asked for, which is `row`."""
    named = () if coefficients is None else (*families.option_of(astuple(coefficients)), "--match", row.match)
    kind = () if family is None else ("--train", family)
    return (*named, *kind, *(() if factors is None else ("--factors", factors)))


def _families(
    ledger: Ledger,
    study: StudyRow,
    coefficients: Coefficients | None,
    family: str | None,
    factors: str | None,
) -> list[FamilyRow]:
    """The families of a triple; unless given, of the one that the search names, then the others, the newest first.

    Errors: InputError where there is none of the triple, or of the kind, that is given.
    """
    named = coefficients
    if named is None:
        with suppress(InputError):
            named, _ = winner(ledger, study)
    triple = None if named is None else astuple(named)
    every = families.families(ledger, study.name, triple)
    found = [one for one in every if coefficients is None or families.is_of(one, astuple(coefficients))]
    if every and not found:
        have = sorted({str(Coefficients.of(triple_of(one))) for one in every})
        raise InputError(f"study {study.name!r} has no family of {coefficients}; it has those of {few(have)}")
    left = [one for one in found if family in (None, one.network) and factors in (None, one.factors)]
    if found and not left:
        asked = " and ".join(
            f"--{name} {value}" for name, value in (("family", family), ("factors", factors)) if value
        )
        have = sorted({f"--family {one.network} --factors {one.factors}" for one in found})
        raise InputError(f"study {study.name!r} has no family of {asked}; it has {few(have)}")
    return left


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
    triple: Sequence[float],
    network: str,
    trial: TrialRow,
    phi: float,
    checkpoints: Folder,
    *,
    family: FamilyRow | None = None,
) -> Member:
    """`family`: whose member it is, None for a candidate of the search."""
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
