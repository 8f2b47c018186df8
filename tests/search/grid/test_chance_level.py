"""A network that only guesses is shown as one and never ranked, whatever its accuracy happens to be."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.architecture.network import fingerprint
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import DatasetRow, TrialRow
from scaling_search.search.family.scale import scale
from scaling_search.search.grid import chance_level
from scaling_search.search.grid.chance_level import Chance, why
from scaling_search.search.grid.report import report_of
from scaling_search.search.plan.seeds import FRESH_SEEDS
from scaling_search.search.plan.study import override
from scaling_search.search.tables import grid_table, study_report
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import EpochMetrics, Outcome
from tests.search.pretend import Pretend, planned, pretended, searched, study


def chance_of(*counts: int) -> Chance:
    """So many validation images of each class."""
    labels = [number for number, count in enumerate(counts) for _ in range(count)]
    return Chance(classes=tuple(f"c{number}" for number in range(len(counts))), labels=np.array(labels))


EVEN = chance_of(*[40] * 10)
GUESS = math.log(10)


def trial(accuracies: list[float], losses: list[float], loss: float, **more: Any) -> TrialRow:
    """A complete trial on 400 images with these accuracies and training losses by epoch."""
    epochs = [
        {"accuracy": accuracy, "train_loss": train}
        for accuracy, train in zip(accuracies, losses, strict=True)
    ]
    fields: dict[str, Any] = {
        "state": "complete",
        "accuracy": accuracies[-1],
        "loss": loss,
        "correct_count": 400,
    } | more
    return TrialRow(
        key="k",
        network="n",
        network_name="n",
        recipe="r",
        dataset="d",
        dataset_name="d",
        seed=0,
        epochs=json.dumps(epochs),
        **fields,
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        pytest.param(trial([0.3, 0.8], [2.0, 1.0], 0.6), None, id="learned"),
        pytest.param(
            trial([0.1, 0.1], [2.5, 2.31], GUESS), "commonest class gives 10.0%", id="dead, at ln 10"
        ),
        pytest.param(
            trial([0.1, 0.12], [2.3, 2.3], 2.2), "commonest class", id="at chance, training loss not below"
        ),
        pytest.param(trial([0.1, 0.12], [2.3, 2.2], 2.2), None, id="at chance but on its way"),
        pytest.param(trial([0.1, 0.2], [2.3, 2.3], 2.4), None, id="a bad loss, but better than chance"),
        pytest.param(trial([0.12], [2.3], GUESS), "commonest class", id="one epoch"),
        pytest.param(trial([0.6, 0.6, 0.6], [1.2, 1.15, 1.14], 1.1), "after every epoch", id="nothing moved"),
        pytest.param(trial([1.0, 1.0], [0.5, 0.1], 0.1), None, id="all right from the start"),
        pytest.param(trial([0.1], [2.3], GUESS, state="diverged"), None, id="diverged is its own word"),
        pytest.param(trial([0.1], [2.3], GUESS, accuracy=None), None, id="no accuracy"),
    ],
)
def test_which_trials_are_at_chance(row: TrialRow, said: str | None) -> None:
    found = why(row, EVEN)
    assert (found is None) == (said is None), found
    assert said is None or said in str(found)


@given(st.integers(0, 400), st.integers(1, 39))
def test_chance_is_what_the_binomial_test_says_of_the_commonest_class(right: int, tenths: int) -> None:
    """Not of one class in so many: on 95 % of one class, 95 % right is nothing learned."""
    from scipy.stats import binomtest

    commonest = 10 * tenths
    chance = chance_of(commonest, 400 - commonest)
    share = max(commonest, 400 - commonest) / 400
    assert chance.accuracy == share
    guessed = binomtest(right, 400, share, alternative="greater").pvalue > 1e-3
    assert (why(trial([right / 400], [2.3], 9.9), chance) is not None) == guessed


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_the_loss_of_who_knows_only_the_classes_shares_is_their_entropy(counts: list[int]) -> None:
    shares = np.array(counts) / sum(counts)
    labels = chance_of(*counts).labels
    assert chance_of(*counts).loss == pytest.approx(-np.log(shares)[labels].mean(), abs=1e-12)
    assert chance_of(*counts).loss <= math.log(len(counts)) + 1e-12


def named(chance: Chance, right: np.ndarray) -> TrialRow:
    """A trial that learned by its losses, and got these images right."""
    return trial(
        [0.5, float(right.mean())],
        [2.0, 0.5],
        0.4,
        correct=np.packbits(right).tobytes(),
        correct_count=len(right),
    )


def test_a_network_that_names_one_class_is_at_chance_whichever_it_is() -> None:
    chance = chance_of(114, 6)
    for number in (0, 1):
        found = why(named(chance, chance.labels == number), chance)
        assert found is not None and found.endswith(f"all of class 'c{number}' and nothing else")
    almost = chance.labels == 1
    almost[0] = True
    assert "nothing else" not in str(why(named(chance, almost), chance))
    # As many right, but others.
    others = np.roll(chance.labels == 1, 3)
    assert others.sum() == 6 and "nothing else" not in str(why(named(chance, others), chance))
    # Without its bits, which a quick reader leaves out, nothing is claimed.
    bare = dataclasses.replace(named(chance, chance.labels == 0), correct=None)
    assert "nothing else" not in str(why(bare, chance))


def test_chance_is_read_from_the_data_sets_row() -> None:
    row = DatasetRow(
        fingerprint="d",
        name="d",
        classes='["cat", "dog"]',
        channels=1,
        height=8,
        width=8,
        train_images=4,
        validation_images=3,
        test_images=None,
        mean="[0.0]",
        std="[1.0]",
        validation_labels="[1,0,1]",
    )
    found = Chance.of(row)
    assert (found.classes, found.counts.tolist(), found.accuracy) == (("cat", "dog"), [1, 2], 2 / 3)


@given(
    accuracies=st.lists(st.sampled_from([0.6, 0.8, 0.85]), min_size=1, max_size=4),
    loss=st.sampled_from([0.5, 1.15]),
    separators=st.sampled_from([(", ", ": "), (",", ":")]),
)
def test_what_need_not_be_parsed_says_the_same(
    accuracies: list[float], loss: float, separators: tuple[str, str]
) -> None:
    row = trial(accuracies, [1.2] * (len(accuracies) - 1) + [loss], 1.1)
    row = dataclasses.replace(row, epochs=json.dumps(json.loads(row.epochs or ""), separators=separators))
    same = len(set(accuracies)) == 1 and len(accuracies) > 1
    assert (why(row, EVEN) is not None) == (same and loss > 0.9 * 1.2)


class Guesser(Pretend):
    """Loss and epochs of a dead network where the accuracy is at chance."""

    def outcome(self, trial: Trial) -> Outcome:
        outcome = super().outcome(trial)
        dead = outcome.accuracy is not None and outcome.accuracy < 0.15
        epochs = tuple(
            EpochMetrics(
                epoch=epoch,
                train_loss=2.4 if dead else 2.0 / epoch,
                accuracy=outcome.accuracy,
                loss=2.4,
                train_seconds=1.0,
                evaluate_seconds=0.1,
            )
            for epoch in (1, 2)
        )
        return dataclasses.replace(outcome, loss=2.4 if dead else 0.5, epochs=epochs)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


@pytest.mark.parametrize(
    ("dead", "named", "verdict", "reason"),
    [
        ({1}, True, "winner", "1 of its seeds collapsed and is left out"),
        ({1, 2}, False, "in the set", "2 of its seeds collapsed and are left out"),
        ({0, 1, 2}, False, "at chance", "2 of 2 seeds at chance level: "),
    ],
    ids=["one", "two", "all"],
)
def test_seeds_that_learned_nothing_are_left_out_and_said(
    ledger: Ledger, dead: set[int], named: bool, verdict: str, reason: str
) -> None:
    """The candidate is judged on its others, and named no more once two collapsed; where all did, it is not ranked."""
    best = planned().candidates[0].group

    def learns(trial: Trial) -> float:
        mine = fingerprint(trial.network) == best
        return 0.1 if mine and trial.seed in dead else 0.9 if mine else 0.5

    outcome = searched(ledger, study(racing=False), learns, kind=Guesser)
    assert outcome.found.winner is not None
    assert (outcome.found.winner.group == best) == named
    assert list(grid_table.record(outcome)["at_chance"]) == [best]
    report = report_of(ledger, outcome.study, outcome.trials, outcome.found)
    (row,) = [row for row in report.rows if row.candidate.fingerprint == best]
    assert row.verdict == verdict
    assert row.reason is not None and reason in row.reason
    assert any("1 network had seeds at chance level" in note for note in report.notes)


def test_a_family_says_which_seed_was_at_chance(ledger: Ledger) -> None:
    settings = override(study(), {"scale.phi": "0..1", "scale.seeds": 2})
    with pretended(lambda trial: 0.1 if trial.seed == FRESH_SEEDS else 0.8, kind=Guesser):
        result = scale(settings, (1.2, 1.1, 1.15), match="nominal", ledger=ledger)
    assert result.report is not None
    assert [str(row.reason).partition(":")[0] for row in result.report.rows] == 2 * [
        "1 of 2 seeds at chance level"
    ]


def test_nobody_wins_where_nobody_learned(ledger: Ledger) -> None:
    outcome = searched(ledger, study(racing=False), lambda trial: 0.1, kind=Guesser)
    assert outcome.winner is None
    assert outcome.answer.startswith("No winner: 5 of 5 networks stayed at chance level.")
    document = study_report.read(ledger, None).document()
    assert document.answer[0] == outcome.answer.splitlines()[0]
    assert {row.cells["verdict"] for row in document.tables[0].rows} == {"at chance"}
    known = chance_level.chances(ledger)
    assert [round(one.accuracy, 3) for one in known.values()] == [0.101]
