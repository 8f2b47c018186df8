"""Nothing trained is lost, and nothing damaged is continued: every test of damage has an untouched control."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaling_search.errors import StorageError
from scaling_search.training import loop
from scaling_search.training.checkpoint import Checkpoints, Position
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.loop import train
from scaling_search.training.outcome import Outcome, TrainingStopped
from scaling_search.training.pixels import TrialPixels
from scaling_search.training.recipe import Recipe
from scaling_search.training.run import Hooks

Train = Callable[..., Outcome]


@pytest.fixture
def run(hidden: Any, pixels: TrialPixels, recipe: Recipe, program: CompiledTrial) -> Train:
    def run(**more: Any) -> Outcome:
        return train(hidden, pixels, recipe, seed=1, compiled=program, **more)

    return run


@pytest.fixture(autouse=True)
def _step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)


def figures(outcome: Outcome) -> Any:
    epochs = [replace(epoch, train_seconds=0.0, evaluate_seconds=0.0) for epoch in outcome.epochs]
    assert outcome.correct is not None
    return outcome.state, outcome.accuracy, outcome.loss, outcome.correct.tolist(), epochs


def stop_after(polls: int) -> Callable[[], bool]:
    left = polls

    def stop() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    return stop


def checkpoints(folder: Path, said: list[str] | None = None, **more: Any) -> Checkpoints:
    return Checkpoints(folder=folder, trial="trial", say=(said if said is not None else []).append, **more)


def steps_kept(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in folder.iterdir())


@pytest.mark.parametrize("polls", [2, 5, 6, 7, 12, 20])
def test_a_stopped_run_continues_to_the_same_end(
    run: Train, is_same: Any, tmp_path: Path, polls: int
) -> None:
    """Stopped in an epoch, between its evaluation batches, between epochs; then stopped again."""
    whole = run()
    for _ in range(2):
        with pytest.raises(TrainingStopped) as stopped:
            run(checkpoints=checkpoints(tmp_path), hooks=Hooks(should_stop=stop_after(polls)))
        assert stopped.value.step == steps_kept(tmp_path)[-1]
        polls = min(polls, 3)
    resumed = run(checkpoints=checkpoints(tmp_path))
    assert figures(resumed) == figures(whole)
    assert is_same((resumed.params, resumed.batch_stats), (whole.params, whole.batch_stats))


def test_a_stop_with_nothing_done_leaves_nothing(run: Train, tmp_path: Path) -> None:
    with pytest.raises(TrainingStopped) as stopped:
        run(checkpoints=checkpoints(tmp_path / "c"), hooks=Hooks(should_stop=lambda: True))
    assert stopped.value.step is None
    assert not (tmp_path / "c").exists()


def test_they_come_by_time_and_the_last_two_stay(run: Train, tmp_path: Path) -> None:
    assert checkpoints(tmp_path).every_seconds == 30
    whole = run(checkpoints=checkpoints(tmp_path / "never", every_seconds=3600.0))
    assert not (tmp_path / "never").exists()
    often = checkpoints(tmp_path / "often", every_seconds=0.0)
    run(checkpoints=often)
    assert steps_kept(often.folder) == [15, 16]
    again = run(checkpoints=often)  # finished, but not yet in a ledger: nothing is trained again
    assert figures(again) == figures(whole)
    often.discard()
    assert not often.folder.exists()


@pytest.fixture(scope="module")
def two(
    hidden: Any,
    pixels: TrialPixels,
    recipe: Recipe,
    program: CompiledTrial,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with the checkpoints of steps 5 and 6."""
    folder = tmp_path_factory.mktemp("two")
    hooks = Hooks(should_stop=stop_after(9))  # start, 4 steps, 2 batches, 2 steps
    with pytest.MonkeyPatch.context() as patch, pytest.raises(TrainingStopped):
        patch.setattr(loop, "_CHUNK_SECONDS", 0.0)
        often = checkpoints(folder, every_seconds=0.0)
        train(hidden, pixels, recipe, seed=1, compiled=program, checkpoints=often, hooks=hooks)
    assert steps_kept(folder) == [5, 6]
    return folder


