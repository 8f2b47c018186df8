"""The search: every candidate trained with every seed, round by round, and only what the ledger does not have yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.count import Cost, cost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.rows import CandidateRow, NetworkRow, StudyRow
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search import study as studies
from scaling_search.search.plan import Candidate, Plan
from scaling_search.search.study import Study
from scaling_search.search.trainer import Job, Trainer, unfinished

# A round is one seed for every candidate still racing.
Round = Callable[[int, Sequence[str]], Sequence[str]]
_OTHERS_POLL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Contender:
    """What competes: one network per phi of the grid, all built by the same triples.

    `key` names it: the fingerprints of its networks, joined.
    """

    key: str
    members: tuple[Candidate, ...]

    @property
    def lead(self) -> Candidate:
        """The member at the smallest phi; its triple stands for the contender."""
        return self.members[0]

    @property
    def macs(self) -> int:
        """MACs of all members together: what training it costs, up to a factor."""
        return sum(member.cost.macs for member in self.members)


def contenders(plans: Sequence[Plan]) -> list[Contender]:
    """Triples kept at every phi, grouped by the networks that they build there."""
    if len(plans) == 1:
        return [Contender(key=row.fingerprint, members=(row,)) for row in plans[0].candidates]
    by_triple = [{triple: row for row in plan.candidates for triple in row.triples} for plan in plans]
    groups: dict[str, Contender] = {}
    for triple in by_triple[0]:
        if all(triple in rows for rows in by_triple):
            members = tuple(rows[triple] for rows in by_triple)
            key = "+".join(member.fingerprint for member in members)
            groups.setdefault(key, Contender(key=key, members=members))
    return list(groups.values())


def record_plan(ledger: Ledger, study: Study, plans: Sequence[Plan], *, recipe: str, dataset: str) -> None:
    """The study, its networks and its candidates, dropped ones included, as the report will read them."""
    ledger.record_study(study_row(study, recipe=recipe, dataset=dataset))
    for plan in plans:
        for network, counted in [(plan.base, plan.base_cost)] + [
            (c.network, c.cost) for c in plan.candidates
        ]:
            ledger.record_network(network_row(network, counted))
        rows = [
            candidate_row(study.name, "grid", row, triple)
            for row in (*plan.candidates, *plan.dropped)
            for triple in row.triples
        ]
        ledger.record_candidates(study.name, rows)


def study_row(study: Study, *, recipe: str, dataset: str) -> StudyRow:
    """A study as the ledger keeps it."""
    return StudyRow(
        name=study.name,
        toml=studies.write(study),
        baseline=study.baseline,
        dataset_name=study.dataset.name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        recipe=recipe,
        dataset=dataset,
    )


def network_row(network: Network, counted: Cost) -> NetworkRow:
    """A network as the ledger keeps it."""
    return NetworkRow(
        fingerprint=fingerprint(network),
        name=network.name,
        toml=toml.write(network),
        resolution=network.resolution,
        parameters=counted.parameters,
        batch_stats=counted.batch_stats,
        macs=counted.macs,
        activations=counted.activations,
    )


def candidate_row(study: str, purpose: str, row: Candidate, triple: Coefficients) -> CandidateRow:
    """A candidate as the ledger keeps it: one row per triple."""
    return CandidateRow(
        study=study,
        purpose=purpose,
        phi=row.phi,
        alpha=triple.alpha,
        beta=triple.beta,
        gamma=triple.gamma,
        network=row.fingerprint,
        network_name=row.network.name,
        depth="-".join(map(str, row.network.depths)),
        width="-".join(map(str, row.network.widths)),
        resolution=row.network.resolution,
        nominal_resolution=row.nominal_resolution,
        parameters=row.cost.parameters,
        macs=row.cost.macs,
        macs_ratio=row.macs_ratio,
        status=row.status,
        reason=row.reason,
    )


def run(trainer: Trainer, field: Sequence[Contender], seeds: Sequence[int], after_round: Round) -> int:
    """Trains round by round; `after_round(seed index, keys still racing)` says who goes on. Trials run here.

    Work that other processes hold is waited for at the end of a round, because the next round depends on it; a dead
    worker's trial is taken up.
    """
    trained = 0
    racing = [contender.key for contender in field]
    by_key = {contender.key: contender for contender in field}
    for index, seed in enumerate(seeds):
        jobs = [job(member, seed) for key in racing for member in by_key[key].members]
        trained += run_jobs(trainer, jobs)
        if index + 1 < len(seeds):
            racing = list(after_round(index, racing))
    return trained


def run_jobs(trainer: Trainer, jobs: Sequence[Job]) -> int:
    """Runs what is missing of `jobs`; returns how many ran here. The next one compiles while one trains."""
    trained = 0
    keys = {trainer.row(job).key: job for job in jobs}
    trainer.ledger.add_trials([trainer.row(job) for job in jobs])
    while missing := unfinished(trainer.ledger, list(keys)):
        before = trained
        wanted = [key for key in keys if key in set(missing)]
        for position, key in enumerate(wanted):
            upcoming = keys[wanted[position + 1]] if position + 1 < len(wanted) else None
            trained += trainer.run(keys[key], upcoming=upcoming)
        if trained == before:
            trainer.check_stop()
            time.sleep(_OTHERS_POLL_SECONDS)
    return trained


def job(member: Candidate, seed: int) -> Job:
    """One trial of a candidate."""
    return Job(network=member.network, cost=member.cost, seed=seed, label=f"{member.triple} φ={member.phi:g}")


def base_job(base: Network, seed: int) -> Job:
    """One trial of the base network."""
    return Job(network=base, cost=cost(base), seed=seed, label="base")
