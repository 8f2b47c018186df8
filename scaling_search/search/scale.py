"""`scale`: the best triple over phi. One network file per phi; what time and memory allow is trained and tested."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network
from scaling_search.data import catalog
from scaling_search.errors import InputError, UsageError
from scaling_search.ledger.rows import CandidateRow, TrialRow
from scaling_search.report.render import save
from scaling_search.scaling.coefficients import Coefficients, parse_phi
from scaling_search.search import climb, records, rounds
from scaling_search.search.budget import Meter
from scaling_search.search.candidates import Candidate, candidate, ground, matched
from scaling_search.search.grid import make_trainer
from scaling_search.search.plan import base_of
from scaling_search.search.results import FRESH_SEEDS, read_grid
from scaling_search.search.study import Study

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.jobs import Job, Watcher
    from scaling_search.search.trainer import Trainer


NOT_TRAINED = "not trained"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of the family and the file it was written to."""

    candidate: Candidate
    file: Path


def winner(study: Study, ledger: Reader) -> Coefficients:
    """The triple that the study's grid chose. Errors: InputError when the ledger has no finished trial of it."""
    _, found = read_grid(ledger, study)
    if found.choice is None:
        raise InputError(
            f"no finished grid of study {study.name!r} in this ledger: run `scaling-search grid` first, or give "
            "--coefficients ALPHA,BETA,GAMMA"
        )
    alpha, beta, gamma = found.rival(found.choice.winner).triple
    return Coefficients(alpha=alpha, beta=beta, gamma=gamma)


def parse_coefficients(text: str) -> Coefficients:
    """`1.2,1.1,1.15`. Errors: UsageError naming the text."""
    try:
        alpha, beta, gamma = (float(piece) for piece in text.split(","))
    except ValueError:
        raise UsageError(f"coefficients {text!r}: write ALPHA,BETA,GAMMA such as 1.2,1.1,1.15") from None
    return Coefficients(alpha=alpha, beta=beta, gamma=gamma)


def family(
    study: Study,
    triple: Coefficients,
    *,
    match: str,
    as_published: bool = False,
    at: Sequence[float] | None = None,
    meter: Meter | None = None,
) -> list[Candidate]:
    """One candidate per phi of the study's `scale.phi`, or of `at`.

    With `match = "realised"` each is moved to its budget as the grid's candidates are. Where no resolution fits, the
    network stays as the triple says; its ratio tells by how much it misses. One over the study's limits is marked
    "not trained".
    """
    on = ground(study, base_of(study, as_published=as_published), meter)
    members = []
    for phi in parse_phi(study.scale.phi) if at is None else at:
        row = candidate(on, triple, phi)
        if match == "realised":
            moved = matched(on, row)
            row = replace(row, reason=moved.reason) if moved.status == "dropped" else moved
        over = on.meter.over(row.network)
        members.append(row if over is None else replace(row, status=NOT_TRAINED, reason=over))
    return members


def file_name(network: Network) -> str:
    """A name that is safe on every file system, whatever the network is called."""
    safe = re.sub(r"[^A-Za-z0-9@=.,+-]", "_", network.name).lstrip(".")
    return f"{safe[:150]}.toml"


def emit(members: Sequence[Candidate], folder: Path) -> list[Member]:
    """Writes one TOML per member. Errors: StorageError."""
    written = []
    for member in members:
        path = folder / file_name(member.network)
        save(toml.write(member.network), path)
        written.append(Member(candidate=member, file=path))
    return written


