"""`plan --measure` on a real network: measured once, then remembered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scaling_search.cli.main import run
from scaling_search.search.forecast import probe
from tests.cli.test_end_to_end import NETWORK, STUDY

pytestmark = pytest.mark.usefixtures("own_cache")


def test_measured_once_then_remembered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.toml").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    where = ["--study", str(tmp_path / "study.toml"), "--ledger", str(tmp_path / "l.db")]

    def said(*arguments: str) -> Any:
        assert run([*arguments, *where, "--json"]) == 0, capsys.readouterr().err
        captured = capsys.readouterr()
        assert (captured.err == "") is ("--measure" not in arguments), "only what takes time is told"
        return json.loads(captured.out)

    before = said("plan")
    assert before["forecast"] is None
    assert min(before["memory_bytes"]) > 0

    found = said("plan", "--measure")["forecast"]
    assert (found["source"], found["missing"]) == ("a short measurement", 6)
    assert found["compile_seconds"] > 0 and min(found["trial_seconds"]) > 0
    assert found["total_seconds"] > sum(found["trial_seconds"])
    assert found["available_bytes"] > max(found["memory_bytes"]) > 0

    def measured_again(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(probe, "measure", measured_again)
    remembered = said("plan")["forecast"]
    assert remembered["total_seconds"] == pytest.approx(found["total_seconds"])
