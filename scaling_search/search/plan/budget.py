"""What a search holds equal and what its networks must not exceed: every cost as one number.

    maximise accuracy(N) subject to cost(N) = 2^phi * cost(base) and, for every cost that has one, cost(N) <= limit
The paper's formulation (Tan & Le 2019, eq. 2: memory and FLOPs have targets), with any cost in the place of FLOPs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from scaling_search.architecture.network import Network
from scaling_search.costs.count import Cost, cost
from scaling_search.report import figures
from scaling_search.scaling.coefficients import MACS, Exponents
from scaling_search.search.plan.study import Study
from scaling_search.training.memory import step_memory
from scaling_search.training.recipe import Recipe

# Seconds of a training step of a network, on this device.
StepSeconds = Callable[[Network], float]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A cost as a number. `title` and `words` name it in a table and a sentence; `show` writes it with its unit.

    A triple multiplies it by alpha^i * beta^j * gamma^k, `exponents` being (i, j, k), where rounding and the layers
    that do not scale are left aside: a kernel has width^2 weights and meets every pixel, a map has width channels.
    """

    name: str
    title: str
    words: str
    exponents: Exponents
    show: Callable[[float], str]


def _counted(name: str, title: str, words: str, exponents: Exponents) -> Quantity:
    return Quantity(
        name=name, title=title, words=words, exponents=exponents, show=lambda n: figures.human(n, words)
    )


QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        _counted("macs", "MACs", "MACs", MACS),
        _counted("parameters", "Parameters", "parameters", (1, 2, 0)),
        _counted("activations", "Activations", "activations", (1, 1, 2)),
        # Mostly the maps that the backward pass needs.
        Quantity(
            name="memory",
            title="Memory",
            words="training memory",
            exponents=(1, 1, 2),
            show=lambda n: f"{figures.size(n)} of training memory",
        ),
        Quantity(
            name="latency",
            title="Step",
            words="time of a training step",
            exponents=MACS,
            show=lambda n: f"{figures.duration(n)} a training step",
        ),
    )
}


class Meter:
    """Reads any cost of a network in the study's setting: counted, but for latency, which is timed on this device."""

    def __init__(self, study: Study, recipe: Recipe, *, step_seconds: StepSeconds | None = None) -> None:
        """`step_seconds` times a training step of a network on this device; only a study that is `timed` needs it."""
        self.study = study
        self._recipe = recipe
        self._step_seconds = step_seconds

    def read(self, name: str, network: Network) -> float:
        """The cost of this name: a count, bytes of a training step, or seconds of one. Errors: InputError."""
        match name:
            case "memory":
                return step_memory(network, self._recipe, "cpu", counted=cost_at(network, network.resolution))
            case "latency":
                if self._step_seconds is None:
                    raise ValueError("a cost in seconds needs a device that steps are timed on")
                return self._step_seconds(network)
            case _:
                return float(getattr(cost_at(network, network.resolution), name))

    def over(self, network: Network) -> str | None:
        """The first of the study's limits that the network exceeds, with both figures; None where it meets them."""
        for name, quantity in QUANTITIES.items():
            limit = getattr(self.study.limits, name)
            if limit is not None and (amount := self.read(name, network)) > limit:
                return f"{quantity.show(amount)}: over limits.{name} = {quantity.show(limit)}"
        return None


def cost_at(network: Network, resolution: int) -> Cost:
    """`cost`, counted once for triples that build the same depths and widths. Errors: InputError as there."""
    return _cost_at(network.model_copy(update={"resolution": 1}), resolution)


@lru_cache(maxsize=4096)
def _cost_at(network: Network, resolution: int) -> Cost:
    return cost(network, resolution)
