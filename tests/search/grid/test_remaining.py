"""`plan` tells the truth about what is left: what it says is missing is what `grid` trains."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.data.dataset import DatasetInfo
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.grid.remaining import Remaining
from scaling_search.search.grid.requirements import requirements
from scaling_search.search.plan.grid_plan import grid_plan
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, override
from scaling_search.search.tables import plan_table
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from tests.search.plan.test_search_space import OTHER
from tests.search.pretend import Learns, Listener, planned, searched, study

FIRST = study(racing=False, seeds=2)
WIDE = {"match": "nominal", "alpha": "1:2:0.1", "beta": "1:1.4:0.1", "tolerance": 0.5, "seeds": 2}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The ledger of a finished search."""
    path = tmp_path_factory.mktemp("finished") / "l.db"
    with Ledger.open(path) as opened:
        searched(opened, FIRST)
    return path.read_bytes()


def said(ledger: Ledger, settings: Study) -> Remaining:
    found = requirements(grid_plan(search_space(settings)), ledger).remaining
    assert found is not None
    return found


def refusal(ledger: Ledger, settings: Study, use: Callable[[Ledger, Study], object]) -> str | None:
    try:
        use(ledger, settings)
    except InputError as error:
        return str(error)
    return None


# These need data or a device that tests do not have: their part in a study's content is tested in test_search_space.
ELSEWHERE = {"dataset.name", "limits.latency"}


@pytest.mark.parametrize("key", sorted(OTHER.keys() - ELSEWHERE))
def test_whatever_changes_in_a_study_plan_says_what_grid_trains(
    key: str, finished: bytes, tmp_path: Path
) -> None:
    """By content, never by name: under the old name, another split or recipe once was "nothing is left to train"."""
    (tmp_path / "l.db").write_bytes(finished)
    changes = {"grid.macs_tolerance": 0.2, key: OTHER[key]} if key.startswith("grid.") else {key: OTHER[key]}
    if key == "baseline":
        assert FIRST.proxy is not None
        changes |= {f"proxy.{name}": value for name, value in FIRST.proxy.model_dump().items()}
        changes |= {f"rounding.{name}": value for name, value in FIRST.rounding.model_dump().items()}
    settings = override(FIRST, changes)
    with Ledger.open(tmp_path / "l.db") as ledger:
        # Of another content under the old name nothing is trained: it is refused, by both with the same words.
        if (refused := refusal(ledger, settings, said)) is not None:
            assert refusal(ledger, settings, searched) == refused
            settings = settings.model_copy(update={"name": None})
        left = said(ledger, settings)
        listener = Listener()
        assert searched(ledger, settings, listener=listener).trained == left.count
        assert sorted(listener.begun) == sorted({*left.trials, *left.base})
        again = said(ledger, settings)
        assert again == Remaining(trials=())
        assert searched(ledger, settings).trained == 0


def test_every_kind_of_change_was_met(finished: bytes, tmp_path: Path) -> None:
    """The property above would hold of a plan that always says all and a grid that always trains all."""
    (tmp_path / "l.db").write_bytes(finished)
    counts = {}
    with Ledger.open(tmp_path / "l.db", read_only=True) as ledger:
        for key in ("name", "grid.seeds", "grid.alpha", "recipe.epochs", "dataset.validation"):
            changed = override(FIRST, {"name": "t", key: OTHER[key]})
            counts[key] = (len(said(ledger, changed).trials), 2 * len(planned(changed).networks))
    assert counts["name"][0] == 0
    assert counts["grid.seeds"][0] == 2 * len(planned(FIRST).networks)
    assert 0 < counts["grid.alpha"][0] < counts["grid.alpha"][1]
    assert counts["recipe.epochs"][0] == counts["recipe.epochs"][1] == counts["dataset.validation"][0]


def by_network(values: dict[str, float], otherwise: float) -> Learns:
    return lambda trial: values.get(fingerprint(trial.network), otherwise)


def killed_after(trials: int, learns: Learns) -> Learns:
    left = [trials]

    def killed(trial: Trial) -> float | BaseException | None:
        left[0] -= 1
        return learns(trial) if left[0] >= 0 else TrainingStopped(None)

    return killed


@pytest.mark.parametrize("trained", [0, 1, 4, 7])
def test_a_race_trains_at_most_what_is_said_and_nothing_once_it_is_over(ledger: Ledger, trained: int) -> None:
    settings = study(seeds=4)
    every = 4 * len(planned(settings).networks)
    bases = len(planned(settings).base_seeds)
    learns = by_network({planned(settings).candidates[2].group: 0.95}, 0.3)
    with pytest.raises(TrainingStopped):
        searched(ledger, settings, killed_after(bases + trained, learns))
    bound, listener = said(ledger, settings), Listener()
    assert bound.at_most and not bound.base and bound.count == every - trained
    assert searched(ledger, settings, learns, listener=listener).trained < bound.count
    assert set(listener.begun) < set(bound.trials)
    assert said(ledger, settings) == Remaining(trials=())


