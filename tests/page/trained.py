"""What made-up networks gave: curves, families with their predictions, forecasts of time and memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scaling_search.report.page.data import (
    Candidate,
    Cost,
    Curve,
    Family,
    Forecast,
    Member,
    Network,
    Results,
    Triple,
)
from scaling_search.report.table import Estimate, Interval

COSTS = (
    Cost(key="macs", title="MACs"),
    Cost(key="parameters", title="Parameters"),
    Cost(key="activations", title="Activations"),
    Cost(key="memory", title="Training memory", kind="bytes"),
    Cost(key="seconds", title="Measured time of an epoch", kind="seconds"),
)
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DIFFICULTY = (0.06, -0.06, 0.08, 0.0, 0.09, -0.05, 0.2, -0.03, -0.06, -0.03)
BASE_MACS = 2_104_320.0


def family(winner: Candidate, name: str, seeds: int, *, compound: bool) -> Family:
    """φ = 0 to 4, the last one predicted but not trained; the compound family grows faster than the other."""
    triple: Triple = winner.triple if compound and winner.triple else (2.0, 1.0, 1.0)
    members = []
    for phi in range(5):
        macs = BASE_MACS * 2**phi
        expected = 0.935 - 0.056 * 2 ** (-(0.75 if compound else 0.4) * phi)
        trained = phi < 4
        got = expected + (0.0015 if phi == 2 else -0.0008)
        members.append(
            Member(
                key=f"{name}-{compound}-{phi}",
                phi=float(phi),
                network=Network(
                    name=f"efficientnet-b0@16px@phi={phi}",
                    depths="1-2-2-3",
                    widths="16-24-40-80",
                    resolution=round(16 * 1.15**phi),
                    costs={"macs": macs, "parameters": 112_640 * 1.6**phi, "memory": 90e6 * 1.7**phi},
                ),
                status="trained" if trained else "not trained",
                predicted=None
                if phi < 1
                else Interval(value=expected, low=expected - 0.005, high=expected + 0.005),
                results=Results(
                    training=Estimate(mean=min(0.999, got + 0.05), sd=0.001, seeds=seeds),
                    validation=Estimate(mean=got, sd=0.002, seeds=seeds),
                    validation_interval=Interval(low=got - 0.004, high=got + 0.004),
                    test=Estimate(mean=got - 0.004, sd=0.002, seeds=seeds),
                    test_interval=Interval(low=got - 0.009, high=got + 0.001),
                )
                if trained
                else Results(),
                remark=None if trained else "needs about 9.1 GiB, 7.6 GiB are free",
            )
        )
    return Family(
        name=f"compound {name}" if compound else "depth alone (2, 1, 1)",
        triple=triple,
        candidate=winner.key if compound else None,
        members=tuple(members),
    )


def forecasts(found: tuple[Candidate, ...], random: np.random.Generator) -> Iterator[Forecast]:
    """Time and memory, a little off."""
    for one in found:
        seconds = 24 * float(one.network.costs["seconds"] or 0.0)
        yield Forecast(
            what="Time of a trial",
            name=named(one.triple),
            kind="seconds",
            forecast=Interval(value=seconds, low=seconds / 1.25, high=seconds * 1.25),
            actual=seconds * float(np.exp(random.normal(0.04, 0.08))),
            candidate=one.key,
        )
        memory = float(one.network.costs["memory"] or 0.0)
        yield Forecast(
            what="Peak memory",
            name=named(one.triple),
            kind="bytes",
            forecast=Interval(value=memory, low=memory * 0.9, high=memory * 1.1),
            actual=memory * float(np.exp(random.normal(-0.02, 0.03))),
            candidate=one.key,
        )


def curves(final: float, seeds: int, epochs: int, number: int) -> tuple[Curve, ...]:
    """One a seed, rising to `final`; `number` makes the noise."""
    random = np.random.default_rng(1000 + number)
    out = []
    for seed in range(seeds):
        t = np.arange(1, epochs + 1)
        noise = random.normal(0, 0.004, epochs) * (1.6 - t / epochs) + random.normal(0, 0.004)
        accuracy = final - (final - 0.1) * 0.6 * np.exp(-t / (0.14 * epochs)) + noise
        loss = 0.12 + 2.1 * np.exp(-t / (0.16 * epochs)) + np.abs(noise) * 4 + (0.95 - final)
        out.append(
            Curve(
                seed=seed,
                epochs=tuple(range(1, epochs + 1)),
                train_loss=tuple(map(float, loss)),
                validation_accuracy=tuple(map(float, accuracy)),
            )
        )
    return tuple(out)


def named(triple: Triple | None) -> str:
    """As the product names a triple."""
    return "–" if triple is None else "(" + ", ".join(f"{value:g}" for value in triple) + ")"