def train(
    study: Study,
    ledger: Ledger,
    members: Sequence[Candidate],
    *,
    match: str,
    watcher: Watcher,
    should_stop: Callable[[], bool],
    checkpoints: Path | None,
    retry_failed: bool = False,
    stop_when_flat: bool = False,
) -> int:
    """Trains and tests the family from the smallest network up; returns how many trials ran here.

    A member whose estimated time or memory is over the limit is recorded as *not trained*, with the estimate; so is
    one whose predicted gain is within noise, with `stop_when_flat`. Accuracies are predicted before the training.
    `match` is the rule by which the members were built.
    """
    trainer = make_trainer(
        study,
        ledger,
        watcher=watcher,
        should_stop=should_stop,
        checkpoints=checkpoints,
        retry_failed=retry_failed,
    )
    # The only place that opens the test split.
    test = catalog.load_test(study.dataset.name)
    ledger.record_study(
        records.study_row(study, recipe=trainer.recipe.canonical(), dataset=trainer.dataset.fingerprint)
    )
    for member in members:
        ledger.record_network(records.network_row(member.network, member.cost))
    seeds = range(FRESH_SEEDS, FRESH_SEEDS + study.scale.seeds)
    watcher.expect(len(members) * len(seeds))
    trained = 0
    kept = others(study, ledger, members, match=match)
    decided = list(members)
    earlier: list[Job] = []
    for index, member in enumerate(members):
        jobs = [rounds.job(member, seed) for seed in seeds]
        refusal = None
        if not _begun(trainer, jobs):
            known = climb.points(members[:index], ledger.trials([trainer.row(j).key for j in earlier]))
            climb.record_prediction(ledger, study.name, member, known)
            step = climb.next_step(known, member) if stop_when_flat else None
            refusal = step.reason if step is not None and step.flat else forbidden(study, trainer, member)
        earlier += jobs
        if refusal is not None:
            decided[index] = replace(member, status=NOT_TRAINED, reason=refusal)
            watcher.skip(len(jobs), f"φ = {member.phi:g} not trained: {refusal}")
        _record(study, ledger, decided, kept)
        if refusal is None:
            trained += rounds.run_jobs(trainer, jobs, test=test)
    _record(study, ledger, decided, kept)
    return trained


def others(study: Study, ledger: Reader, members: Sequence[Candidate], *, match: str) -> list[CandidateRow]:
    """What earlier calls recorded of the same family at other phi: the networks that it has there now.

    Another triple's, or those of another base or rounding, would be read as members of this family.
    """
    triple, here = members[0].triple, {member.phi for member in members}
    rows = [
        row
        for row in ledger.candidates(study.name, "scale")
        if (row.alpha, row.beta, row.gamma) == (triple.alpha, triple.beta, triple.gamma)
        and row.phi not in here
    ]
    again = family(study, triple, match=match, at=[row.phi for row in rows])
    return [row for row, member in zip(rows, again, strict=True) if row.network == member.fingerprint]


def _record(study: Study, ledger: Ledger, members: Sequence[Candidate], kept: Sequence[CandidateRow]) -> None:
    rows = [records.candidate_row(study.name, "scale", row) for row in members]
    ledger.record_candidates(study.name, [*rows, *kept], in_place_of="scale")


def _begun(trainer: Trainer, jobs: Sequence[Job]) -> bool:
    """Whether all of it is in the ledger already: nothing is left that an estimate could forbid."""
    rows = trainer.ledger.trials([trainer.row(job).key for job in jobs])
    return len(rows) == len(jobs) and all(row.state in ("complete", "diverged") for row in rows)


def forbidden(study: Study, trainer: Trainer, member: Candidate) -> str | None:
    """Why a member is not trained here, with the figure; None when nothing speaks against it."""
    if member.status == NOT_TRAINED:
        return member.reason
    from scaling_search.search import origin

    needed = trainer.estimated_memory(member.network)
    available = origin.available_memory()
    if available is not None and needed > available:
        return f"needs about {needed / 2**30:.1f} GiB, {available / 2**30:.1f} GiB are available"
    seconds = estimated_seconds(trainer, member)
    if seconds is not None and seconds > 60 * study.scale.max_minutes:
        return f"one seed would take about {seconds / 60:.1f} min, over scale.max_minutes = {study.scale.max_minutes:g}"
    return None


def estimated_seconds(trainer: Trainer, member: Candidate) -> float | None:
    """Training seconds of one seed, in proportion to MACs, from the nearest trial of this recipe, data and device.

    None where nothing was measured yet: the first member is trained to find out.
    """
    from scaling_search.search import origin

    near: TrialRow | None = None
    for row in trainer.ledger.trials():
        mine = row.recipe == trainer.recipe.canonical() and row.dataset == trainer.dataset.fingerprint
        measured = (
            row.state == "complete" and row.device == origin.device() and row.train_seconds and row.macs
        )
        if mine and measured and (near is None or _apart(row, member) < _apart(near, member)):
            near = row
    if near is None or near.train_seconds is None or near.macs is None:
        return None
    return near.train_seconds * member.cost.macs / near.macs


def _apart(row: TrialRow, member: Candidate) -> int:
    return abs((row.macs or 0) - member.cost.macs)
