"""What a first use read: help, counts, the machine, the time that is left, and what an installation says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from scaling_search.cli.main import run
from scaling_search.cli.progress import ProgressBar
from scaling_search.search.audit import machine
from scaling_search.search.grid.requirements import sentence
from scaling_search.search.tables.machine_table import document
from scaling_search.statistics.power import Power
from tests.cli import test_progress as made


def test_help_says_what_power_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--help"]) == 0
    assert "needs finished trials" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("share", ["0.01", "0.02"])
def test_points_and_seeds_are_counted_in_words(number: int, share: str) -> None:
    said = sentence(Power(seeds=number, images=None, power=0.8, smallest=0.001), float(share))
    assert ("1 point apart" in said) == (share == "0.01") and ("1 seed for" in said) == (number == 1)


def test_doctor_is_read_without_knowing_the_program() -> None:
    def line(safe: bool) -> str:
        facts = machine.examine() | {"sqlite_wal_safe": safe, "sqlite": "3.40.1", "cores": 1}
        told_of = document(facts).facts
        assert str(told_of["processor"]).endswith(", 1 core") and told_of["devices"] != "cpu: cpu"
        assert re.match(r"compiled by \S+, version [0-9a-f]{16}$|none: ", str(told_of["kernels"]))
        return str(told_of["SQLite"])

    assert line(True) == "3.40.1"
    assert line(False) == "3.40.1 (its WAL mode can lose data; the ledger does not use it)"


def test_a_time_that_is_left_belongs_to_what_trains_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a resume the bar once ended at 20 of 22, and what was finished counted as fast."""
    clock = 0.0
    monkeypatch.setattr("time.monotonic", lambda: clock)
    bars = ProgressBar(quiet=True)
    bars.expect(22, 20.0)
    bars.known(20)
    assert bars.left() == "about 20.0 s left", "the forecast, before anything ran"
    for done in (1, 2):
        bars.begin(made.trial_of(done))
        clock += 7.0
        bars.end(made.trial_of(done), made.row("complete", accuracy=0.5))
        # Half of what 7 s a trial give, half of what the forecast leaves.
        assert bars.left() == ("about 10.0 s left" if done == 1 else "")
    (whole,) = bars.bars.tasks
    assert (whole.completed, whole.total, whole.fields["left"]) == (22, 22, "")


def test_the_time_left_does_not_follow_small_networks_that_come_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A grid of an hour promised 25 minutes after its base, which takes half as long as a candidate."""
    clock = 0.0
    monkeypatch.setattr("time.monotonic", lambda: clock)
    bars = ProgressBar(quiet=True)
    bars.expect(10, 180.0)
    assert bars.left() == "about 3 min 00 s left"
    for done in range(10):
        bars.begin(made.trial_of(done))
        clock += 10.0 if done < 2 else 20.0
        bars.end(made.trial_of(done), made.row("complete", accuracy=0.5))
        if done == 1:
            assert bars.left() == "about 2 min 24 s left", "0.2 · 80 s + 0.8 · 160 s; 160 s are right"
    assert bars.left() == ""


def test_the_installation_says_what_comes_next() -> None:
    root = Path(__file__).parents[2]
    shown = subprocess.run(
        ["make", "--dry-run", "--always-make", "--no-print-directory", "install"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert "takes a minute or two" in shown[0] and "Next: " in shown[-1]
