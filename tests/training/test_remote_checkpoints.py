"""Checkpoints at an fsspec URL: what holds for a folder holds there."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from scaling_search.errors import StorageError, UsageError
from scaling_search.system.files import folder_at, names_in, save, shown
from scaling_search.training import loop
from scaling_search.training.checkpoint import Checkpoints
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.loop import train
from scaling_search.training.outcome import Outcome, TrainingStopped
from scaling_search.training.pixels import TrialPixels
from scaling_search.training.recipe import Recipe
from scaling_search.training.remote_checkpoints import RemoteCheckpoints
from scaling_search.training.run import Hooks
from tests.training.test_checkpoint import Train, figures, stop_after


@pytest.fixture
def run(hidden: Any, pixels: TrialPixels, recipe: Recipe, program: CompiledTrial) -> Train:
    def run(**more: Any) -> Outcome:
        return train(hidden, pixels, recipe, seed=1, compiled=program, **more)

    return run


@pytest.fixture
def folder() -> Any:
    return folder_at(f"memory://{uuid.uuid4().hex}/checkpoints/trial")


@pytest.fixture(autouse=True)
def _step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)


def kept(folder: Any, said: list[str] | None = None, **more: Any) -> RemoteCheckpoints:
    say = (said if said is not None else []).append
    return RemoteCheckpoints(
        folder=folder, local=Checkpoints(folder=folder_at("unused"), trial="trial", say=say, **more)
    )


def stopped_at(run: Train, checkpoints: RemoteCheckpoints, polls: int) -> int | None:
    with pytest.raises(TrainingStopped) as stopped:
        run(checkpoints=checkpoints, hooks=Hooks(should_stop=stop_after(polls)))
    return stopped.value.step


def test_a_stopped_run_continues_to_the_same_end(run: Train, is_same: Any, folder: Any) -> None:
    whole, told = run(), list[str]()
    for polls in (5, 6):
        step = stopped_at(run, kept(folder, saved=lambda: told.append("saved")), polls)
        assert max(names_in(folder)).startswith(f"step-{step:08d}-")
    resumed = run(checkpoints=kept(folder))
    assert figures(resumed) == figures(whole)
    assert is_same((resumed.params, resumed.batch_stats), (whole.params, whole.batch_stats))
    assert told == ["saved", "saved"]
    kept(folder).discard()
    assert names_in(folder) == set()


@pytest.mark.parametrize("damage", ["cut short", "a flipped bit", "nothing"])
def test_a_damaged_one_is_passed_over(run: Train, folder: Any, damage: str) -> None:
    whole, said = run(), list[str]()
    for polls in (5, 6):
        stopped_at(run, kept(folder), polls)
    assert len(names_in(folder)) == 2
    newest = folder / max(names_in(folder))
    data = bytearray(newest.read_bytes())
    if damage == "cut short":
        data = data[: len(data) // 2]
    elif damage == "a flipped bit":
        at = data.rindex(b"history")  # in the manifest
        data[at] ^= 1
    newest.write_bytes(bytes(data))
    assert figures(run(checkpoints=kept(folder, said))) == figures(whole)
    assert len(said) == (damage != "nothing") and all("passed over" in one for one in said)


def test_a_store_that_does_not_answer(run: Train, folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(type(folder.fs), "put_file", fail)
    with pytest.raises(StorageError, match=r"cannot write a checkpoint of .* at memory://.*: gone"):
        run(checkpoints=kept(folder, every_seconds=0.0))
    monkeypatch.setattr(type(folder.fs), "pipe_file", fail)
    monkeypatch.setattr(type(folder.fs), "open", fail)
    with pytest.raises(StorageError, match=r"cannot write memory://.* \(1 bytes\): gone"):
        save(b"x", folder / "file")


@pytest.mark.parametrize("url", ["nothing://bucket/folder", "nothing://me:secret@host/folder"])
def test_a_url_of_no_known_kind(url: str) -> None:
    with pytest.raises(UsageError, match=r"nothing://.*: ") as refused:
        folder_at(url)
    assert "secret" not in str(refused.value)


def test_a_url_of_this_machine_is_a_folder(tmp_path: Any) -> None:
    assert folder_at(f"file://{tmp_path}") == tmp_path
    assert shown(folder_at(tmp_path)) == str(tmp_path)
