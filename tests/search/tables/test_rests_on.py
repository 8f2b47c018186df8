"""What an answer rests on is said by each of `grid`, `scale` and `report`, not by one alone."""

from __future__ import annotations

import pytest

from scaling_search.architecture import toml
from scaling_search.baselines.load import load
from scaling_search.ledger.ledger import Ledger
from scaling_search.report.render import render
from scaling_search.report.table import Document
from scaling_search.search.family.scale import scale
from scaling_search.search.plan.study import override, parse
from scaling_search.search.tables import study_report
from scaling_search.search.trial import provenance
from tests.search.pretend import Listener, pretended, searched

STUDY = (
    'name = "s"\nbaseline = "{}"\n[dataset]\nname = "digits"\n'
    "[proxy]\nresolution = 12\nwidth = 0.125\ndepth = 0.3\n[rounding]\ndivisor = 2\n"
    '[recipe]\nname = "fast"\nepochs = 1\n'
    '[grid]\nalpha = "1:2:0.5"\nbeta = "1:1.4:0.2"\ngamma = 1\ntolerance = 0.4\nseeds = 3\n'
    '[scale]\nphi = "0,1"\nseeds = 2\n'
)

# Its width moves groups; the one that leads has a width of 1.
WIDER = (1, 1.4, 1)

SAID = {
    "interpolated": "see only interpolated images",
    "the resolution is held": "γ = 1 alone holds the resolution",
    "groups": "Groups moved widths in",
    "regularisation": "Regularisation is held: stochastic depth 0.1 at every φ.",
    "no kernels": "Trained without kernels",
    "short trials": "Trials may be too short",
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Document]:
    folder = tmp_path_factory.mktemp("rests")
    network = load("resnext-50-32x4d").model_copy(update={"stochastic_depth": 0.1})
    (folder / "n.toml").write_text(toml.write(network))
    settings = parse(STUDY.format(folder / "n.toml"))
    with pytest.MonkeyPatch.context() as patch, Ledger.open(folder / "l.db") as ledger:
        patch.setattr(provenance, "arithmetic", lambda: provenance.XLA)
        grid = searched(ledger, settings).document
        with pretended():
            family = scale(settings, WIDER, ledger=ledger, callbacks=(Listener(),)).document
        before = study_report.read(ledger, None, every_family=True).document()
        alone = override(settings, {"scale.train": "full"})
        with pretended():
            full = scale(alone, WIDER, ledger=ledger, callbacks=(Listener(),)).document
        report = study_report.read(ledger, None, every_family=True).document()
    return {
        "grid": grid,
        "scale": family,
        "scale --train full": full,
        "one family trained": before,
        "report": report,
    }


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (command, what)
        for command in ("grid", "scale", "scale --train full", "report")
        for what in SAID
        # At full width, 32 groups divide what was asked.
        if (command, what) != ("scale --train full", "groups")
    ],
)
def test_each_command_says_it(documents: dict[str, Document], command: str, what: str) -> None:
    shown = " ".join(render(documents[command], "text").split())
    assert SAID[what] in shown


def test_a_report_says_it_of_the_grid_and_of_each_family(documents: dict[str, Document]) -> None:
    tables = [table for table in documents["report"].tables if table.name in ("grid", "scale")]
    assert len(tables) == 3
    for table in tables:
        assert any(SAID["regularisation"] in note for note in table.notes)


def test_trials_that_are_none_are_not_called_short(documents: dict[str, Document]) -> None:
    families = [table for table in documents["one family trained"].tables if table.name == "scale"]
    trained = {table.title: {row.cells["status"] for row in table.rows} for table in families}
    assert sorted(map(sorted, trained.values())) == [["not trained"], ["trained"]]
    for table in families:
        said = any(SAID["short trials"] in note for note in table.notes)
        assert said == (trained[table.title] == {"trained"})


def test_a_proxys_order_is_open_at_full_size(documents: dict[str, Document]) -> None:
    for command in ("grid", "report"):
        assert "at full size it is open until it was tried" in " ".join(
            render(documents[command], "text").split()
        )
