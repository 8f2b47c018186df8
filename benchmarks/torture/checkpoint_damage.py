"""One flipped bit anywhere in a checkpoint: it is passed over, aloud, and the one before is taken."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.torture.child import start
from benchmarks.torture.kills import beside, control
from benchmarks.torture.outcome import Outcome
from benchmarks.torture.search import parameters
from scaling_search.training import loop
from scaling_search.training.checkpoint import Checkpoints, Position

_CONTROL_EVERY = 10


def flips(n: int, folder: Path) -> Outcome:
    """Each flip in the newer of a killed trial's two checkpoints; at the end the trial goes on from a flipped one."""
    common = beside(folder, networks=1, often=True)
    undisturbed = control(common)
    search = replace(common, folder=folder / "search")
    killed = start(search.child())
    if not killed.reach("saved", 3):
        raise AssertionError(f"no three checkpoints: {search.errors[-2000:]}")
    killed.kill()

    def prepare(tell: Callable[..., None]) -> None:
        begin = loop.begin

        def flip_first(program: Any, seeds: Any, checkpoints: Any) -> Any:
            _flip(n, folder / "copies", program, seeds, checkpoints, tell)
            loop.begin = begin
            return begin(program, seeds, checkpoints)

        loop.begin = flip_first

    child = start(search.child(prepare))
    code = child.end()
    if code != 0:
        raise AssertionError(f"the search with flipped bits ends with {code}: {search.errors[-2000:]}")
    seen = Counter(mark.about[0] for mark in child.marks if mark.word == "flip")
    if not seen["control"] or seen["control-wrong"]:
        raise AssertionError("the untouched copy is not what was written: this run shows nothing")
    went_on = search.figures() == undisturbed.figures and search.answer() == undisturbed.answer
    went_on = went_on and parameters([*killed.marks, *child.marks]) == undisturbed.parameters
    wrong = seen["wrong"] + seen["silent"] + (not went_on) + ("passed over" not in search.errors)
    after = "" if went_on else "; a trial that went on from a flipped one ended otherwise"
    note = f"{seen['fell-back']} fell back one step and said so, {seen['control']} controls right{after}"
    return Outcome(tried=n, lost=seen["lost"], silently_wrong=wrong, note=note)


def _flip(
    n: int, copies: Path, program: Any, seeds: Any, original: Checkpoints, tell: Callable[..., None]
) -> None:
    """Tells of each of `n` flips: fell-back, silent (but right), wrong or lost. Leaves the original with one flip."""
    said: list[str] = []

    def restored(folder: Path) -> Position | None:
        said.clear()
        kept = replace(original, folder=folder, say=said.append)
        return kept.restore(program.state, seeds, program.setup.recipe)

    dice = random.Random(13)  # noqa: S311 - to be repeated, not to be secret
    newer, older = sorted(original.folder.glob("step-*"), reverse=True)
    shutil.copytree(original.folder, copies)
    shutil.copytree(older, copies.with_name("older") / older.name)
    new, old = _content(restored(copies)), _content(restored(copies.with_name("older")))
    files = [path for path in sorted((copies / newer.name).rglob("*")) if path.is_file()]
    files = [path for path in files if path.stat().st_size]
    sizes = [path.stat().st_size for path in files]
    for index in range(n):
        if index % _CONTROL_EVERY == 0:
            right = new != old and _content(restored(copies)) == new and not said
            tell("flip", "control" if right else "control-wrong")
        (path,) = dice.choices(files, weights=sizes)
        content = path.read_bytes()
        path.write_bytes(_flipped(content, dice))
        found = _content(restored(copies))
        path.write_bytes(content)
        if found is None:
            tell("flip", "lost")
        elif found != old:
            tell("flip", "wrong", path.name)
        else:
            tell("flip", "fell-back" if len(said) == 1 and newer.name in said[0] else "silent")
    (path,) = dice.choices(files, weights=sizes)
    real = newer / path.relative_to(copies / newer.name)
    real.write_bytes(_flipped(real.read_bytes(), dice))


def _flipped(content: bytes, dice: random.Random) -> bytes:
    bit = dice.randrange(8 * len(content))
    copy = bytearray(content)
    copy[bit // 8] ^= 1 << bit % 8
    return bytes(copy)


def _content(position: Position | None) -> Any:
    """All of a position, to be compared."""
    if position is None:
        return None
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(position.state)]
    bits = [None if index is None else index.tobytes() for index in position.correct]
    state = [(str(leaf.dtype), leaf.shape, leaf.tobytes()) for leaf in leaves]
    return state, position.history, bits, position.epoch_seconds
