"""A search whose checkpoints and weights lie in an object store: a server that speaks S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.search.trial.commands import NETWORK, STUDY, command

pytest.importorskip("s3fs", reason="make install-ray")
pytest.importorskip("moto", reason="make install-ray")
PLACE = "s3://bucket/checkpoints"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which `bucket` is there."""
    said = tmp_path / "server"
    with said.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], stdout=out, stderr=out
        )
    try:
        while "Running on" not in (text := said.read_text()):
            assert server.poll() is None, text
            time.sleep(0.1)
        url = text.split("Running on ")[1].split()[0]
        bucket = urllib.request.Request(f"{url}/bucket", method="PUT")  # noqa: S310
        urllib.request.urlopen(bucket, timeout=30).close()  # noqa: S310
        yield {
            **os.environ,
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "me",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        server.terminate()
        server.wait()


def test_a_family_is_kept_and_used_there(tmp_path: Path, store: dict[str, str]) -> None:
    (tmp_path / "tiny.toml").write_text(NETWORK)
    (tmp_path / "study.toml").write_text(STUDY.replace("seeds = 2", "seeds = 1"))
    there = ("--checkpoints", PLACE, "--ledger", "l.db")
    command(tmp_path, "grid", "--study", "study.toml", *there, environment=store)
    command(tmp_path, "scale", "--phi", "0,1", *there, environment=store)
    found = command(tmp_path, "predict", "phi=1", "digits", "--json", *there, environment=store)
    assert json.loads(found)["accuracy"] is not None
    command(tmp_path, "export", "best", "--format", "torch", "--out", "out", *there, environment=store)
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert not list(tmp_path.glob("l.db.checkpoints"))
    with pytest.raises(
        AssertionError, match="--checkpoints names the folder or URL that the search was given"
    ):
        command(tmp_path, "predict", "phi=1", "digits", "--ledger", "l.db", environment=store)
