"""Rounds of trials: who competes, and training what the ledger does not have yet, one seed after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from scaling_search.search.candidates import Candidate
from scaling_search.search.jobs import Job
from scaling_search.search.plan import Plan

if TYPE_CHECKING:
    from scaling_search.data.dataset import Split

    # `report` reads rounds' results and must not load what trains them.
    from scaling_search.search.trainer import Trainer

# After a round (one seed for everybody still racing): who goes on, given who raced.
AfterRound = Callable[[Sequence[str]], Sequence[str]]
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


def run(
    trainer: Trainer,
    field: Sequence[Contender],
    seeds: Sequence[int],
    after_round: AfterRound,
    *,
    first: Sequence[str] | None = None,
) -> int:
    """Trains round by round; `after_round` says who goes on. Returns the trials run here.

    `first`: the keys of those in the first round, all of the field unless given.

    Work that other processes hold is waited for at the end of a round, because the next round depends on it; a dead
    worker's trial is taken up.
    """
    trained = 0
    by_key = {contender.key: contender for contender in field}
    racing = list(by_key if first is None else first)
    for block in blocks(seeds, trainer.block):
        jobs = [job(member, seed) for key in racing for member in by_key[key].members for seed in block]
        trained += run_jobs(trainer, jobs)
        racing = list(after_round(racing))
        if not racing:
            break
    return trained


def blocks(seeds: Sequence[int], size: int) -> list[Sequence[int]]:
    """Seeds that are trained before the next decision.

    >>> blocks(range(5), 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [seeds[at : at + size] for at in range(0, len(seeds), size)]


def run_jobs(trainer: Trainer, jobs: Sequence[Job], *, test: Split | None = None) -> int:
    """Runs what is missing of `jobs`; returns how many ran here. The next one compiles while one trains.

    With `test`, each is judged on that split too.
    """
    trained = 0
    keys = {trainer.row(job).key: job for job in jobs}
    trainer.ledger.add_trials([trainer.row(job) for job in jobs])
    if test is None:
        # With a test split a finished trial's checkpoint may still save training it once more.
        trainer.custody.tidy(list(keys))
    while missing := trainer.custody.unfinished(list(keys)):
        before = trained
        left = set(missing)
        wanted = [
            list(group)
            for _, group in groupby(
                (job for key, job in keys.items() if key in left), key=lambda job: job.network
            )
        ]
        for position, group in enumerate(wanted):
            upcoming = wanted[position + 1][0] if position + 1 < len(wanted) else None
            if test is None:
                trained += trainer.run_seeds(group, upcoming=upcoming)
            else:
                trained += sum(trainer.run(job, upcoming=upcoming, test=test) for job in group)
        if trained == before:
            trainer.check_stop()
            time.sleep(_OTHERS_POLL_SECONDS)
    if test is not None:
        trained += sum(trainer.run(job, test=test) for job in jobs)
    return trained


def job(member: Candidate, seed: int) -> Job:
    """One trial of a candidate."""
    return Job(network=member.network, cost=member.cost, seed=seed, label=f"{member.triple} φ={member.phi:g}")