def test_what_a_race_has_eliminated_is_not_counted(ledger: Ledger) -> None:
    settings = study(seeds=5)
    keys = [one.group for one in planned(settings).candidates]
    learns = by_network(dict.fromkeys(keys[:2], 0.95), 0.3)
    with pytest.raises(TrainingStopped):
        searched(ledger, settings, killed_after(3 + 3 * len(keys) + 1, learns))
    bound, listener = said(ledger, settings), Listener()
    assert bound.at_most
    assert set(bound.trials) == {(keys[1], 3), (keys[0], 4), (keys[1], 4)}
    searched(ledger, settings, learns, listener=listener)
    assert set(listener.begun) <= set(bound.trials)


@pytest.mark.parametrize(
    "outcome", [None, OutOfMemory("no room", predicted_bytes=None)], ids=["diverged", "failed"]
)
@pytest.mark.parametrize("racing", [True, False])
def test_what_broke_is_not_trained_again(ledger: Ledger, racing: bool, outcome: BaseException | None) -> None:
    settings = study(racing=racing)
    searched(ledger, settings, lambda trial: outcome)
    assert said(ledger, settings).count == searched(ledger, settings).trained == 0


def test_a_candidate_that_is_new_to_a_race_may_bring_the_others_back(ledger: Ledger) -> None:
    narrow, wide = study(alpha="1,2"), study()
    searched(ledger, narrow)
    left = said(ledger, wide)
    assert left.at_most
    assert searched(ledger, wide).trained <= left.count


def test_a_screening_counts_its_short_trials(ledger: Ledger) -> None:
    settings = study(**WIDE, screening_epochs=1, racing=False)
    networks = [row.fingerprint for row in planned(settings).networks]

    def learns(trial: Trial) -> float:
        key = fingerprint(trial.network)
        return 0.95 - 0.85 * networks.index(key) / len(networks) if key in networks else 0.2

    before = said(ledger, settings)
    assert (before.short, before.at_most) == (len(networks), True)
    assert before.count == 3 * len(networks) + 2
    result = searched(ledger, settings, learns)
    assert result.found.screening is not None and result.found.screening.screened_out
    assert result.trained < before.count
    assert said(ledger, settings) == Remaining(trials=())


def test_a_plan_for_data_that_are_not_here_says_nothing_about_what_is_left(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scaling_search.data import catalog

    described = catalog.describe

    def unprepared(name: str) -> DatasetInfo:
        return replace(described(name), prepared=False)

    monkeypatch.setattr(catalog, "describe", unprepared)
    assert requirements(planned(), ledger).remaining is None


@pytest.mark.parametrize(
    ("left", "racing", "words"),
    [
        (None, True, "at most 5 networks x 3 seeds on digits; besides 3 of the base network."),
        (None, False, "5 networks x 3 seeds on digits; besides 3 of the base network."),
        (
            Remaining(trials=()),
            True,
            "none of 5 networks x 3 seeds on digits: they are in the ledger, or no longer needed.",
        ),
        (
            Remaining(trials=(("n", 0),) * 4, base=(("b", 0),)),
            False,
            "4 of 5 networks x 3 seeds on digits; the others are in the ledger, or no longer needed; besides 1 of the "
            "base network.",
        ),
        (
            Remaining(trials=(("n", 0),) * 4, short=9, at_most=True),
            True,
            "at most 4 of 5 networks x 3 seeds on digits; the others are in the ledger, or no longer needed; besides 9 "
            "short ones for the screening.",
        ),
    ],
)
def test_what_is_left_in_words(left: Remaining | None, racing: bool, words: str) -> None:
    plan = planned(study(racing=racing))
    ahead = requirements(plan, None)
    if left is not None:
        ahead = replace(ahead, remaining=left)
    (line,) = (note for note in plan_table.document(plan, ahead).notes if note.startswith("grid would"))
    assert line == f"grid would train {words}"
    assert plan_table.record(plan, ahead)["missing_trials"] == (18 if left is None else left.count)


@pytest.mark.parametrize("use", [said, searched], ids=["plan", "grid"])
def test_a_given_name_with_other_content_is_refused_before_anything_is_trained(
    ledger: Ledger, use: Callable[[Ledger, Study], object]
) -> None:
    searched(ledger, FIRST)
    for changes, differs in (
        ({"recipe.epochs": 7}, "recipe"),
        ({"rounding.divisor": 4}, "proxy"),
        ({"rounding.depth": "ceil"}, "rounding"),
    ):
        says = re.escape(f"another study 's' (it differs in {differs}")
        with pytest.raises(InputError, match=f"{says}.*--name"):
            use(ledger, override(FIRST, changes))