@pytest.fixture
def restore(program: CompiledTrial, recipe: Recipe) -> Callable[..., tuple[Position | None, list[str]]]:
    def restore(folder: Path, seed: int = 1, trial: str = "trial") -> tuple[Position | None, list[str]]:
        said: list[str] = []
        kept = Checkpoints(folder=folder, trial=trial, say=said.append)
        return kept.restore(program.state, [seed], recipe), said

    return restore


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "step-00000006").rglob("*") if path.is_file())


def damage(kind: str, path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if kind == "flip":
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == "truncate":
        del content[draw.randrange(len(content)) :]
    elif kind == "remove":
        path.unlink()
        return
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["flip", "truncate", "remove"])
def test_damage_anywhere_falls_back_one_step_and_says_so(
    kind: str, two: Path, restore: Any, is_same: Any, tmp_path: Path
) -> None:
    newest, said = restore(two)
    older, _ = restore_without_newest(two, restore, tmp_path)
    assert (int(newest.state.step), int(older.state.step), said) == (6, 5, [])
    draw = random.Random(kind)
    tried = 0
    for number, original in enumerate(files_of(two)):
        if original.stat().st_size == 0 and kind != "remove":
            continue
        folder, control = tmp_path / f"damaged-{number}", tmp_path / f"control-{number}"
        shutil.copytree(two, folder)
        shutil.copytree(two, control)
        damage(kind, folder / original.relative_to(two), draw)
        position, said = restore(folder)
        assert int(position.state.step) == 5, original
        assert is_same(position.state, older.state)
        assert len(said) == 1
        assert "step-00000006 passed over" in said[0]
        untouched, said = restore(control)
        assert is_same(untouched.state, newest.state)
        assert said == []
        tried += 1
    assert tried >= 4


def restore_without_newest(two: Path, restore: Any, tmp_path: Path) -> tuple[Position, list[str]]:
    folder = tmp_path / "older"
    shutil.copytree(two, folder)
    shutil.rmtree(folder / "step-00000006")
    position, said = restore(folder)
    return position, said


def test_with_all_of_them_damaged_the_run_starts_afresh(
    run: Train, two: Path, is_same: Any, tmp_path: Path
) -> None:
    whole = run()
    folder = tmp_path / "damaged"
    shutil.copytree(two, folder)
    for manifest in folder.glob("*/manifest"):
        manifest.write_bytes(manifest.read_bytes()[:-9])
    said: list[str] = []
    resumed = run(checkpoints=checkpoints(folder, said, every_seconds=0.0))
    assert len(said) == 2
    assert figures(resumed) == figures(whole)
    assert is_same(resumed.params, whole.params)
    assert steps_kept(folder) == [15, 16]  # the damaged steps 5 and 6 were written anew on the way


