"""`scaling-search ledger`: what it prints, and what it refuses."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from scaling_search.cli.main import run
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.forecast import timing_cache
from tests.search.pretend import searched, study

pytestmark = pytest.mark.usefixtures("own_timings")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that holds the study s, to copy."""
    path = tmp_path_factory.mktemp("made") / "l.db"
    with pytest.MonkeyPatch.context() as patch, Ledger.open(path) as ledger:
        patch.setattr(timing_cache, "cache_folder", lambda *parts: path.parent.joinpath("cache", *parts))
        searched(ledger, study(seeds=1, alpha="1"))
    return path


@pytest.fixture
def at(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with that ledger, `l.db`."""
    shutil.copy(made, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def said(
    line: str, capsys: pytest.CaptureFixture[str], *, code: int = 0, ledger: str = "l.db"
) -> tuple[str, str]:
    got = run(["ledger", *line.split(), "--ledger", ledger])
    captured = capsys.readouterr()
    assert got == code, captured.err
    return captured


def test_list_and_show(at: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said("list", capsys)[0].splitlines()
    assert any(line.split()[:2] == ["Study", "Baseline"] for line in text)
    assert any(line.split()[:3] == ["s", "efficientnet-b0", "digits"] for line in text)
    (one,) = json.loads(said("list --json", capsys)[0])["studies"]
    assert (one["study"], one["trials"], len(one["fingerprint"])) == ("s", one["candidates"] + 1, 64)
    shown = said("show", capsys)[0]
    assert shown == said("show s", capsys)[0]
    for word in ("efficientnet-b0", "digits", 'match = "realised"', "epochs"):
        assert word in shown
    assert json.loads(json.loads(said("show --json", capsys)[0])["recipe"])["epochs"] == 5


def test_status_while_a_search_runs(at: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "complete" in said("status", capsys)[0]
    with Ledger.open("l.db") as ledger:
        done = ledger.trials()[0]
        row = type(done).waiting(
            network=done.network,
            network_name=done.network_name,
            recipe=done.recipe,
            dataset=done.dataset,
            dataset_name=done.dataset_name,
            seed=7,
        )
        assert ledger.claim(row, worker="gpu0") is not None
        text = said("status s", capsys)[0]
        (running,) = json.loads(said("status --json", capsys)[0])["running"]
    assert "1 running" in text
    assert "gpu0" in text
    assert (running["seed"], running["key"]) == (7, row.key)


def test_export_check_merge_rename_delete(at: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ledger", "export", "s", "--output", "s.db", "--ledger", "l.db"]) == 0
    assert "scaling-search report --ledger s.db" in capsys.readouterr().err
    assert run(["report", "--ledger", "s.db"]) == 0
    capsys.readouterr()
    said("check", capsys, ledger="s.db")
    assert "s.db exists" in said("export s --output s.db", capsys, code=3)[1]
    assert "0 trials added" in said("merge s.db", capsys)[1]
    assert said("rename s t", capsys)[1] == "s is now t\n"
    assert "'s'" in said("rename s u", capsys, code=3)[1]
    assert "t is deleted" in said("delete t --trials", capsys)[1]
    assert "1 study" in said("merge s.db", capsys)[1]
    assert json.loads(said("list --json", capsys)[0])["studies"][0]["study"] == "s"


@pytest.mark.parametrize("line", ["list", "show", "status", "rename s t", "delete s"])
def test_a_ledger_that_is_not_there_is_not_made(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "none.db")
    assert "scaling-search grid" in said(line, capsys, code=3, ledger=place)[1]
    assert not Path(place).exists()


@pytest.mark.parametrize("line", ["ledger list", "ledger merge l.db", "report", "grid", "ledger status"])
def test_a_ledger_of_another_schema_is_refused_in_one_sentence(
    line: str, at: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An earlier one too: nothing was released before this."""
    old = at / "old.db"
    old.write_bytes((at / "l.db").read_bytes())
    with sqlite3.connect(old) as connection:
        connection.execute("UPDATE scaling_search_version SET version_num = '0001'")
    connection.close()
    before = old.read_bytes()
    assert run([*line.split(), "--ledger", str(old)]) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"Error: {old}: its schema 0001 is none that this scaling-search reads (0002): a newer one does (pip install "
        "--upgrade scaling-search), or it was written before the first release, and a new ledger has to be begun"
    ]
    assert old.read_bytes() == before


def test_a_merge_of_ledgers_that_differ_is_refused(at: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Ledger.open("other.db") as ledger:
        searched(ledger, study(seeds=1, alpha="1"), lambda trial: 0.7)
    before = said("list --json", capsys)[0]
    error = said("merge other.db", capsys, code=3)[1]
    assert "has different results in the two ledgers" in error
    assert error.endswith("nothing was merged\n")
    assert said("list --json", capsys)[0] == before


def test_a_second_search_under_a_given_name_is_refused_naming_name(
    at: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before, the second took the first one's place, and its winner made the first one's family."""
    Path("other.toml").write_text('name = "s"\nbaseline = "resnet-18"\ndataset = "digits"\n')
    assert run(["grid", "--study", "other.toml", "--ledger", "l.db"]) == 3
    error = capsys.readouterr().err
    assert "has another study 's' (it differs in recipe and network, fingerprint" in error
    assert "--name" in error
    (one,) = json.loads(said("list --json", capsys)[0])["studies"]
    assert one["baseline"] == "efficientnet-b0"
