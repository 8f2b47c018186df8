"""Nothing learned is no success: exit codes by what became of the trials, so that `grid && scale` stops there."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaling_search.cli.main import run
from scaling_search.search.plan import study as studies
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import OutOfMemory
from tests.search.pretend import Learns, pretended, study

pytestmark = pytest.mark.usefixtures("own_cache")


def base_alone(trial: Trial) -> float | None:
    return 0.9 if trial.phi == 0 else None


def deep_alone(trial: Trial) -> float | None:
    return 0.9 if trial.phi == 0 or len(trial.label) % 2 else None


def seed_0_fails(trial: Trial) -> float | BaseException:
    return RuntimeError("a shape") if trial.seed % 1000 == 0 else 0.5


# What becomes of trials; exit code; whether somebody is named.
ENDS: dict[str, tuple[Learns, int, bool]] = {
    "all diverged": (lambda _: None, 4, False),
    "all failed": (lambda _: RuntimeError("a shape"), 4, False),
    "all out of memory": (lambda _: OutOfMemory("too large"), 4, False),
    "the base alone learned": (base_alone, 4, False),
    "one seed of each failed": (seed_0_fails, 4, False),
    "one seed of each diverged": (lambda trial: None if trial.seed % 1000 == 0 else 0.5, 4, False),
    "all learned": (lambda _: 0.5, 0, True),
}


@pytest.mark.parametrize(("learns", "code", "named"), ENDS.values(), ids=ENDS)
def test_a_search_without_a_result_is_exit_code_4(
    learns: Learns, code: int, named: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.toml").write_text(studies.write(study(seeds=2, alpha="1,2", beta="1,1.4", gamma="1")))
    with pretended(learns):
        assert run(["grid", "--study", "s.toml", "--ledger", "l.db"]) == code
        first = " ".join(capsys.readouterr().out.split())
        assert (" wins" in first or " leads" in first) == named
        # Read again it is the same, and nothing is tried again unasked.
        assert run(["grid", "--study", "s.toml", "--ledger", "l.db"]) == code


@pytest.mark.parametrize(
    ("learns", "code"),
    [(lambda _: None, 4), (lambda _: RuntimeError("a shape"), 4), (seed_0_fails, 4), (lambda _: 0.5, 0)],
    ids=["all diverged", "all failed", "one seed of each failed", "all learned"],
)
def test_a_family_without_a_result_is_exit_code_4(learns: Learns, code: int) -> None:
    Path("s.toml").write_text(studies.write(study(seeds=2)))
    line = "scale --study s.toml --ledger l.db --coefficients 1,1.4,1 --phi 0,1 --out networks --keep-weights none"
    with pretended(learns):
        assert run(line.split()) == code
