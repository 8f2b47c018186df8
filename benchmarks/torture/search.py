"""A real search on real digits, as small as it can be, in a child that tells each step of the way."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

# What takes seconds is done once, before the first child.
import alembic.context  # noqa: F401
import jax
import numpy as np
import orbax.checkpoint  # noqa: F401
import scipy.special  # noqa: F401

from benchmarks.torture import tiny
from benchmarks.torture.child import Mark
from scaling_search.cli import grid as _grid  # noqa: F401
from scaling_search.cli import main
from scaling_search.data.digits import read_digits
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage.decision_rows import LookRow
from scaling_search.networks import native
from scaling_search.search.trial import provenance
from scaling_search.search.trial import trainer as _trainer  # noqa: F401
from scaling_search.training import cache, compiled, loop
from scaling_search.training.checkpoint import Checkpoints
from scaling_search.training.run import Run

# One network with two seeds whatever they say, or that one and another in a race.
_GRIDS = {
    1: 'beta = "1"\nracing = false\n',
    2: tiny.RACED,
}
_STEPS_BETWEEN = 3
_OF_THE_HOUR = ("trained", "forecast")  # what `grid --json` says of this very call
# Their results are kept: no child has to find them again.
read_digits(test=False)
native.version()
provenance.commit()
provenance.versions()
Figures = dict[tuple[str, int], Any]


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search in a folder of its own. `networks` is 1 or 2; `often` writes a checkpoint every third step."""

    folder: Path
    programs: Path
    networks: int = 1
    often: bool = False
    place: Path | None = None  # of the ledger and its checkpoints, where that is another folder

    @property
    def ledger(self) -> Path:
        return (self.place or self.folder) / "ledger.db"

    @property
    def errors(self) -> str:
        """All that was said on stderr."""
        return (self.folder / "stderr").read_text(errors="replace")

    def child(
        self, prepare: Callable[[Callable[..., None]], None] = lambda _: None
    ) -> Callable[[BinaryIO], None]:
        """`scaling-search grid`, to be forked. `prepare` is called in the child, with what tells marks."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "tiny.toml").write_text(tiny.NETWORK)
        study = self.folder / "study.toml"
        study.write_text(tiny.study(grid=_GRIDS[self.networks]))

        def work(out: BinaryIO) -> None:
            for name, descriptor in (("stdout", 1), ("stderr", 2)):
                flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if descriptor == 1 else os.O_APPEND)
                os.dup2(os.open(self.folder / name, flags, 0o666), descriptor)

            def tell(*words: object) -> None:
                os.write(out.fileno(), (" ".join(map(str, words)) + "\n").encode())

            tell("started")
            _tell_all(tell, often=self.often)
            cache.cache_folder = lambda *_: self.programs
            prepare(tell)
            main.main(["grid", "--study", str(study), "--ledger", str(self.ledger), "--json"])

        return work

    def figures(self) -> Figures:
        """All that was measured, by network and seed; seconds excepted, which no two runs share."""
        with Ledger.open(self.ledger, read_only=True) as ledger:
            if damage := check(ledger):
                raise AssertionError(f"a damaged ledger: {damage[0]}")
            return {
                (row.network, row.seed): (
                    *(row.state, row.accuracy, row.loss, row.correct, row.correct_count),
                    without_seconds(json.loads(row.epochs or "[]")),
                )
                for row in ledger.trials(with_correct=True)
            }

    def states(self) -> dict[str, str]:
        """Each trial's state, by key."""
        with Ledger.open(self.ledger, read_only=True) as ledger:
            return {row.key: row.state for row in ledger.trials()}

    def answer(self) -> Any:
        """What `grid --json` printed, but for what no two calls share."""
        text = (self.folder / "stdout").read_text()
        for place in (self.ledger.parent, self.folder):
            text = text.replace(str(place), "")
        said = json.loads(_ABOUT.sub("in a while", text))
        said["notes"] = [note for note in said["notes"] if not note.startswith("Forecast ")]
        return without_seconds({name: value for name, value in said.items() if name not in _OF_THE_HOUR})


# How long what is proposed would take.
_ABOUT = re.compile(r"in about [0-9][0-9a-z. ]*")


def without_seconds(value: Any) -> Any:
    """A JSON value without the fields that hold times."""
    if isinstance(value, list):
        return [without_seconds(item) for item in value]
    if isinstance(value, dict):
        return {name: without_seconds(item) for name, item in value.items() if "seconds" not in name}
    return value


def parameters(marks: list[Mark]) -> dict[str, str]:
    """SHA-256 of the trained parameters and statistics, by trial. Raises AssertionError where a trial has two."""
    found: dict[str, str] = {}
    for mark in marks:
        if mark.word == "trained":
            key, digest = mark.about
            if found.setdefault(key, digest) != digest:
                raise AssertionError(f"trial {key} came out in two ways")
    return found


def _tell_all(tell: Callable[..., None], *, often: bool) -> None:
    """Puts a mark before and after whatever a kill could tear. For a child only: it changes the program."""
    begin, evaluate_images, outcomes = loop.begin, loop.evaluate_images, Run.outcomes
    save, compile_trial, progress = Checkpoints.save, compiled.compile_trial, loop.Progress
    finish, decide = Ledger.finish, Ledger.record
    current = ""

    def told_compile(*given: Any, **more: Any) -> Any:
        tell("compiling")
        return compile_trial(*given, **more)

    def told_begin(program: Any, seeds: Any, checkpoints: Any) -> Any:
        nonlocal current
        current = checkpoints.trial
        run = begin(program, seeds, checkpoints)
        tell("begun", current, run.step)
        return run

    def told_progress(**values: Any) -> Any:
        tell("step", current, values["step"])
        return progress(**values)

    def told_evaluate(*given: Any) -> Any:
        tell("evaluating", current)
        return evaluate_images(*given)

    def told_save(self: Checkpoints, position: Any, *given: Any) -> Any:
        tell("saving", self.trial, int(np.max(position.state.step)))
        path = save(self, position, *given)
        tell("saved", self.trial, int(np.max(position.state.step)))
        return path

    def told_outcomes(run: Any) -> Any:
        found = outcomes(run)
        leaves = [
            np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((found[0].params, found[0].batch_stats))
        ]
        tell("trained", current, hashlib.sha256(b"".join(leaves)).hexdigest())
        return found

    def told_finish(self: Ledger, claim: Any, result: Any, more: Any = ()) -> None:
        tell("recording", claim.key)
        finish(self, claim, result, more)
        tell("recorded", claim.key)

    def save_often(run: Run) -> None:
        if run.step % _STEPS_BETWEEN == 0 or run.step == run.program.setup.steps_per_epoch:
            run._save(run.checkpoints)

    def told_decide(self: Ledger, rows: Any, **more: Any) -> None:
        if any(isinstance(row, LookRow) for row in rows):
            tell("deciding")
        decide(self, rows, **more)

    changes: list[tuple[Any, str, Any]] = [
        (compiled, "compile_trial", told_compile),
        (loop, "begin", told_begin),
        (loop, "Progress", told_progress),
        (loop, "evaluate_images", told_evaluate),
        (Run, "outcomes", told_outcomes),
        (Checkpoints, "save", told_save),
        (Ledger, "finish", told_finish),
        (Ledger, "record", told_decide),
    ]
    if often:
        changes += [
            (loop, "_CHUNK_SECONDS", 0.0),
            (Run, "save_when_due", save_often),
        ]
    for place, name, value in changes:
        if not hasattr(place, name):
            raise AttributeError(f"{place} has no {name} any more")
        setattr(place, name, value)
