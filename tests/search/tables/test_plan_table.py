"""A plan in words: what people read in its tables and below them."""

from pathlib import Path

import pytest

from scaling_search.search.grid.requirements import Forecast, Requirements
from scaling_search.search.plan import caveats
from scaling_search.search.plan.study import override
from scaling_search.search.tables.plan_result import plan
from scaling_search.search.tables.plan_table import document, record
from scaling_search.search.trial.setup import load_data
from tests.search.pretend import BASIC, planned, study


def notes(**changes: object) -> list[str]:
    return list(document(planned(override(study(), changes))).notes)


@pytest.mark.parametrize(
    ("missing", "seconds", "words"),
    [
        (0, 0.0, "nothing is left to train."),
        (1, 7.25, "1 trial is still to train, about 7.2 s (3.6 s to 14.5 s)."),
        (12, 185.0, "12 trials are still to train, about 3 min 05 s (1 min 32 s to 6 min 10 s)."),
    ],
    ids=["none", "one", "several"],
)
def test_how_long_it_will_take(missing: int, seconds: float, words: str) -> None:
    forecast = Forecast(
        source="trials in the ledger",
        device="cpu",
        platform="cpu",
        networks=("a", "b"),
        compile_seconds=3.0,
        trial_seconds=(2.0, 4.0),
        screening_seconds=0.0,
        total_seconds=seconds,
        low_seconds=seconds / 2,
        high_seconds=2 * seconds,
        missing=missing,
        memory_bytes=(2**20, 2**30),
        available_bytes=None,
    )
    ahead = Requirements(
        forecast=forecast, memory_bytes=(2**20, 2**30), remaining=None, power=None, difference=None
    )
    (line,) = (note for note in document(planned(), ahead).notes if note.startswith("Time"))
    assert words in line


def test_the_base_comes_first_and_the_network_that_it_stands_for() -> None:
    facts, space = document(planned()).facts, planned().space
    assert list(facts) == ["base_network", "full_network", "base_accuracy"]
    base, full = str(facts["base_network"]), str(facts["full_network"])
    assert (
        base.startswith(f"the proxy {space.base.name}: ")
        and "4.734 M MACs, 16 px, depth 1-1-1-2-2-2-1" in base
    )
    assert "377.3 M MACs, 224 px, depth 1-2-2-3-3-4-1, strides 2-1-2-2-2-1-2-1" in full
    assert facts["base_accuracy"] == "not trained yet; chance gives 10.0 %"
    (table,) = (one for one in document(planned()).tables if one.name == "candidates")
    assert table.reference is not None
    assert (table.reference.cells["macs"], table.reference.cells["to_target"]) == (space.base_cost.macs, 0.5)
    alone = document(planned(study().model_copy(update={"proxy": None, "baseline": BASIC}))).facts
    assert list(alone) == ["base_network", "base_accuracy"]


def test_every_candidate_has_a_row_with_all_its_triples_and_what_rounding_took() -> None:
    found = planned(study(alpha="1:2:0.1", tolerance=0.3))
    (table,) = (one for one in document(found).tables if one.name == "candidates")
    assert len(table.rows) == len(found.candidates)
    for row, one in zip(table.rows, found.candidates, strict=True):
        assert row.cells["triples"] == len(one.triples)
        assert row.cells["alpha"] == one.triple.alpha
        lost = found.vanished(one)
        assert lost is None or lost in str(row.cells["reason"])
    (dropped,) = (one for one in document(found).tables if one.name == "dropped")
    assert len(dropped.rows) == len(found.plans[0].dropped)


def test_a_proxy_that_costs_more_than_the_network_is_said() -> None:
    """Strides are taken out: 1.03 M MACs once became 5.09 M in silence."""
    (line,) = [
        note for note in notes(**{"proxy.resolution": 224, "proxy.width": 1.4}) if "The proxy costs" in note
    ]
    assert "times the network itself" in line
    assert not [note for note in notes() if "The proxy costs" in note]


