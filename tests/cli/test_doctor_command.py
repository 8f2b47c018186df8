"""`scaling-search doctor`, and `ledger check` and `repair`, as a user sees them."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from scaling_search.cli.main import run
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.audit import machine
from scaling_search.search.trial import provenance
from tests.ledger import made


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of three studies."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as opened:
        opened.record([made.study(name) for name in ("one", "two", "three")])
    return path


def damage(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE studies SET baseline = 'lenet-6' WHERE name = 'two'")
    connection.close()


def test_a_whole_ledger(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ledger", "check", "--ledger", str(ledger), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["intact"], found["damage"], found["rows"]["studies"]) == (True, [], 3)
    assert run(["ledger", "check", "--ledger", str(ledger)]) == 0
    assert "every row is intact" in " ".join(capsys.readouterr().out.split())


def test_damage_is_named_and_repaired_into_a_new_file(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(ledger)
    before = ledger.read_bytes()
    assert run(["ledger", "check", "--ledger", str(ledger), "--json"]) == 5
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["intact"], found["repaired"]) == (False, None)
    assert any(one["table"] == "studies" and "two" in one["key"] for one in found["damage"])
    assert "Traceback" not in captured.err and "Error: " in captured.err

    new = tmp_path / "new.db"
    assert run(["ledger", "repair", str(new), "--ledger", str(ledger), "--json"]) == 5
    repaired = json.loads(capsys.readouterr().out)
    assert repaired["repaired"] == str(new)
    assert repaired["rows"]["studies"] == 2
    assert any("two" in one["key"] for one in repaired["lost"])
    assert ledger.read_bytes() == before
    assert run(["ledger", "check", "--ledger", str(new)]) == 0
    capsys.readouterr()
    assert run(["ledger", "repair", str(new), "--ledger", str(ledger)]) == 3
    assert "new.db" in capsys.readouterr().err


def test_a_whole_ledger_can_be_repaired_too(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ledger", "repair", str(tmp_path / "new.db"), "--ledger", str(ledger)]) == 0
    assert "Nothing was lost." in " ".join(capsys.readouterr().out.split())


def test_the_machine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("scaling_search.networks.native.state", lambda: "none: switched off")
    assert run(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["devices"] and facts["device_problem"] is None
    assert {"python", "jax", "jaxlib", "flax"} <= facts["versions"].keys()
    assert facts["sqlite"] == sqlite3.sqlite_version
    assert facts["kernels"] == "none: switched off"
    assert facts["folder_free_bytes"] > 0 and facts["cache_free_bytes"] > 0
    assert facts["commit"] == provenance.commit()[0]
    assert "digits" in [info["name"] for info in facts["datasets"]]


def test_no_device_is_exit_code_6(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scaling_search.networks.native.state", lambda: "none: switched off")
    monkeypatch.setattr(machine, "_devices", lambda: ([], "no such platform"))
    assert run(["doctor"]) == 6
    captured = capsys.readouterr()
    assert "none: no such platform" in captured.out
    assert captured.err == "Error: no device can be used: no such platform\n"


@pytest.mark.parametrize(
    ("version", "safe"),
    [((3, 40, 1), False), ((3, 44, 6), True), ((3, 50, 6), False), ((3, 51, 3), True), ((3, 52, 0), True)],
)
def test_which_sqlite_may_use_wal(version: tuple[int, ...], safe: bool) -> None:
    assert machine.wal_is_safe(version) is safe


@pytest.mark.parametrize("platform", ["rocm", "nosuch"])
def test_a_platform_that_is_not_here(platform: str) -> None:
    program = "import sys; from scaling_search.cli.main import main; main(['doctor', '--json'])"
    environment = {**os.environ, "JAX_PLATFORMS": platform, "SCALING_SEARCH_KERNELS": "off"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 6, done.stderr
    assert json.loads(done.stdout)["devices"] == []
    assert platform in done.stderr and "Traceback" not in done.stderr
