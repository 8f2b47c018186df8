"""One sick trial: it fails with its reason, the others go on, and only the machine's failures are tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import DeviceError, StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.trial import failures, provenance
from scaling_search.search.trial.failures import check_memory, of_the_machine
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.trial import Trial, trial_of
from scaling_search.training.outcome import OutOfMemory
from scaling_search.training.pixels import TrialPixels
from scaling_search.training.steps import Pixels
from tests.search.pretend import Learns, Pretend, planned, study

GIB = 2**30
LOST_DEVICE = jax.errors.JaxRuntimeError("UNAVAILABLE: connection reset")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def trials(count: int) -> list[Trial]:
    return [trial_of(row, 0) for row in planned(study()).networks[:count]]


def sick(who: Trial, *errors: BaseException) -> Learns:
    """That trial raises one error after the other, then trains; the others train."""
    left = list(errors)

    def learns(trial: Trial) -> float | BaseException:
        return left.pop(0) if left and fingerprint(trial.network) == fingerprint(who.network) else 0.5

    return learns


def row_of(ledger: Ledger, trainer: Pretend, trial: Trial) -> TrialRow:
    (row,) = ledger.trials([trainer.row(trial).key])
    return row


def test_an_error_that_nobody_expected_fails_its_trial_alone_and_at_once(ledger: Ledger) -> None:
    first, *others = trials(3)
    trainer = Pretend(ledger, sick(first, KeyError("bug")))
    assert run_trials(trainer, [first, *others]) == 3
    row = row_of(ledger, trainer, first)
    assert (row.state, row.attempts) == ("failed", 1)
    assert row.failure is not None
    assert row.failure.startswith("KeyError: 'bug' (pretend.py, line ")
    assert [row_of(ledger, trainer, trial).state for trial in others] == ["complete", "complete"]
    assert run_trials(trainer, [first, *others]) == 0


@pytest.mark.parametrize(
    ("times", "state"), [(1, "complete"), (2, "complete"), (3, "failed")], ids=["once", "twice", "thrice"]
)
def test_what_the_machine_did_is_tried_three_times_after_the_others(
    ledger: Ledger, times: int, state: str
) -> None:
    first, second = trials(2)
    trainer = Pretend(ledger, sick(first, *[LOST_DEVICE] * times))
    assert run_trials(trainer, [first, second]) == 1 + min(times + 1, 3)
    row = row_of(ledger, trainer, first)
    assert (row.state, row.attempts) == (state, min(times + 1, 3))
    assert ("UNAVAILABLE: connection reset" in (row.failure or "")) == (state == "failed")
    assert [key for key, _ in trainer.listener.begun][:2] == [fingerprint(j.network) for j in (first, second)]
    assert row_of(ledger, trainer, second).state == "complete"
    assert (
        sum("the machine failed: JaxRuntimeError: UNAVAIL" in said for said in trainer.listener.said) == times
    )


def test_a_machine_that_fails_everything_uses_nothing_up(ledger: Ledger) -> None:
    four = trials(4)
    trainer = Pretend(ledger, lambda trial: OSError(5, "Input/output error"))
    with pytest.raises(DeviceError, match="failed 3 trials in a row") as raised:
        run_trials(trainer, four)
    assert raised.value.exit_code == 6
    assert [row_of(ledger, trainer, trial).state for trial in four] == ["waiting"] * 4
    assert run_trials(Pretend(ledger), four) == 4


def test_failures_of_the_machine_between_successes_end_nothing(ledger: Ledger) -> None:
    """The third in a row ends a search; those that a success is in between do not add up."""
    five = trials(5)

    def learns(trial: Trial) -> float | BaseException:
        return 0.5 if five.index(trial) % 2 else OSError(5, "Input/output error")

    trainer = Pretend(ledger, learns)
    for each in five:
        trainer.run([each])
    assert [row_of(ledger, trainer, trial).state for trial in five] == [
        "waiting",
        "complete",
        "waiting",
        "complete",
        "waiting",
    ]


def test_a_full_disk_ends_the_search_and_gives_the_trial_back(ledger: Ledger) -> None:
    first, second = trials(2)
    trainer = Pretend(ledger, sick(first, StorageError("no room in /x: 10 bytes needed")))
    with pytest.raises(StorageError, match="10 bytes needed"):
        run_trials(trainer, [first, second])
    row = row_of(ledger, trainer, first)
    assert (row.state, row.attempts, row.failure) == ("waiting", 0, None)


@pytest.mark.parametrize("predicted", [3 * GIB, None])
@pytest.mark.parametrize("available", [2 * GIB, None])
def test_too_little_memory_tells_what_is_needed_and_what_there_is(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, predicted: int | None, available: int | None
) -> None:
    monkeypatch.setattr(provenance, "available_memory", lambda: available)
    first, second = trials(2)
    trainer = Pretend(ledger, sick(first, OutOfMemory("no room\nlong tale", predicted_bytes=predicted)))
    assert run_trials(trainer, [first, second]) == 2
    row = row_of(ledger, trainer, first)
    needs = "is estimated to need 0." if predicted is None else "needs 3.00 GiB"
    there_is = "" if available is None else ", 2.00 GiB are available"
    assert row.failure is not None
    assert row.failure.startswith(f"no room (it {needs}")
    assert row.failure.endswith(f"{there_is})")
    assert (row.state, row.attempts) == ("failed", 1)
    assert row_of(ledger, trainer, second).state == "complete"


def test_a_plan_beyond_the_free_memory_never_takes_a_step() -> None:
    images = jnp.zeros((4, 8, 8, 1), jnp.uint8)
    labels = jnp.zeros(4, jnp.int32)
    half = Pixels(images=images, labels=labels, mean=jnp.zeros(1), std=jnp.ones(1))
    pixels = TrialPixels(train=half, validation=half)
    held = images.nbytes + labels.nbytes + 8

    class Program:
        memory_bytes: int | None = GIB + held

    program: Any = Program()
    check_memory(program, pixels, GIB)
    check_memory(program, pixels, None)
    with pytest.raises(OutOfMemory) as raised:
        check_memory(program, pixels, GIB - 1)
    assert raised.value.predicted_bytes == GIB + held
    program.memory_bytes = None
    check_memory(program, pixels, 1)


@pytest.mark.parametrize(
    ("error", "machine"),
    [
        (OSError(5, "Input/output error"), True),
        (ConnectionResetError(), True),
        (LOST_DEVICE, True),
        (jax.errors.JaxRuntimeError("INTERNAL: CUDA_ERROR_ECC_UNCORRECTABLE"), True),
        (jax.errors.JaxRuntimeError("INVALID_ARGUMENT: shapes differ"), False),
        (jax.errors.JaxRuntimeError("UNIMPLEMENTED: convolution"), False),
        (ValueError("shapes"), False),
        (ZeroDivisionError(), False),
    ],
    ids=str,
)
def test_whose_failure_it_is(error: Exception, machine: bool) -> None:
    assert of_the_machine(error) == machine


def test_a_long_reason_is_cut() -> None:
    assert len(failures.reason(ValueError("x" * 10_000))) <= 2000
