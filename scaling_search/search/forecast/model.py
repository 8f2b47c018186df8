"""How long a search will take, said before it starts and set beside what it took.

A trial's seconds follow from those of networks that were measured: the network's own, or a + b·MACs through them
(a, b ≥ 0). Compiling runs beside training: on a CPU both want the same cores, so their times add up; an accelerator
trains meanwhile, and only what compiling takes longer than that is waited for.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.racing.screening import possible
from scaling_search.search.forecast.timing_cache import Calibration
from scaling_search.search.plan import rates
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.plan.seeds import TUNING_SEED
from scaling_search.system import machine
from scaling_search.training import recipe as recipes
from scaling_search.training.memory import step_memory
from scaling_search.training.recipe import Recipe

# A network and a seed.
NetworkSeed = tuple[str, int]
# By how much searches took less or more than forecast, nine times of ten, on a machine that does nothing else.
LEAST, MOST = 0.75, 1.35
# The first round after which a race may end.
_FIRST_TEST = 3


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What is known of speed: (MACs, seconds of a trial) by network, and what compiling one took.

    source: in words; compiled: networks whose programs are in the cache; block: seeds of a network that train before
    the next network does; gain: how many times faster they do than one by one, which `trials` do not know; quickest:
    the share of these seconds that the least disturbed steps took.
    """

    source: str
    device: str
    platform: str
    trials: Mapping[str, tuple[int, float]]
    compile_seconds: float
    compiled: Collection[str] = ()
    memory_bytes: int | None = None
    block: int = 1
    gain: float = 1.0
    quickest: float = 1.0

    def seconds(self, network: str, macs: int) -> float:
        """One trial of a network."""
        return self.trials[network][1] if network in self.trials else affine(list(self.trials.values()), macs)

    def compiling(self, network: str) -> float:
        """Seconds to compile a network; none where its programs are in the cache."""
        return 0.0 if network in self.compiled else self.compile_seconds


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Seconds for one trial of each network and for all that is still to train, which racing may end early.

    low_seconds, high_seconds: nine searches of ten take between; low is for a race that ends as soon as it may.
    screening_seconds: the screening's part of the total. memory_bytes: the step of each network at its fullest, an
    estimate; available_bytes: what the device had, None where it does not say.
    """

    source: str
    device: str
    platform: str
    networks: tuple[str, ...]
    trial_seconds: tuple[float, ...]
    compile_seconds: float
    screening_seconds: float
    total_seconds: float
    low_seconds: float
    high_seconds: float
    missing: int
    memory_bytes: tuple[int, ...]
    available_bytes: int | None


def affine(points: Sequence[tuple[int, float]], macs: int) -> float:
    """Seconds at `macs` by a + b·MACs with a, b ≥ 0, fitted by least squares of relative errors.

    >>> round(affine([(10, 3.0), (20, 5.0)], 40), 6), affine([(10, 3.0)], 20)
    (9.0, 6.0)
    """
    sizes, seconds = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    design = np.stack([1 / seconds, sizes / seconds], axis=1)
    if len(set(sizes.tolist())) > 1:
        a, b = np.linalg.lstsq(design, np.ones(len(seconds)), rcond=None)[0]
        if a >= 0 and b >= 0:
            return float(a + b * macs)
        if b < 0:
            return float(seconds.mean())
    return float(macs * design[:, 1].sum() / (design[:, 1] ** 2).sum())


def from_ledger(recipe: Recipe, rows: Sequence[TrialRow], *, device: str | None = None) -> Basis | None:
    """From complete trials on `device`, or on that of the newest one; None without any.

    `rows`: trials of the data set; those of the recipe count, at whatever rate.
    """
    known = [row for row in rows if row.state == "complete" and row.train_seconds and row.macs and row.device]
    if device is None and known:
        device = max(known, key=lambda row: row.finished_at or "").device
    texts = recipes.as_long({row.recipe for row in known}, recipe)
    known = [row for row in known if row.device == device and row.recipe in texts]
    if not known:
        return None
    by_network: dict[str, list[TrialRow]] = {}
    for row in known:
        by_network.setdefault(row.network, []).append(row)
    return Basis(
        source="trials in the ledger",
        device=str(device),
        platform="cpu" if str(device).startswith("cpu") else "accelerator",
        trials={
            network: (
                mine[0].macs or 0,
                statistics.median((row.train_seconds or 0.0) + (row.evaluate_seconds or 0.0) for row in mine),
            )
            for network, mine in by_network.items()
        },
        compile_seconds=statistics.median(
            max(row.compile_seconds or 0.0 for row in mine) for mine in by_network.values()
        ),
        compiled=tuple(by_network),
    )


def from_calibration(recipe: Recipe, found: Calibration, *, train: int, validation: int) -> Basis:
    """From a short measurement; `train`, `validation`: images of each split."""
    steps = max(1, train // recipe.batch_size)
    return Basis(
        source="a short measurement",
        device=found.device,
        platform=found.platform,
        trials={
            timing.network: (
                timing.macs,
                timing.trial_seconds(epochs=recipe.epochs, steps=steps, images=validation),
            )
            for timing in found.timings
        },
        compile_seconds=statistics.fmean(timing.compile_seconds for timing in found.timings),
        compiled=tuple(timing.network for timing in found.timings),
        quickest=min(
            (one.fastest_step_seconds or one.step_seconds) / one.step_seconds for one in found.timings
        ),
        memory_bytes=found.memory_bytes,
        block=found.block,
        gain=found.gain,
    )


def forecast(plan: GridPlan, basis: Basis, done: Collection[NetworkSeed]) -> Forecast:
    """What is still to train of a plan, `done` being the trials that are finished."""
    alone = {
        row.fingerprint: basis.seconds(row.fingerprint, row.cost.macs) for row in (plan.base, *plan.networks)
    }
    trial_seconds = {network: seconds / basis.gain for network, seconds in alone.items()}
    trials = missing(plan, done, basis.block)
    screening = 0.0
    epochs = plan.space.study.grid.screening_epochs
    if epochs is not None and trials and possible(len(plan.candidates)):
        share = epochs / plan.space.recipe.epochs
        screening = sum(share * alone[row.fingerprint] + basis.compile_seconds for row in plan.networks)
    compiling = {network: basis.compiling(network) for network in trial_seconds}
    total = screening + elapsed(trials, trial_seconds, compiling, platform=basis.platform)
    sure = [
        trial
        for trial in trials
        if trial[1] < _FIRST_TEST or trial[1] >= TUNING_SEED or not plan.space.study.grid.racing
    ]
    least = screening + elapsed(sure, trial_seconds, compiling, platform=basis.platform)
    less, more = uncertainty(machine.load() if basis.platform == "cpu" else None, machine.cores())
    return Forecast(
        source=basis.source,
        device=basis.device,
        platform=basis.platform,
        networks=tuple(trial_seconds),
        trial_seconds=tuple(trial_seconds.values()),
        compile_seconds=basis.compile_seconds,
        screening_seconds=screening,
        total_seconds=total,
        low_seconds=less * basis.quickest * least,
        high_seconds=more * total,
        missing=len(trials),
        memory_bytes=memory(plan, basis.platform),
        available_bytes=machine.available_memory() if basis.platform == "cpu" else basis.memory_bytes,
    )


def uncertainty(load: float | None, cores: int) -> tuple[float, float]:
    """Between what shares of a forecast nine searches of ten end. load: None where it is unknown or does not matter.

    Work of others that waits for cores may end, or as much again may begin (benchmarks/RESULTS.md).

    >>> uncertainty(2.0, 2), [round(share, 2) for share in uncertainty(10.0, 2)]
    ((0.75, 1.35), [0.42, 2.43])
    """
    waiting = max(0.0, (load or 0.0) - cores)
    busy = waiting / (waiting + cores)
    return LEAST / (1 + busy), MOST * (1 + busy)


def missing(plan: GridPlan, done: Collection[NetworkSeed], block: int = 1) -> list[NetworkSeed]:
    """The trials that are not finished, in the order in which they are run: so many seeds of a network at a time.

    Those that tune rates come first, with numbers in place of seeds (`plan.rates`).
    """
    seeds = range(plan.space.study.grid.seeds)
    blocks = [seeds[at : at + block] for at in range(0, len(seeds), block)]
    base = [(plan.base.fingerprint, seed) for seed in plan.base_seeds]
    every = [(row.fingerprint, seed) for seeds in blocks for row in plan.networks for seed in seeds]
    networks = [plan.base.fingerprint, *(row.fingerprint for row in plan.networks)]
    tuning = rates.numbers(networks, plan.space)
    return [trial for trial in dict.fromkeys([*tuning, *base, *every]) if trial not in done]


def elapsed(
    trials: Sequence[NetworkSeed],
    seconds: Mapping[str, float],
    compiling: Mapping[str, float],
    *,
    platform: str,
) -> float:
    """Wall-clock seconds of trials run one after the other, each network compiled before its first.

    All but the first compile while the network before them trains. Beside an accelerator that is hidden as far as that
    lasts; on a CPU the compiler takes one of the cores that train.
    """
    total, before, compiled = 0.0, 0.0, set[NetworkSeed]()
    for position, (program, several) in enumerate(groupby(trials, key=_program)):
        network = program[0]
        waits = 0.0 if program in compiled else compiling[network]
        compiled.add(program)
        if position and platform == "cpu":
            waits /= machine.cores()
        elif position:
            waits = max(0.0, waits - before)
        before = seconds[network] * sum(1 for _ in several)
        total += waits + before
    return total


def _program(trial: NetworkSeed) -> NetworkSeed:
    """What is compiled once: a network with a rate. Which one it is trained with in the end is taken to be its own."""
    network, seed = trial
    return network, seed - TUNING_SEED if seed >= TUNING_SEED else rates.OWN


def memory(plan: GridPlan, platform: str) -> tuple[int, ...]:
    """Bytes of a training step of each candidate's network at its fullest."""
    recipe = plan.space.recipe
    return tuple(step_memory(row.network, recipe, platform, counted=row.cost) for row in plan.networks)


def shared(found: Forecast, workers: int) -> float:
    """Seconds for all that is still to train where so many train at the same time, each as fast as was measured."""
    longest = max(found.trial_seconds) if found.missing else 0.0
    return max(found.total_seconds / workers, min(longest, found.total_seconds))
