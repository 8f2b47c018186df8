"""Why a trial failed, in one line for the ledger, and whether beginning it again can help."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.training.outcome import OutOfMemory

if TYPE_CHECKING:
    from scaling_search.training.compiled import CompiledTrial
    from scaling_search.training.pixels import TrialPixels

# What XLA calls failures of a device or of the way to it (absl status codes); others come from the program itself.
_OF_THE_DEVICE = ("ABORTED", "CANCELLED", "DATA_LOSS", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE")


def of_the_machine(error: Exception) -> bool:
    """Whether the machine failed, not the network: the only failures that are worth another attempt."""
    import jax

    if isinstance(error, jax.errors.JaxRuntimeError):
        return str(error).startswith(_OF_THE_DEVICE)
    return isinstance(error, OSError)


def reason(error: Exception) -> str:
    """Kind, message and place of an error that nobody expected.

    >>> try: {}["depth"]
    ... except KeyError as error: print(reason(error).partition(" (")[0])
    KeyError: 'depth'
    """
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}"[:2000] + at


def out_of_memory(error: OutOfMemory, *, estimate: int, available: int | None) -> str:
    """What was said, what the trial needs (XLA's plan where there is one, else our estimate), and what there is."""
    said = (str(error).splitlines() or [""])[0][:500]
    needs = (
        f"is estimated to need {_gib(estimate)}"
        if error.predicted_bytes is None
        else f"needs {_gib(error.predicted_bytes)}"
    )
    return f"{said} (it {needs}{'' if available is None else f', {_gib(available)} are available'})"


def check_memory(program: CompiledTrial, pixels: TrialPixels, available: int | None) -> None:
    """Errors: OutOfMemory when XLA plans more than is free. On a host the kernel would kill the whole search instead.

    The images are on the device already and are not counted again.
    """
    import jax

    if program.memory_bytes is None or available is None:
        return
    held = sum(leaf.nbytes for leaf in jax.tree.leaves(pixels.train))
    if program.memory_bytes - held > available:
        raise OutOfMemory("too large for this machine", predicted_bytes=program.memory_bytes)


def _gib(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"
