"""A search made up by the page's samples: a planted surface, its race, families and forecasts, all from seeds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from scaling_search.report.page.data import (
    Candidate,
    Dimensions,
    Elimination,
    Network,
    RaceTest,
    ReportData,
    Results,
    Round,
    Standing,
    Surface,
    lattice,
)
from scaling_search.report.table import Estimate, Interval, Scalar
from tests.page import trained


def study(
    *, candidates: int, gap: float, seed: int, seeds: int = 5, epochs: int = 24, error: float = 0.0022
) -> ReportData:
    random = np.random.default_rng(seed)
    places = _places(candidates)
    peak = np.array([0.28, 0.3, 0.42])
    true = [0.905 - gap * 6 * float(((np.array(place) - peak) ** 2).sum()) for place in places]
    error = error / math.sqrt(seeds / 5)
    means = [value + error * float(random.standard_normal()) for value in true]
    order = sorted(range(candidates), key=lambda i: -means[i])
    best = means[order[0]]
    statistic = {i: (best - means[i]) / (error * 1.41) for i in range(candidates)}
    threshold = 1.6 + 0.55 * math.log(max(2, candidates))
    race, stopped = _race(order, statistic, threshold, seeds, best, means, prefix=str(seed))
    inside = [i for i in order if i not in stopped]
    found = tuple(
        _candidate(
            i,
            places[i],
            means[i],
            best,
            standing="winner" if i == order[0] else "in the set" if i in inside else "eliminated",
            seeds=seeds if i in inside else stopped[i][0],
            epochs=epochs,
            round_=None if i in inside else stopped[i],
            seed=seed,
            half=1.41 * error * threshold,
        )
        for i in order
    )
    winner, decided = found[0], len(inside) == 1
    name = trained.named(winner.triple)
    return ReportData(
        title="Scaling search: fashion",
        answer=_answer(winner, len(inside), candidates, decided),
        candidates=found,
        costs=trained.COSTS,
        dataset="fashion_mnist",
        baseline="efficientnet-b0@16px",
        base=_base(seeds, epochs),
        level=0.95,
        chance=0.1,
        classes=trained.CLASSES,
        surface=_surface(gap, peak, found),
        race=race,
        families=(
            trained.family(winner, name, seeds, compound=True),
            trained.family(winner, name, seeds, compound=False),
        ),
        forecasts=tuple(trained.forecasts(found, random)),
        facts=_facts(candidates, seeds, epochs),
        notes=(
            "Differences are paired: the same seeds, data order and validation images.",
            "α in (1.00, 1.25] builds the same depths: no training can tell those triples apart.",
        ),
    )


def _places(count: int) -> list[tuple[float, float, float]]:
    """Shares, evenly over the triangle: the corners and edges are in it."""
    steps = next(n for n in range(2, 200) if (n + 1) * (n + 2) // 2 >= count)
    points = [(p.depth, p.width, p.resolution) for p in lattice(steps)]
    return [points[i * len(points) // count] for i in range(count)]


def _answer(winner: Candidate, inside: int, candidates: int, decided: bool) -> tuple[str, ...]:
    name = trained.named(winner.triple)
    if decided:
        depth, width, resolution = winner.triple or (1.0, 1.0, 1.0)
        first = (
            f"Scale by {name}: depth × {depth:g}, width × {width:g}, resolution × {resolution:g}"
            " for twice the MACs."
        )
        second = f"No other of the {candidates} candidates comes within 0.2 points of it (at 95 %)."
    else:
        first = f"{name} has the best mean, but {inside} of {candidates} candidates may be the best."
        second = "It is at most 0.6 points behind the best (at 95 %), so any of them is a fair choice."
    return first, second, "Next: `scaling-search scale fashion.toml --phi 0..3`"


def _candidate(
    i: int,
    place: tuple[float, float, float],
    mean: float,
    best: float,
    *,
    standing: Standing,
    seeds: int,
    epochs: int,
    round_: tuple[int, str] | None,
    seed: int,
    half: float,
) -> Candidate:
    depth, width, resolution = place
    factors = Dimensions(depth=2**depth, width=2 ** (width / 2), resolution=2 ** (resolution / 2))
    triple = (round(factors.depth, 2), round(factors.width, 2), round(factors.resolution, 2))
    noise = math.sin(12.9898 * (i + 1)) * 0.5
    macs = 2 * trained.BASE_MACS * (1 + 0.05 * noise)
    bound = 0.0045
    return Candidate(
        key=f"{seed}-{i:04d}",
        network=Network(
            name=f"efficientnet-b0@16px@phi=1/{i}",
            depths=f"1-2-{2 + round(depth * 3)}-3",
            widths=f"16-{24 + 2 * round(width * 8)}-40-80",
            resolution=round(16 * factors.resolution),
            factors=factors,
            costs={
                "macs": macs,
                "parameters": 112_640 * (1 + depth + 0.9 * width) * (1 + 0.02 * noise),
                "activations": 180_000 * (1 + 0.5 * width + 0.8 * resolution + 0.9 * depth),
                "memory": 90e6 * (1 + 0.5 * width + 0.9 * resolution + 0.9 * depth),
                "seconds": 4.1 * (1.3 + 0.3 * depth + 0.2 * resolution + 0.08 * noise),
            },
        ),
        standing=standing,
        verdict={"winner": "winner", "in the set": "in the set"}.get(standing, "eliminated"),
        phi=1.0,
        triple=triple,
        triples=(triple,),
        shares=Dimensions(depth=depth, width=width, resolution=resolution),
        results=Results(
            training=Estimate(mean=min(0.999, mean + 0.035), sd=0.002, seeds=seeds),
            validation=Estimate(mean=mean, sd=0.003 + 0.001 * noise, seeds=seeds),
            validation_interval=Interval(low=mean - bound, high=mean + bound),
            per_class=tuple(
                min(0.999, mean - 0.5 * d + 0.004 * math.sin(i * 7 + k))
                for k, d in enumerate(trained.DIFFICULTY)
            ),
            curves=trained.curves(mean, seeds, epochs, i),
        ),
        behind=Interval(
            value=best - mean,
            low=max(0.0, best - mean - half),
            high=best - mean + half,
        ),
        eliminated=None if round_ is None else Elimination(round=round_[0], evidence=round_[1]),
    )


def _base(seeds: int, epochs: int) -> Candidate:
    return Candidate(
        key="base",
        network=Network(
            name="efficientnet-b0@16px",
            depths="1-2-2-3",
            widths="16-24-40-80",
            resolution=16,
            factors=Dimensions(depth=1, width=1, resolution=1),
            costs={
                "macs": trained.BASE_MACS,
                "parameters": 112_640.0,
                "activations": 180_000.0,
                "memory": 90e6,
                "seconds": 2.9,
            },
        ),
        standing="base",
        verdict="base",
        phi=0.0,
        results=Results(
            training=Estimate(mean=0.902, sd=0.002, seeds=seeds),
            validation=Estimate(mean=0.879, sd=0.0028, seeds=seeds),
            validation_interval=Interval(low=0.8745, high=0.8835),
            per_class=tuple(0.879 - 0.5 * d for d in trained.DIFFICULTY),
            curves=trained.curves(0.879, seeds, epochs, 999),
        ),
    )


def _race(
    order: list[int],
    statistic: dict[int, float],
    threshold: float,
    seeds: int,
    best: float,
    means: list[float],
    *,
    prefix: str,
) -> tuple[tuple[Round, ...], dict[int, tuple[int, str]]]:
    """Rounds with tests from the second on: T grows with the root of the seeds, the threshold falls a little."""
    running, rounds, stopped = list(order), [], {}
    for number in range(1, seeds + 1):
        limit = threshold * (1.35 - 0.35 * number / seeds)
        tests = []
        for i in running:
            if number == 1:
                tests.append(RaceTest(candidate=str(i), inside=True))
                continue
            t = statistic[i] * math.sqrt(number / seeds)
            inside = t <= limit or i == order[0]
            behind = best - means[i]
            half = limit * 0.0031 / 1.4
            tests.append(
                RaceTest(
                    candidate=str(i),
                    inside=inside,
                    statistic=t,
                    threshold=limit,
                    p=min(1.0, 2 * math.exp(-t)),
                    behind=Interval(value=behind, low=max(0.0, behind - half), high=behind + half),
                )
            )
            if not inside:
                stopped[i] = (number, f"T = {t:.2f} exceeds {limit:.2f} (p = {2 * math.exp(-t):.3f})")
        rounds.append((number, tests, None if number == 1 else 0.05 / (seeds - 1)))
        running = [i for i in running if i not in stopped]
    return tuple(
        Round(
            number=number,
            seeds=number,
            error=error,
            tests=tuple(replace(test, candidate=f"{prefix}-{int(test.candidate):04d}") for test in tests),
        )
        for number, tests, error in rounds
    ), stopped


def _surface(gap: float, peak: np.ndarray, found: tuple[Candidate, ...]) -> Surface:
    steps = 36
    points = np.array([(p.depth, p.width, p.resolution) for p in lattice(steps)])
    distance = ((points - peak) ** 2).sum(axis=1)
    values = 0.905 - gap * 6 * distance
    identified = gap >= 0.01
    return Surface(
        steps=steps,
        # Nobody searched where nearly all of the doubling goes to one dimension.
        values=tuple(
            float(value) if max(point) < 0.95 else None for value, point in zip(values, points, strict=True)
        ),
        region=tuple(bool(far < 0.0006 / gap) for far in distance) if identified else (),
        optimum=Dimensions(depth=0.28, width=0.3, resolution=0.42) if identified else None,
        p=0.0004 if identified else 0.61,
        says="The optimum gives depth 28 %, width 30 % and resolution 42 % of the doubling."
        if identified
        else "The accuracies are flat in the shares (p = 0.61): where the optimum lies, they do not say.",
    )


def _facts(candidates: int, seeds: int, epochs: int) -> dict[str, dict[str, Scalar]]:
    return {
        "Search": {
            "budget": "2 × the base's MACs, within 10 %",
            "candidates": candidates,
            "seeds": seeds,
            "φ": 1,
        },
        "Data": {
            "images, training": 36000,
            "images, validation": 24000,
            "images, test": 10000,
            "classes": 10,
            "accuracy of guessing": "10.0 %",
        },
        "Recipe": {
            "epochs": epochs,
            "optimizer": "SGD, momentum 0.9",
            "learning rate": "0.4, cosine",
            "batch size": 128,
            "weight decay": 5e-4,
        },
        "Machine": {
            "device": "cpu, 2 cores",
            "time": "3 h 12 min",
            "scaling-search": "0.1.0",
            "jax": "0.10.2",
            "finished": None,
        },
    }
