"""The first signal asks, the second one or the end of patience leaves, whatever the process is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scaling_search.cli.main import run
from scaling_search.cli.signals import Stop

CHILD = """
import signal, sys, time
import numpy as np
from scaling_search.cli.signals import Stop
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
with Stop(patience_seconds=float(sys.argv[2])) as stop:
    print("ready", flush=True)
    if sys.argv[1] == "deep":  # minutes in compiled code, where Python runs no handler; as in XLA, without its lock
        np.linalg.svd(np.random.default_rng(0).normal(size=(6000, 6000)))
    while not stop.requested:
        time.sleep(0.01)
    print("safe", flush=True)
sys.exit(128 + stop.signum)
"""


def child(where: str, patience: float, *, ignored: signal.Signals | None = None) -> subprocess.Popen[str]:
    # Whatever is above, a nohup perhaps.
    handler = "SIG_DFL" if ignored is None else "SIG_IGN"
    ignoring = f"import signal; signal.signal({int(ignored or signal.SIGHUP)}, signal.{handler})"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{ignoring}\n{CHILD}", where, str(patience)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("signum", SIGNALS, ids=[one.name for one in SIGNALS])
def test_the_first_signal_lets_the_work_reach_a_safe_point(signum: signal.Signals) -> None:
    process = child("polling", 60)
    process.send_signal(signum)
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (128 + signum, "safe\n")
    assert "stopping at the next safe point; once more stops at once" in errors


def test_the_second_signal_stops_at_once_even_in_compiled_code() -> None:
    process = child("deep", 60)
    time.sleep(0.3)  # or the work could be stopped before it is deep
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline() == "\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert (process.returncode, said) == (143, "")
    assert "stopped at once; finished trials are in the ledger" in errors


@pytest.mark.parametrize(
    ("first", "second"), [(signal.SIGHUP, signal.SIGHUP), (signal.SIGHUP, signal.SIGTERM)]
)
def test_who_is_told_twice_that_the_terminal_goes_leaves_at_once(
    first: signal.Signals, second: signal.Signals
) -> None:
    """A shell that ends sends SIGHUP to its jobs, and systemd SIGTERM right after it."""
    process = child("deep", 60)
    process.send_signal(first)
    assert process.stderr is not None and process.stderr.readline() == "\n"
    process.send_signal(second)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + second and "stopped at once" in errors


def test_under_nohup_the_work_goes_on_and_other_signals_still_count() -> None:
    process = child("polling", 60, ignored=signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (143, "safe\n") and errors.count("stopping") == 1


def test_a_terminal_that_is_gone_takes_no_word_and_stops_all_the_same() -> None:
    process = child("polling", 60)
    assert process.stderr is not None
    process.stderr.close()
    process.send_signal(signal.SIGHUP)
    assert process.stdout is not None and process.stdout.read() == "safe\n"
    assert process.wait(timeout=60) == 129
    process.stdout.close()


def test_who_reaches_no_safe_point_leaves_without_one() -> None:
    process = child("deep", 0.2)
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (143, "")
    assert "no safe point within reach" in errors


def test_patience_leaves_half_a_minute_as_schedulers_give() -> None:
    assert Stop()._patience_seconds <= 27


def test_handlers_and_threads_are_gone_afterwards() -> None:
    before = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with Stop() as stop:
        assert not stop.requested
        os.kill(os.getpid(), signal.SIGTERM)
        while not stop.requested:
            time.sleep(0.001)
        assert stop.signum == signal.SIGTERM
    assert [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)] == before
    assert "stop signals" not in {thread.name for thread in threading.enumerate()}
    assert len(os.listdir("/proc/self/fd")) == files  # noqa: PTH208
    assert signal.set_wakeup_fd(-1) == -1


def test_what_is_refused_leaves_no_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run(["grid", "--workers", "2", "--ledger", str(tmp_path / "l.db")]) == 6
    assert not (tmp_path / "l.db").exists()
