"""`grid --time-limit`, and `recipe`'s: what it ends early is no failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaling_search.architecture.network import Network
from scaling_search.cli.main import run
from scaling_search.search.plan.study import write
from scaling_search.search.trial.timing import Timing
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from tests.search.pretend import PretendNetworks, pretended, study


@pytest.fixture
def command(own_timings: Path, tmp_path: Path) -> list[str]:
    (tmp_path / "s.toml").write_text(write(study(racing=False)), encoding="utf-8")
    return ["grid", "--study", str(tmp_path / "s.toml"), "--ledger", str(tmp_path / "l.db")]


def test_a_limit_before_any_result_is_exit_code_0_and_the_command_goes_on(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pretended():
        assert run([*command, "--time-limit", "0.000001"]) == 0
        said = capsys.readouterr()
        assert "the time limit is reached; the same command goes on from here" in said.err
        assert "No candidate has a result yet" in said.out
        assert run(["recipe", *command[1:], "--time-limit", "0.000001"]) == 0
        assert "Not finished" in capsys.readouterr().out
        assert run(command) == 0


def test_a_limit_that_is_reached_while_steps_are_timed_ends_with_what_there_is(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: PretendNetworks, network: Network, macs: int) -> Timing:
        raise TrainingStopped(None)

    monkeypatch.setattr(PretendNetworks, "timing", stopped)
    with pretended():
        assert run([*command, "--time-limit", "0.000001"]) == 0
    assert "No candidate has a result yet" in capsys.readouterr().out


def test_where_all_trials_ended_without_a_result_it_is_4_as_ever(command: list[str]) -> None:
    with pretended(lambda trial: None):
        assert run(command) == 4
    with pretended(lambda trial: OutOfMemory("no room", predicted_bytes=None)):
        assert run([*command, "--epochs", "7", "--name", "t", "--time-limit", "1h"]) == 4
