"""Networks as one recipe trains them on one data set: compiled, timed, and their images on the device."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Self

import jax

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.data.dataset import Dataset
from scaling_search.errors import ScalingSearchError
from scaling_search.networks.build import Model, build
from scaling_search.search.trial import failures, provenance
from scaling_search.search.trial.initial_weights import InitialWeights
from scaling_search.search.trial.timing import Timing
from scaling_search.search.trial.trial import Networks
from scaling_search.training.compiled import CompiledTrial, ready, start_compiling
from scaling_search.training.optimizer import norm_momentum
from scaling_search.training.outcome import OutOfMemory
from scaling_search.training.pixels import TrialPixels, on_device
from scaling_search.training.recipe import Recipe
from scaling_search.training.seeds import batched_by_default
from scaling_search.training.seeds import measure as measure_seeds
from scaling_search.training.stopwatch import measure

# Programs kept in memory: a round of racing comes back to every candidate. Beyond this the disk cache serves.
_PROGRAMS = 32
_RESOLUTIONS = 4
_RECIPES = 8
# Seeds that a round of racing takes where they are batched: more would be spent on candidates soon eliminated.
_BLOCK = 4


class NotBatchedError(ScalingSearchError):
    """These seeds cannot be one program here; one after the other they may be trained."""


class CompiledNetworks(Networks):
    """Keeps compiled programs and resized images for whoever trains or times networks.

    `initial`: the weights that the recipe names, where it names any.
    """

    at_once = 1  # this process alone

    def __init__(
        self,
        *,
        dataset: Dataset,
        recipe: Recipe,
        should_stop: Callable[[], bool],
        initial: InitialWeights | None = None,
    ) -> None:
        self.dataset = dataset
        self.recipe = recipe
        self.initial = initial
        self.should_stop = should_stop
        self.platform = provenance.platform_name()
        self.device, self.arithmetic = provenance.device(), provenance.arithmetic()
        self.block = _BLOCK if batched_by_default(self.platform) else 1
        # By fingerprint, and the number of seeds batched (None: one, not batched).
        self.programs: OrderedDict[tuple[str, int | None], Future[CompiledTrial]] = OrderedDict()
        self._gains: dict[int, float] = {}  # by the number of seeds
        self._never_batched: set[str] = set()
        self._pixels = lru_cache(_RESOLUTIONS)(partial(on_device, dataset))
        self._others: OrderedDict[Recipe, Self] = OrderedDict()

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same images for another recipe: other programs, the same ones whenever it is asked for."""
        if recipe == self.recipe:
            return self
        if recipe not in self._others:
            other = type(self)(
                dataset=self.dataset, recipe=recipe, should_stop=self.should_stop, initial=self.initial
            )
            other._pixels, other._gains = self._pixels, self._gains
            self._others[recipe] = other
            while len(self._others) > _RECIPES:
                self._others.popitem(last=False)
        self._others.move_to_end(recipe)
        return self._others[recipe]

    def available_memory(self) -> int | None:
        """Bytes that a trial may take."""
        return provenance.available_memory()

    def program(self, network: Network, seed_batch: int | None) -> Future[CompiledTrial]:
        """The network's programs."""
        self.prepare(network, seed_batch=seed_batch)
        return self.programs[fingerprint(network), seed_batch]

    def prepare(self, network: Network, *, seed_batch: int | None = None) -> None:
        """Starts compiling in the background, unless that is done or under way."""
        key = (fingerprint(network), seed_batch)
        if key in self.programs:
            self.programs.move_to_end(key)
            return
        self.programs[key] = start_compiling(
            self.model(network, batched=seed_batch is not None),
            self.pixels(network.resolution),
            self.recipe,
            seed_batch=seed_batch,
        )
        while len(self.programs) > _PROGRAMS:
            self.programs.popitem(last=False)

    def forget(self, network: Network) -> None:
        """Drops the network's programs: they may be what failed."""
        for key in [key for key in self.programs if key[0] == fingerprint(network)]:
            del self.programs[key]

    def batches(self, network: Network, seeds: int) -> bool:
        """Whether so many seeds of the network train as one batched program. Errors: TrainingStopped."""
        return seeds > 1 and fingerprint(network) not in self._never_batched and self.gain(network, seeds) > 1

    def gain(self, network: Network, seeds: int) -> float:
        """How many times faster so many seeds train as one batched program here: measured once, on the first network.

        At most 1 on a CPU, where one seed already fills the cores (`training.seeds.batched_by_default`). A program
        that cannot be compiled or does not fit gains nothing. Errors: TrainingStopped.
        """
        if not batched_by_default(self.platform):
            return 0.0
        if seeds not in self._gains:
            self._gains[seeds] = self._measured_gain(network, seeds)
        return self._gains[seeds]

    def _measured_gain(self, network: Network, seeds: int) -> float:
        self.prepare(network)
        self.prepare(network, seed_batch=seeds)
        pixels = self.pixels(network.resolution)
        try:
            alone, batched = (
                ready(self.programs[fingerprint(network), seed_batch], self.should_stop)
                for seed_batch in (None, seeds)
            )
            failures.check_memory(batched, pixels, provenance.available_memory())
            return measure_seeds(alone, batched, pixels).gain
        except (OutOfMemory, jax.errors.JaxRuntimeError):
            return 0.0

    def wait_for_batched(self, program: Future[CompiledTrial]) -> None:
        """Waits for a batched program. Errors: NotBatchedError where XLA has none, OutOfMemory, TrainingStopped."""
        try:
            ready(program, self.should_stop)
        except jax.errors.JaxRuntimeError as error:
            raise NotBatchedError(failures.reason(error)) from error

    def never_batch(self, network: Network) -> None:
        """From now on the network's seeds train one after the other."""
        self.forget(network)
        self._never_batched.add(fingerprint(network))

    def timing(self, network: Network, macs: int) -> Timing:
        """How fast the network is here: compiled, unless that is done, and run for a few steps. Nothing is recorded.

        Errors: OutOfMemory, TrainingStopped.
        """
        self.prepare(network)
        pixels = self.pixels(network.resolution)
        program = ready(self.programs[fingerprint(network), None], self.should_stop)
        failures.check_memory(program, pixels, provenance.available_memory())
        speed = measure(program, pixels, should_stop=self.should_stop)
        return Timing(
            network=fingerprint(network),
            macs=macs,
            compile_seconds=program.compile_seconds,
            memory_bytes=program.memory_bytes,
            **asdict(speed),
        )

    def model(self, network: Network, *, batched: bool = False) -> Model:
        """The network as it is trained here; `batched`, with several seeds in one program."""
        momentum = norm_momentum(network.norm_momentum, self.recipe, len(self.dataset.train))
        network = network.model_copy(update={"norm_momentum": momentum})
        model = build(network, platform=self.platform, batched=batched, init=self.recipe.init)
        return model if self.initial is None else self.initial.begin(model, network)

    def pixels(self, resolution: int) -> TrialPixels:
        """Train and validation images on the device, resized; shared by networks of one resolution."""
        return self._pixels(resolution)
