"""One figure for the memory of a training step, whoever asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaling_search.architecture import toml
from scaling_search.cli.main import run
from scaling_search.costs.memory import training_memory
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import GRID
from scaling_search.ledger.storage.schema import CANDIDATES
from scaling_search.report.figures import size
from scaling_search.search.family.limits import forbidden
from scaling_search.search.grid.requirements import requirements
from scaling_search.search.plan.builds import limited
from scaling_search.search.plan.grid_plan import grid_plan
from scaling_search.search.plan.search_space import SearchSpace, search_space
from scaling_search.search.plan.study import Study, override
from scaling_search.search.trial import provenance
from scaling_search.training.outcome import OutOfMemory
from tests.search.pretend import Pretend, searched, study

BATCH = 32


@pytest.mark.parametrize("ema", [True, False], ids=["EMA", "no EMA"])
@pytest.mark.parametrize(("optimizer", "slots"), [("sgd", 1), ("adamw", 2)])
def test_plan_limit_refusal_forecast_record_and_cost_agree(
    optimizer: str,
    slots: int,
    ema: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = {
        "name": "fast",
        "batch_size": BATCH,
        "optimizer": optimizer,
        **({} if ema else {"ema_images": None}),
    }
    given = study(seeds=1).model_copy(update={"recipe": recipe})
    plan = grid_plan(search_space(given))
    build = plan.networks[0]
    figure = training_memory(build.network, batch_size=BATCH, slots=slots, average=ema).total

    # Said before anything is trained.
    assert requirements(plan, None).memory_bytes[0] == figure
    # What a user asks about the very network.
    file = tmp_path / "network.toml"
    file.write_text(toml.write(build.network), encoding="utf-8")
    words = [f"--batch-size={BATCH}", f"--optimizer={optimizer}", *([] if ema else ["--no-ema"])]
    assert run(["cost", str(file), *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["training_bytes"] == figure
    # A limit of so many bytes is met, one of a byte less is not.
    assert limited(_bound(given, figure), build) == build
    short = limited(_bound(given, figure - 1), build)
    assert short.status == "dropped" and str(short.reason).startswith(size(figure))

    with Ledger.open(tmp_path / "l.db") as ledger:
        # So is the memory that this machine has.
        trainer = Pretend(ledger, space=plan.space)
        for available, refused in ((figure, False), (figure - 1, True)):
            monkeypatch.setattr(provenance, "available_memory", lambda available=available: available)
            said = forbidden(trainer, build, 1e9)
            assert (said is not None) == refused
        assert str(said).startswith(f"needs about {size(figure)}")
        # And what a trial that failed for want of it says.
        result = searched(ledger, given, lambda trial: OutOfMemory("no room", predicted_bytes=None))
        assert {row.failure for row in result.trials if row.network == build.fingerprint} == {
            f"no room (it is estimated to need {figure / 2**30:.2f} GiB, {(figure - 1) / 2**30:.2f} GiB are available)"
        }
        rows = ledger.rows(CANDIDATES, role=GRID, network=build.fingerprint)
        assert [row.memory for row in rows] == [figure]


def _bound(given: Study, limit: int) -> SearchSpace:
    return search_space(override(given, {"limits.memory": float(limit)}))
