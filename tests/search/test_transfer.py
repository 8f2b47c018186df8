"""Studies as wholes: ledgers that were made apart are merged, a study is exported, renamed, deleted."""

from __future__ import annotations

import dataclasses
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError
from scaling_search.ledger import transfer
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage.rows import Result, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, FORECASTS, NETWORKS, STUDIES, TRIPLES
from scaling_search.report.render import render
from scaling_search.search.plan.study import Study, override
from scaling_search.search.tables import study_report
from scaling_search.search.trial.trial import Trial
from tests.search.pretend import searched, study

Open = Callable[[str], Ledger]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Ledgers by name."""
    found: dict[str, Ledger] = {}

    def get(name: str) -> Ledger:
        if name not in found:
            found[name] = Ledger.open(tmp_path / f"{name}.db")
        return found[name]

    yield get
    for ledger in found.values():
        ledger.close()


def learns(trial: Trial) -> float:
    """Another accuracy for each network, the same in every ledger."""
    return 0.6 + 0.3 * (zlib.crc32(fingerprint(trial.network).encode()) % 1000) / 1000


def searched_into(ledger: Ledger, settings: Study) -> Any:
    return searched(ledger, settings, learns)


def nowhere(answer: str) -> str:
    """An answer without the place of its ledger."""
    return re.sub(r"--ledger ('[^']*'|[^ `]+)", "--ledger here", answer)


def measured(ledger: Ledger) -> dict[str, tuple[Any, ...]]:
    """What every trial came to, but for when and where."""
    rows = ledger.trials(with_correct=True)
    return {row.key: (row.state, row.seed, row.network, row.accuracy, row.loss, row.correct) for row in rows}


def planned(ledger: Ledger) -> set[Any]:
    """Candidates and triples, under whatever study."""
    return {
        (row.network, row.role, row.alpha, row.beta, row.gamma, row.phi) for row in ledger.rows(CANDIDATES)
    } | {(row.network, row.alpha, row.beta, row.gamma) for row in ledger.rows(TRIPLES)}


@pytest.mark.parametrize("split", ["candidates", "seeds"])
@pytest.mark.parametrize("racing", [False, True])
def test_two_ledgers_of_one_study_made_apart_and_merged_are_one_made_at_once(
    split: str, racing: bool, opened: Open
) -> None:
    whole = study(racing=racing)
    one, other = (
        [override(whole, {"grid.alpha": alpha}) for alpha in ("1", "1.5:2:0.5")]
        if split == "candidates"
        else [override(whole, {"grid.seeds": seeds}) for seeds in (1, 3)]
    )
    at_once = searched_into(opened("whole"), whole)
    searched_into(opened("one"), one)
    searched_into(opened("other"), other)
    found = transfer.merge(opened("one"), opened("other").snapshot())
    assert found.studies == {"s": "s"}
    assert found.trials > 0
    assert found.known > 0, "the base, or the first seed, was trained in both"
    merged = searched_into(opened("one"), whole)
    if split == "candidates" and not racing:
        assert merged.trained == 0
    kept = measured(opened("one"))
    assert kept.items() >= measured(opened("whole")).items()
    assert planned(opened("one")) == planned(opened("whole"))
    assert merged.winner == at_once.winner
    assert merged.decided == at_once.decided
    if kept == measured(opened("whole")):
        assert nowhere(merged.answer) == nowhere(at_once.answer)
        assert merged.report.rows == at_once.report.rows
    # Again, it adds nothing.
    again = transfer.merge(opened("one"), opened("other").snapshot())
    assert (again.trials, measured(opened("one"))) == (0, kept)


def test_the_order_of_a_merge_does_not_matter(opened: Open) -> None:
    for name, seeds in (("one", 1), ("other", 3)):
        searched_into(opened(name), study(seeds=seeds, racing=False))
    forwards, backwards = opened("forwards"), opened("backwards")
    for target, order in ((forwards, ("one", "other")), (backwards, ("other", "one"))):
        for name in order:
            transfer.merge(target, opened(name).snapshot())
    assert measured(forwards) == measured(backwards) == measured(opened("other"))
    assert planned(forwards) == planned(backwards)


def test_results_that_differ_under_one_key_are_refused_and_nothing_is_merged(opened: Open) -> None:
    searched_into(opened("one"), study(seeds=1))
    searched(opened("other"), study(seeds=1), lambda trial: 0.5 if trial.seed == 0 else 0.7)
    searched_into(opened("other"), override(study(seeds=1, alpha="1"), {"name": "new", "recipe.epochs": 6}))
    before, studies = measured(opened("one")), opened("one").rows(STUDIES)
    with pytest.raises(
        InputError, match=r"trial \w{12} \(.*, seed 0\) has different results in the two ledgers \(accuracy, "
    ) as caught:
        transfer.merge(opened("one"), opened("other").snapshot())
    assert str(caught.value).endswith("nothing was merged")
    assert (measured(opened("one")), opened("one").rows(STUDIES)) == (before, studies)


def begun(ledger: Ledger, row: TrialRow, result: Result | None) -> None:
    claim = ledger.claim(row, worker="somebody")
    assert claim is not None
    if result is not None:
        ledger.finish(claim, result)


def test_the_finished_of_two_is_kept_and_nobody_runs_what_another_ledger_ran(opened: Open) -> None:
    waiting = [
        TrialRow.waiting(
            network="f" * 64,
            network_name="n",
            recipe="{}",
            dataset="d" * 64,
            dataset_name="digits",
            seed=seed,
        )
        for seed in range(3)
    ]
    done = Result(state="complete", accuracy=0.5, loss=1.0, correct=b"\xf0", correct_count=8, epochs="[]")
    begun(opened("one"), waiting[0], None)
    begun(opened("one"), waiting[1], done)
    begun(opened("other"), waiting[0], done)
    begun(opened("other"), waiting[1], None)
    begun(opened("other"), waiting[2], None)
    transfer.merge(opened("one"), opened("other").snapshot())
    assert {row.seed: row.state for row in opened("one").trials()} == {
        0: "running",  # somebody holds it here: its own result comes, and is the same
        1: "complete",
        2: "waiting",
    }


def test_another_study_of_the_same_name_is_kept_apart(opened: Open) -> None:
    searched_into(opened("one"), study(seeds=1, alpha="1"))
    searched_into(opened("other"), override(study(seeds=1, alpha="1"), {"recipe.epochs": 6}))
    (theirs,) = opened("other").rows(STUDIES)
    found = transfer.merge(opened("one"), opened("other").snapshot())
    name = f"s-{theirs.fingerprint[:4]}"
    assert found.studies == {"s": name}
    assert {row.name for row in opened("one").rows(STUDIES)} == {"s", name}
    for kept, ledger in ((name, "other"), ("s", "one")):
        assert {row.network for row in opened("one").rows(CANDIDATES, study=kept)} == {
            row.network for row in opened(ledger).rows(CANDIDATES)
        }


def test_an_exported_study_is_read_and_checked_by_somebody_else(opened: Open) -> None:
    searched_into(opened("one"), study(seeds=2, alpha="1"))
    searched_into(opened("one"), override(study(seeds=1), {"name": "else", "recipe.epochs": 6}))
    own = {row.key for row in opened("one").trials(study="s")}
    count = transfer.export(opened("one").snapshot(), "s", opened("archive"))
    archive = opened("archive")
    assert count == len(own)
    assert set(measured(archive)) == own
    assert [row.name for row in archive.rows(STUDIES)] == ["s"]
    assert check(archive) == []
    there, here = (
        study_report.read(ledger.snapshot(), "s", place="l.db") for ledger in (opened("one"), archive)
    )
    assert render(here.document(), "json") == render(there.document(), "json")
    used = {row.network for row in archive.rows(CANDIDATES)}
    assert used <= {row.fingerprint for row in archive.rows(NETWORKS)}
    with pytest.raises(InputError, match=r"'elsee'.*did you mean 'else'"):
        transfer.export(opened("one").snapshot(), "elsee", opened("nothing"))


def test_a_renamed_study_takes_everything_along(opened: Open) -> None:
    searched_into(opened("one"), study(seeds=1, alpha="1"))
    ledger = opened("one")
    before = planned(ledger), measured(ledger), ledger.rows(FORECASTS, study="s")
    transfer.rename(ledger, "s", "better")
    assert [row.name for row in ledger.rows(STUDIES)] == ["better"]
    moved = [dataclasses.replace(row, study="s") for row in ledger.rows(FORECASTS, study="better")]
    assert (planned(ledger), measured(ledger), moved) == before
    assert not ledger.rows(CANDIDATES, study="s")
    with pytest.raises(InputError, match="has a study 'better' already"):
        transfer.rename(ledger, "better", "better")


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "\x1b[31mred", "\u202eright", "x" * 201, "a\x00"])
def test_a_name_with_control_characters_names_no_study(name: str, opened: Open) -> None:
    searched_into(opened("one"), study(seeds=1, alpha="1", beta="1"))
    with pytest.raises(
        InputError, match="cannot name a study: legal are 1 to 200 printable characters"
    ) as caught:
        transfer.rename(opened("one"), "s", name)
    assert str(caught.value).isprintable()
    with pytest.raises(InputError):
        searched_into(opened("two"), override(study(), {"name": name}))


def test_deleting_forgets_a_study_and_its_own_trials_only_when_asked(opened: Open) -> None:
    ledger = opened("one")
    searched_into(ledger, study(seeds=1, alpha="1"))
    kept = measured(ledger)
    searched_into(ledger, override(study(seeds=1, alpha="1"), {"name": "other", "recipe.epochs": 6}))
    assert transfer.delete(ledger, "s") == 0
    assert [row.name for row in ledger.rows(STUDIES)] == ["other"]
    assert measured(ledger).items() >= kept.items()
    mine = len(measured(ledger)) - len(kept)
    assert transfer.delete(ledger, "other", with_trials=True) == mine
    assert measured(ledger) == kept
    assert not ledger.rows(CANDIDATES)