def test_images_that_are_only_enlarged_are_said() -> None:
    networks = [BASIC.model_copy(update={"resolution": side}) for side in (256, 600)]
    assert caveats.interpolated("photos", 256, networks[:1]) == []
    (line,) = caveats.interpolated("photos", 300, networks)
    assert "photos" in line and "300 px" in line and "600" in line
    assert caveats.interpolated("photos", None, networks) == []
    assert any("8 px" in note for note in notes())


def test_what_programs_read_adds_up() -> None:
    found = planned(study(alpha="1:2:0.1", tolerance=0.3))
    said = record(found)
    (at,) = found.plans
    assert (said["nominal_candidates"], said["distinct_networks"], said["within_tolerance"]) == (
        at.nominal,
        at.distinct,
        at.within,
    )
    assert len(said["candidates"]) + len(said["dropped"]) == at.nominal
    assert len({row["fingerprint"] for row in said["candidates"]}) == said["networks_to_train"]
    assert said["base"]["macs"] == said["base_macs"] == said["target_macs"] / 2
    assert said["missing_trials"] is None
    several = record(planned(study(phi="1,2", macs_tolerance=0.2)))
    assert [one["phi"] for one in several["plans"]] == [1, 2] and several["phi"] == 1


def test_a_plan_for_programs_is_the_commands() -> None:
    result = plan(study())
    assert result.candidates == planned().candidates
    assert "Plan: s" in result._repr_html_()
    assert result.requirements.remaining is not None
    assert result.requirements.remaining.count == 3 * (1 + len(result.candidates)), "the base, too"


def test_without_a_name_a_plan_is_called_by_data_and_network() -> None:
    unnamed = study().model_copy(update={"name": None})
    assert document(planned(unnamed)).title == "Plan: digits, efficientnet-b0"


def test_a_plan_reads_a_studys_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scaling_search.architecture import toml
    from scaling_search.cli.main import run

    (tmp_path / "mine.toml").write_text(toml.write(BASIC), encoding="utf-8")
    text = 'baseline = "mine.toml"\n[dataset]\nname = "digits"\n[rounding]\ndepth = "round"\ndivisor = 1\n'
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    opened: list[str] = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: (opened.append(self.name), read(self))[1])
    read_text = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, *a, **k: (opened.append(self.name), read_text(self, *a, **k))[1]
    )
    assert run(["plan", "--study", str(tmp_path / "s.toml"), "--ledger", str(tmp_path / "none.db")]) == 0
    assert [name for name in opened if name in ("mine.toml", "s.toml")] == ["s.toml", "mine.toml"]


def test_steps_and_images_are_said_and_that_they_are_few() -> None:
    whole = notes(**{"recipe.epochs": 25, "recipe.batch_size": 16})
    assert "A trial is 1,775 steps of 16 images, 25 passes over 1,150." in whole
    assert not [note for note in whole if "too short" in note]
    (line,) = [note for note in notes(**{"recipe.epochs": 1}) if "too short" in note]
    assert line.startswith("Trials may be too short: a run is 17 steps and sees 1,088 images")


def test_images_are_those_of_the_split_where_the_set_is_prepared() -> None:
    """Rounding by class, and groups, move a few: 1,150 were said where the ledger says 1,151."""
    settings = study()
    real = len(load_data(settings).train)
    found = plan(settings)
    assert found.plan.space.images != real == found.requirements.images
    (line,) = (note for note in document(found.plan, found.requirements).notes if note.startswith("A trial"))
    assert line.endswith(f"5 passes over {real:,}.")


def test_a_screening_of_too_few_candidates_is_said_to_be_not_run() -> None:
    says = "Screening after 1 epoch: not run, it needs more than 12 candidates."
    assert says in notes(**{"grid.screening_epochs": 1})
    assert not any("Screening" in note for note in notes())