def test_a_kill_while_one_is_replaced_loses_none(
    two: Path, restore: Any, recipe: Recipe, is_same: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step has two checkpoints in turn: before and after the evaluation behind it."""
    folder = tmp_path / "replaced"
    shutil.copytree(two, folder)
    position, _ = restore(folder)
    rename = Path.rename

    def killed(path: Path, target: Path) -> Path:
        if path.name.startswith("draft-"):
            raise KeyboardInterrupt
        return rename(path, target)

    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Path, "rename", killed)
            checkpoints(folder).save(position, [1], recipe)
        found, said = restore(folder)
        assert (int(found.state.step), said) == (6, [])
        assert is_same(found.state, position.state)
    checkpoints(folder).save(position, [1], recipe)
    checkpoints(folder).save(position, [1], recipe)
    assert steps_kept(folder) == [5, 6]


def test_another_trials_checkpoint_is_not_continued(two: Path, restore: Any) -> None:
    for more, why in (({"seed": 2}, "seeds"), ({"trial": "other"}, "trial")):
        position, said = restore(two, **more)
        assert position is None
        assert len(said) == 2
        assert f"its {why} is not this trial's" in said[0]


def test_another_networks_arrays_are_not_taken(two: Path, program: CompiledTrial, recipe: Recipe) -> None:
    said: list[str] = []
    state = program.state._replace(averaged=())
    assert Checkpoints(folder=two, trial="trial", say=said.append).restore(state, [1], recipe) is None
    assert "its arrays are not this network's" in said[0]


def test_a_draft_of_a_killed_writer_is_cleared(two: Path, restore: Any, tmp_path: Path) -> None:
    folder = tmp_path / "draft"
    shutil.copytree(two, folder)
    (folder / "draft-0").mkdir()
    (folder / "draft-0" / "half").write_text("half")
    position, said = restore(folder)
    assert (int(position.state.step), said) == (6, [])
    assert steps_kept(folder) == [5, 6]


def test_metrics_and_bits_come_back(two: Path, restore: Any, run: Train) -> None:
    position, _ = restore(two)
    [[first]] = position.history
    whole = run()
    assert (first.accuracy, first.loss, first.train_loss) == (
        whole.epochs[0].accuracy,
        whole.epochs[0].loss,
        whole.epochs[0].train_loss,
    )
    assert np.mean(position.correct[0]) == first.accuracy
    assert position.epoch_seconds > 0


def test_a_folder_that_cannot_be_written_is_named(run: Train, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(StorageError, match=r"cannot write a checkpoint of [\d,]+ bytes under .*file"):
        run(checkpoints=checkpoints(blocked, every_seconds=0.0))


def test_a_full_disk_keeps_the_earlier_ones(
    run: Train, two: Path, restore: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "full"
    shutil.copytree(two, folder)
    full = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(StorageError, match="only 100 bytes are free"):
        run(checkpoints=checkpoints(folder, every_seconds=0.0))
    assert steps_kept(folder) == [5, 6]
    assert int(restore(folder)[0].state.step) == 6


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import conftest
from scaling_search.training.cache import enable_cache
from scaling_search.training import loop
from scaling_search.training.checkpoint import Checkpoints
from scaling_search.training.run import Hooks
from scaling_search.training.recipe import named
enable_cache(Path(sys.argv[4]))
if sys.argv[3] == "full":  # no file may grow beyond a few bytes: what a full disk looks like to whoever writes
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
loop._CHUNK_SECONDS = 0.0
recipe = named("fast", batch_size=16, epochs=4, learning_rate=0.2, crop_padding=0.2, flip=True)
data = conftest.Dataset(name="toy", classes=("top", "middle", "bottom"), fingerprint="toy",
                        train=conftest.make_split(70, 0), validation=conftest.make_split(301, 1))
kept = Checkpoints(folder=Path(sys.argv[2]), trial="trial", every_seconds=0.0)
hidden = conftest.Toy(conftest.hidden_init, conftest.hidden_apply)
hooks = Hooks(on_progress=lambda progress: print(progress.step, flush=True))
loop.train(hidden, conftest.on_device(data, 5), recipe, seed=1, checkpoints=kept, hooks=hooks)
"""


def child(folder: Path, programs: Path, how: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(folder), how, str(programs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_run_continues_to_the_same_end(
    run: Train, is_same: Any, programs_folder: Path, tmp_path: Path
) -> None:
    process = child(tmp_path, programs_folder)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 9:
            time.sleep(random.Random(0).uniform(0, 0.1))
            os.kill(process.pid, signal.SIGKILL)
            break
    process.communicate()
    kept = [json.loads((path / "manifest").read_bytes().split(b"\n")[0]) for path in tmp_path.glob("step-*")]
    assert kept
    assert all(body["trial"] == "trial" for body in kept)
    said: list[str] = []
    resumed = run(checkpoints=checkpoints(tmp_path, said))
    assert said == []
    whole = run()
    assert figures(resumed) == figures(whole)
    assert is_same((resumed.params, resumed.batch_stats), (whole.params, whole.batch_stats))


def test_a_write_that_fails_half_way_is_a_storage_error(programs_folder: Path, tmp_path: Path) -> None:
    process = child(tmp_path, programs_folder, "full")
    _, errors = process.communicate(timeout=300)
    assert "StorageError: cannot write a checkpoint of" in errors
    assert list(tmp_path.iterdir()) == []


def test_leaving_where_the_last_one_was_kept_writes_nothing(run: Train, tmp_path: Path) -> None:
    """On a slow disk that would be time between a Ctrl-C and the prompt."""
    saved: list[int] = []
    progress: list[int] = []
    kept = Checkpoints(
        folder=tmp_path / "kept", trial="trial", every_seconds=0.0, saved=lambda: saved.append(progress[-1])
    )
    stopping = Hooks(
        on_progress=lambda at: progress.append(at.step),
        should_stop=lambda: bool(progress and progress[-1] >= 3),
    )
    with pytest.raises(TrainingStopped, match="at step 3"):
        run(checkpoints=kept, hooks=stopping)
    assert saved == [1, 2, 3]
