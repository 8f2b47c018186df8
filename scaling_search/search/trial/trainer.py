"""How one trial is run: claim, data, network, training, record. The only place where they meet."""

from __future__ import annotations

from collections.abc import Sequence

from scaling_search.search.trial import failures, provenance, weights
from scaling_search.search.trial.claims import Held
from scaling_search.search.trial.compiled_networks import CompiledNetworks, NotBatchedError
from scaling_search.search.trial.ledger_rows import evaluation_row
from scaling_search.search.trial.trial import NOTHING_MORE, Extras, Trial, TrialRunner
from scaling_search.training.evaluate import evaluate
from scaling_search.training.loop import train, train_seeds
from scaling_search.training.outcome import Outcome, OutOfMemory
from scaling_search.training.pixels import split_on_device
from scaling_search.training.run import Hooks


class Trainer(TrialRunner):
    """Runs trials in this process. It has compiled networks and claimed trials."""

    networks: CompiledNetworks
    _ahead: tuple[str, Outcome] | None = None

    def networks_of(self, trial: Trial) -> CompiledNetworks:
        """Where the trial's network is compiled, for its own recipe."""
        return self.networks if trial.recipe is None else self.networks.with_recipe(trial.recipe)

    def run_groups(
        self,
        groups: Sequence[Sequence[Trial]],
        *,
        extras: Extras,
        again: bool,
        likely: Sequence[Trial] = (),  # noqa: ARG002 - nobody is idle here
    ) -> int:
        """`run` for one group after the other; each next one compiles meanwhile."""
        trained = 0
        for group, following in zip(groups, [*groups[1:], None], strict=True):
            upcoming = None if following is None else following[0]
            trained += self.run(group, upcoming=upcoming, extras=extras, again=again)
        return trained

    def run(
        self,
        trials: Sequence[Trial],
        *,
        upcoming: Trial | None = None,
        extras: Extras = NOTHING_MORE,
        again: bool = False,
    ) -> int:
        """Trains seeds of one network, unless they are finished or in other hands; returns how many were trained.

        As one batched program where that is faster here. `upcoming` compiles meanwhile. `extras` go into the same
        record. `again` trains finished trials once more (which gives the same network), for extras that they lack.
        Errors: TrainingStopped (the trials are given back), StorageError, DeviceError (the machine fails trial after
        trial); a trial's own failure is recorded.
        """
        if self.networks_of(trials[0]).batches(trials[0].network, len(trials)):
            try:
                return self._run(trials, upcoming, extras, again, batched=True)
            except NotBatchedError as error:
                self.callback.say(
                    f"{trials[0].label}: {len(trials)} seeds train one after the other: {error}"
                )
        return sum(self._run([trial], upcoming, extras, again, batched=False) for trial in trials)

    def _run(
        self,
        trials: Sequence[Trial],
        upcoming: Trial | None,
        extras: Extras,
        again: bool,
        *,
        batched: bool,
    ) -> int:
        rows = [(self.row(trial), trial) for trial in trials]
        needed = len(trials) * self.networks_of(trials[0]).estimated_memory(trials[0].network)
        with self.claims.hold(rows, needed=needed, again=again) as held:
            if held.trials:
                outcomes = self._take_ahead(held) or self._train(held, upcoming, batched=batched)
                held.finish(outcomes, self._extras(held, outcomes, extras, batched=batched))
        return len(held.trials)

    def train_ahead(self, trial: Trial) -> None:
        """Trains it without a claim, to be recorded by `run` if that is asked for it next. Errors: as training's."""
        self._ahead = None
        held = Held(self.ledger, ())
        held.trials = (trial,)
        (outcome,) = self._train(held, None, batched=False)
        self._ahead = (self.row(trial).key, outcome)

    def _take_ahead(self, held: Held) -> tuple[Outcome, ...]:
        """What was trained ahead, if it is this very trial; nothing else is kept of it."""
        ahead, self._ahead = self._ahead, None
        keys = [self.row(trial).key for trial in held.trials]
        return () if ahead is None or keys != [ahead[0]] else (ahead[1],)

    def _train(self, held: Held, upcoming: Trial | None, *, batched: bool) -> tuple[Outcome, ...]:
        """Errors: NotBatchedError where a batched program does not compile or fit."""
        networks, network = self.networks_of(held.trials[0]), held.trials[0].network
        seeds = [trial.seed for trial in held.trials]
        seed_batch = len(seeds) if batched else None
        program = networks.program(network, seed_batch)
        if upcoming is not None:
            self.networks_of(upcoming).prepare(upcoming.network, seed_batch=seed_batch)
        pixels = networks.pixels(network.resolution)
        hooks = Hooks(
            on_compiled=lambda compiled: failures.check_memory(
                compiled, pixels, provenance.available_memory()
            ),
            on_progress=lambda progress: self.callback.progress(held.trials[0], progress),
            should_stop=lambda: held.lost or networks.should_stop(),
        )
        try:
            if batched:
                networks.wait_for_batched(program)
            model, kept = networks.model(network, batched=batched), held.checkpoints
            if not batched:
                return (
                    train(
                        model,
                        pixels,
                        networks.recipe,
                        seed=seeds[0],
                        compiled=program,
                        checkpoints=kept,
                        hooks=hooks,
                    ),
                )
            return train_seeds(
                model, pixels, networks.recipe, seeds=seeds, compiled=program, checkpoints=kept, hooks=hooks
            )
        except (NotBatchedError, OutOfMemory) as error:
            if not batched:
                networks.forget(network)
                raise
            # One alone takes less, and is a program of its own.
            networks.never_batch(network)
            if held.checkpoints is not None:
                held.checkpoints.discard()
            raise NotBatchedError(str(error)) from error
        except BaseException:
            networks.forget(network)
            raise

    def _extras(
        self, held: Held, outcomes: Sequence[Outcome], extras: Extras, *, batched: bool
    ) -> list[list[object]]:
        """More rows by trial: how it does on its own training images, and the extras; none of one that diverged."""
        more: list[list[object]] = [[] for _ in outcomes]
        networks, network = self.networks_of(held.trials[0]), held.trials[0].network
        keys = [self.row(trial).key for trial in held.trials]
        finished = [place for place, outcome in enumerate(outcomes) if outcome.state == "complete"]
        # A batched program takes all of its seeds or none.
        if not finished or (batched and len(finished) < len(outcomes)):
            return more
        splits = {"train": networks.pixels(network.resolution).train}
        if extras.test is not None:
            splits["test"] = split_on_device(extras.test, networks.dataset, network.resolution)
        program = networks.program(network, len(outcomes) if batched else None).result()
        chosen = [outcomes[place] for place in finished]
        for split, pixels in splits.items():
            found = evaluate(program, chosen, pixels, should_stop=networks.should_stop)
            for place, one in zip(finished, found, strict=True):
                more[place].append(evaluation_row(keys[place], split, one))
        if extras.weights is not None:
            for place in finished:
                more[place].append(weights.keep(extras.weights, network, keys[place], outcomes[place]))
        return more
