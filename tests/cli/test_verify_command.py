"""`scaling-search verify` as a user sees it."""

import json

import pytest

from scaling_search.cli.main import run
from scaling_search.costs import published


def test_every_built_in_row_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["every figure exact"] is True
    assert {row["verdict"] for row in out["figures"]} == {"exact"}
    assert all(row["ours"] == row["published"] and row["difference"] == 0 for row in out["figures"])
    assert {854_196_224, 271_351_808} <= {row["ours"] for row in out["contradictions"]}


def test_text_shows_ours_published_and_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify"]) == 0
    out = capsys.readouterr().out
    assert "Ours" in out and "Published" in out and "Verdict" in out
    assert "271,351,808" in out and "look swapped" in out


def test_a_difference_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = dict(published.exact())
    rows["alexnet"] = rows["alexnet"].model_copy(update={"parameters": 1})
    monkeypatch.setattr(published, "exact", lambda: rows)
    assert run(["verify"]) == 1
    assert "differs" in capsys.readouterr().out
