"""How fast this machine trains a study's networks: a short measurement, kept in the cache for the next plan.

Nothing here loads an accelerator library: `compiled` measures.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One network, timed. Seconds: to compile, to set a run up, for a training step, to judge one image."""

    network: str  # fingerprint
    macs: int
    compile_seconds: float
    setup_seconds: float
    step_seconds: float
    image_seconds: float
    memory_bytes: int | None  # what XLA plans; None where it does not say
    fastest_step_seconds: float | None = None  # of a few chunks of steps; step_seconds is their median

    def trial_seconds(self, *, epochs: int, steps: int, images: int) -> float:
        """One run of `epochs`, each of so many `steps` and an evaluation on so many `images`."""
        return self.setup_seconds + epochs * (steps * self.step_seconds + images * self.image_seconds)
