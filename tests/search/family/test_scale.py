"""`scale` from the winner to trained members: both families written, one trained, none replaced by another."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError, UsageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import CandidateRow
from scaling_search.ledger.storage.schema import CANDIDATES, FAMILIES, TRIPLES
from scaling_search.report.render import render
from scaling_search.report.rows import FamilyReport
from scaling_search.search.family import document as documents
from scaling_search.search.family import results
from scaling_search.search.family.scale import FamilyResult, scale
from scaling_search.search.forecast.model import affine
from scaling_search.search.grid.families import families
from scaling_search.search.plan.seeds import FRESH_SEEDS
from scaling_search.search.plan.study import Study, override
from scaling_search.search.tables import study_report
from scaling_search.search.trial import provenance
from scaling_search.search.trial.claims import Held
from scaling_search.search.trial.trial import Extras, Trial
from scaling_search.training.outcome import Outcome, TrainingStopped
from tests.search.pretend import (
    BASIC,
    Keeping,
    Learns,
    Listener,
    planned,
    pretended,
    searched,
    study,
)

TRIPLE = (1.2, 1.1, 1.15)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def family(phi: str = "0,1", **changes: object) -> Study:
    return override(study(), {"scale.phi": phi, "scale.seeds": 2, **changes})


def scaled(
    ledger: Ledger,
    settings: Study | None = None,
    coefficients: Any = TRIPLE,
    learns: Learns = lambda trial: 0.5,
    *,
    listener: Listener | None = None,
    match: str | None = "nominal",
    **more: Any,
) -> FamilyResult:
    """`scale` with a trainer that pretends."""
    with pretended(learns):
        return scale(
            settings or family(),
            coefficients,
            ledger=ledger,
            match=match,
            callbacks=(listener or Listener(),),
            **more,
        )


def members(ledger: Ledger, kind: str) -> dict[float | None, CandidateRow]:
    rows = [row for row in ledger.rows(CANDIDATES, study="s") if row.role.startswith(f"{kind} family")]
    return {row.phi: row for row in rows}


def test_the_full_networks_files_are_in_the_folder_and_the_proxys_below_it(
    ledger: Ledger, tmp_path: Path
) -> None:
    result = scaled(ledger, out=tmp_path / "out")
    written = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.toml")
    )
    assert written == [
        "efficientnet-b0-phi0.toml",
        "efficientnet-b0-phi1.toml",
        "proxy/efficientnet-b0-16px-w0.25-d0.5-phi0.toml",
        "proxy/efficientnet-b0-16px-w0.25-d0.5-phi1.toml",
    ]
    assert [path.name for path in result.files["full"]] == written[:2]
    assert scaled(ledger).files == {}, "nothing is written unasked"


@pytest.mark.parametrize(
    ("train", "proxy", "kind"),
    [(None, True, "proxy"), (None, False, "full"), ("full", True, "full"), ("proxy", True, "proxy")],
)
def test_the_proxys_family_is_trained_where_there_is_one_unless_asked_otherwise(
    ledger: Ledger, train: str | None, proxy: bool, kind: str
) -> None:
    settings = family(**{"scale.train": train})
    if not proxy:
        settings = settings.model_copy(update={"proxy": None})
    listener = Listener()
    result = scaled(ledger, settings, listener=listener, learns=lambda trial: 0.8)
    assert result.kind == kind
    begun = {network for network, _ in listener.begun}
    assert begun == {member.fingerprint for member in result.families[kind].members}  # type: ignore[index]
    assert result.trained == len(listener.begun) == 4
    assert (result.full_seconds is None) == (kind == "full")
    if result.full_seconds is not None:
        # 2 s a trial and more, for the full networks have more MACs; and each is compiled, in a second.
        known = {row.network: (row.macs, 2.1) for row in result.trials}
        full = {member.fingerprint: member.cost.macs for member in result.families["full"].members}
        trained = sum(
            affine([(macs or 0, took) for macs, took in known.values()], macs) for macs in full.values()
        )
        assert result.full_seconds == pytest.approx(trained + 1.0 * len(full))
    assert result.report is not None and result.report.kind == kind
    assert {seed for _, seed in listener.begun} == {FRESH_SEEDS, FRESH_SEEDS + 1}


def test_none_is_trained_without_a_ledger_and_what_needs_one_says_so(tmp_path: Path) -> None:
    result = scale(family(**{"scale.train": "none"}), TRIPLE, out=tmp_path)
    assert (result.kind, result.report, result.trained) == (None, None, 0)
    assert set(result.files) == {"full", "proxy"}
    with pytest.raises(UsageError, match="training a family needs a ledger"):
        scale(family(), TRIPLE, out=tmp_path / "not yet")
    assert not (tmp_path / "not yet").exists(), "refused before anything is written"
    without = family(**{"scale.train": "proxy"}).model_copy(update={"proxy": None})
    with pytest.raises(UsageError, match="this study has no proxy; legal here: full, none"):
        scale(without, TRIPLE, out=tmp_path / "not yet")
    assert not (tmp_path / "not yet").exists()


def test_the_winner_of_the_studys_grid_is_scaled_unless_a_triple_is_given(ledger: Ledger) -> None:
    best = planned().candidates[2]
    searched(ledger, study(racing=False), lambda t: 0.9 if fingerprint(t.network) == best.group else 0.5)
    result = scaled(ledger, family(), None, match=None)
    assert result.families["proxy"].triple == best.triple
    assert result.families["proxy"].match == "realised", "as the candidates were"
    at_one = result.families["proxy"].members[1]
    assert at_one.fingerprint == best.group, "the very network that won"


def test_the_hint_of_what_was_only_written_is_quoted_for_a_shell(tmp_path: Path) -> None:
    result = scale(family(**{"scale.train": "none"}), TRIPLE, out=tmp_path / "w n")
    (command,) = re.findall(r"`(scaling-search cost [^`]+)`", result.answer)
    assert shlex.split(command)[2:] == [str(result.files["full"][0])]


class Otherwise(Keeping):
    """On test images the first member is better, on validation the second."""

    def _extras(self, held: Held, outcomes: Sequence[Outcome], extras: Extras, *, batched: bool) -> Any:
        turned = [replace(one, accuracy=1.0 - (one.accuracy or 0.0)) for one in outcomes]
        return super()._extras(held, turned, extras, batched=batched)


def test_the_sentence_and_the_hint_name_the_best_by_validation(ledger: Ledger) -> None:
    with pretended(lambda trial: 0.6 if trial.phi == 1 else 0.2, kind=Otherwise):
        result = scale(family("0,1"), TRIPLE, ledger=ledger, match="nominal", callbacks=(Listener(),))
    (best,) = re.findall(r"the best by validation, φ = (\d), has (\d+)", result.answer)
    assert best[0] == "1" and int(best[1]) < 50, "its own test accuracy"
    assert "Next: `scaling-search export phi=1 " in result.answer and "phi=0" not in result.answer


def test_without_a_grid_there_is_no_winner(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="run `scaling-search grid` first, or give --coefficients"):
        scaled(ledger, family(), None)
    # A search of other content has one, and it is not this study's.
    searched(ledger, study(racing=False))
    with pytest.raises(InputError, match="no search with this network, data and recipe"):
        scaled(ledger, override(family(), {"recipe.epochs": 7}), None)


def test_what_a_candidate_built_is_raised_in_place_of_its_triple(ledger: Ledger) -> None:
    searched(ledger, study(racing=False))
    settings = family("0,1,2", **{"scale.factors": "realised"})
    result = scaled(ledger, settings, None, match=None)
    one = result.families["proxy"]
    (candidate,) = [each for each in planned().candidates if each.triple == one.triple]
    built = candidate.realised
    assert (one.raised.alpha, one.raised.beta, one.raised.gamma) == pytest.approx(
        tuple(max(1.0, value) for value in (built.depth, built.width, built.resolution))
    )
    assert one.factors == result.families["full"].factors == "realised"
    for each in result.families.values():
        sides = [member.network.resolution for member in each.members]
        assert sides == sorted(sides)
        if one.raised.gamma == 1:
            assert len(set(sides)) == 1
    scaled(ledger, family("0,1,2"), None, match=None)
    both = {each.name for each in study_report.read(ledger, None, every_family=True).page().families}
    assert {name.partition(")")[2] for name in both} == {
        ", proxy",
        ", full",
        " as built, proxy",
        " as built, full",
    }
    with pytest.raises(UsageError, match="was no candidate of a grid in this ledger"):
        scaled(ledger, settings, (1.2, 1.1, 1.15))


def test_families_stand_side_by_side(ledger: Ledger) -> None:
    """Another triple once took the place of the whole family, in the report and in the chart."""
    first = scaled(ledger, learns=lambda trial: 0.6)
    before = {row.role: row for row in ledger.rows(CANDIDATES, study="s")}
    second = scaled(ledger, coefficients=(2, 1, 1), learns=lambda trial: 0.7)
    rows = ledger.rows(FAMILIES, study="s")
    assert {(row.alpha, row.network) for row in rows} == {(a, k) for a in (1.2, 2) for k in ("full", "proxy")}
    assert before.keys() < {row.role for row in ledger.rows(CANDIDATES, study="s")}
    assert second.study == first.study or second.study is not None
    by_triple = {report.triple: report for report in _proxies(ledger)}
    assert set(by_triple) == {TRIPLE, (2, 1, 1)}
    for triple, expected in ((TRIPLE, 0.6), ((2, 1, 1), 0.7)):
        means = [row.accuracy.mean for row in by_triple[triple].rows if row.accuracy is not None]
        # φ = 0 is the base, whatever the triple: it was trained once, with the first family.
        assert means[1:] == pytest.approx([expected], abs=0.05)
        assert means[0] == pytest.approx(0.6, abs=0.05)


def _proxies(ledger: Ledger) -> list[FamilyReport]:
    row = ledger.study("s")
    assert row is not None
    found = families(ledger, "s")
    return [results.report_of(ledger, row, one)[0] for one in found if one.network == "proxy"]


def test_the_report_shows_the_winners_families_and_every_one_that_is_asked_for(ledger: Ledger) -> None:
    best = planned().candidates[2]
    searched(ledger, study(racing=False), lambda t: 0.9 if fingerprint(t.network) == best.group else 0.5)
    scaled(ledger, coefficients=None, match=None)
    scaled(ledger, coefficients=(2, 1, 1))
    shown = [table for table in study_report.read(ledger, None).document().tables if table.name == "scale"]
    assert [{row.cells["family"] for row in table.rows} for table in shown] == [{"proxy"}, {"full"}]
    assert {row.cells["triple"] for table in shown for row in table.rows} == {
        shown[0].rows[0].cells["triple"]
    }
    assert [row.cells["status"] for row in shown[0].rows] == ["trained"] * 2
    assert [row.cells["status"] for row in shown[1].rows] == ["not trained"] * 2, "nothing of it waits"
    every = study_report.read(ledger, None, every_family=True).document()
    assert len([table for table in every.tables if table.name == "scale"]) == 4


def test_other_phi_of_one_family_stay(ledger: Ledger) -> None:
    scaled(ledger, family("0,1"))
    listener = Listener()
    scaled(ledger, family("2"), listener=listener)
    assert sorted(members(ledger, "proxy")) == [0, 1, 2]
    assert sorted(row.phi for row in ledger.rows(TRIPLES, study="s") if "proxy" in row.role) == [0, 1, 2]
    assert len({network for network, _ in listener.begun}) == 1


def test_two_phi_that_build_one_network_are_two_members(ledger: Ledger) -> None:
    """It is trained once, and shown at both."""
    settings = family("0.1,0.2,3")
    result = scaled(ledger, settings, (1.1, 1, 1), constrained=False)
    first, second, _ = result.families["proxy"].members
    assert first.fingerprint == second.fingerprint
    assert result.trained == 4 and result.report is not None
    assert [row.candidate.phi for row in result.report.rows] == [0.1, 0.2, 3]
    assert [row.accuracy is not None for row in result.report.rows] == [True] * 3


def test_a_second_run_trains_nothing_and_every_trial_is_tested(ledger: Ledger) -> None:
    result = scaled(ledger)
    assert all(trial.seed >= FRESH_SEEDS for trial in result.trials)
    assert {row.trial_key for row in ledger.evaluations()} == {row.key for row in result.trials}
    again = scaled(ledger)
    assert again.trained == 0 and again.report == result.report


@pytest.mark.parametrize(("alpha", "said"), [(1.3, True), (1.6, False), (1.0, False)])
def test_a_proxy_that_cannot_follow_in_depth_is_said(ledger: Ledger, alpha: float, said: bool) -> None:
    """Its family had depths 1-1 at every φ, the full network's 2-3 to 2-4, and nothing was said."""
    baseline = BASIC.model_copy(
        update={"stages": tuple(one.model_copy(update={"depth": 2}) for one in BASIC.stages)}
    )
    settings = family("0,1,2", **{"proxy.depth": 0.5, "proxy.width": 1.0, "scale.train": "none"})
    settings = settings.model_copy(update={"baseline": baseline})
    result = scaled(ledger, settings, (alpha, 1.25, 1), constrained=False)
    assert {one.network.depths for one in result.families["proxy"].members} >= {(1, 1, 1, 1)}
    found = [note for note in result.document.notes if "the proxy has the depths of its base" in note]
    assert len(found) == said
    if said:
        assert found[0][:50] in " ".join(render(result.document, "text").split()), "without --details"
        assert found[0].startswith(
            "At φ = 1 the proxy has the depths of its base, 1-1-1-1: rounding takes the depth step α = 1.3 away, which "
            "takes the full network from 2-2-2-2 to 3-3-3-3"
        )


def test_what_time_forbids_is_recorded_and_not_trained(ledger: Ledger) -> None:
    # The first is trained to find out: 2 s. The one of eight times the MACs would take about 16 s.
    listener = Listener()
    scaled(ledger, family("0,3", **{"scale.member_time_limit": "6s"}), listener=listener)
    rows = members(ledger, "proxy")
    assert rows[0].status != "not trained"
    assert rows[3].status == "not trained"
    assert "over the limit of 6.0 s a member" in str(rows[3].reason)
    assert len({network for network, _ in listener.begun}) == 1
    assert any(said.startswith("φ = 3 not trained: one seed would take about") for said in listener.said)


def test_why_a_member_is_not_trained_is_said_without_details(ledger: Ledger) -> None:
    """It was on stderr alone; the answer said "0 of 2 members are trained"."""
    result = scaled(ledger, family("0,1,2", **{"limits.macs": 1000}))
    why = "over limits.macs = 1.000 k MACs"
    assert (
        f"0 of 3 members of {result.families['proxy'].space.base.name} are trained; not trained: φ = 0, 1, 2 ("
        in (result.answer)
    )
    assert why in result.answer.splitlines()[0]
    for document in (result.document, study_report.read(ledger, None).document()):
        assert " ".join(render(document, "text").split()).count(why) >= 3


def test_what_memory_forbids(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "available_memory", lambda: 1000)
    assert scaled(ledger, family("0")).trained == 0
    assert "1000 B are available" in str(members(ledger, "proxy")[0].reason)


def test_a_stop_keeps_what_was_trained(ledger: Ledger) -> None:
    def stops(trial: Trial) -> float | BaseException:
        return TrainingStopped(3) if trial.phi == 1 else 0.5

    with pytest.raises(TrainingStopped):
        scaled(ledger, learns=stops)
    assert sum(row.state == "complete" for row in ledger.trials()) == 2
    assert scaled(ledger).trained == 2


def test_a_flat_family_ends_where_the_next_step_is_within_noise(ledger: Ledger) -> None:
    listener = Listener()
    result = scaled(ledger, family("0..3"), learns=lambda trial: 0.7, stop_when_flat=True, listener=listener)
    assert result.trained < 8
    assert any("not trained: " in said for said in listener.said)


def test_a_triple_off_the_constraint_is_refused_unless_it_is_taken_as_it_stands(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match=r"\(2, 2, 1\) multiplies the MACs by 8.00 with each step of φ"):
        scaled(ledger, coefficients=(2, 2, 1))
    assert scaled(ledger, coefficients=(2, 2, 1), constrained=False).trained == 4
    with pytest.raises(UsageError, match="expected three numbers"):
        scaled(ledger, coefficients=(1.2, 1.1))


def test_the_tables_of_both_families(ledger: Ledger, tmp_path: Path) -> None:
    result = scaled(ledger, learns=lambda trial: 0.8, out=tmp_path)
    said = documents.record(result)
    assert (said["trained_family"], said["trained"], said["match"]) == ("proxy", 4, "nominal")
    assert said["coefficients"] == {"alpha": 1.2, "beta": 1.1, "gamma": 1.15}
    assert [Path(file).name for file in said["files"]] == [path.name for path in result.files["full"]]
    assert set(said["families"]) == {"full", "proxy"}
    for kind, rows in said["families"].items():
        assert [row["phi"] for row in rows] == [0, 1]
        assert [row["fingerprint"] for row in rows] == [m.fingerprint for m in result.families[kind].members]
        assert [row["to_target"] for row in rows] == [row["macs_ratio"] / 2 ** row["phi"] for row in rows]
    assert all(row["accuracy_mean"] > 0.7 for row in said["scale"])
    document = documents.document(result)
    assert [table.title for table in document.tables] == [
        "Family of (1.2, 1.1, 1.15): efficientnet-b0@16px,w=0.25,d=0.5 on digits, the proxy",
        "Family of (1.2, 1.1, 1.15): efficientnet-b0, the full network",
    ]
    assert any("Training the full family would take about " in line for line in document.answer)
    assert any("digits is stored at 8 px" in note for note in (*document.notes, *document.details.notes)), (
        "larger ones only interpolate"
    )


def test_members_that_the_ledger_has_already_count_as_done(ledger: Ledger) -> None:
    class Counting(Listener):
        done = 0

        def known(self, trials: int) -> None:
            self.done += trials

    first, again = Counting(), Counting()
    scaled(ledger, listener=first)
    scaled(ledger, listener=again)
    assert (first.done, len(first.ended)) == (0, first.expected[0])
    assert (again.done, len(again.ended)) == (again.expected[0], 0)

    class Resumed(Counting):
        def begin(self, trial: Trial) -> None:
            super().begin(trial)
            assert self.done == first.expected[0], (
                "also those of members that come later, before the first one trains"
            )

    more = Resumed()
    scaled(ledger, family(**{"scale.seeds": 3}), listener=more)
    assert len(more.ended) == 2


def test_a_triple_off_the_constraint_is_said_where_it_is_taken_as_it_stands(ledger: Ledger) -> None:
    result = scaled(ledger, coefficients=(1.4, 1.4, 1.4), constrained=False)
    assert any(
        "multiplies the MACs by 5.38 with each step of φ, not by 2 within" in note
        for note in result.document.notes
    )
    assert not any("with each step of φ, not by 2" in note for note in scaled(ledger).document.notes)


def test_what_the_full_family_takes_is_said_beside_an_open_search(ledger: Ledger) -> None:
    searched(ledger, family())
    result = scaled(ledger, coefficients=None)
    assert result.decided is False
    assert any("Training the full family would take about" in note for note in result.document.notes)


def test_where_the_triple_and_what_it_built_part_is_said_by_grid_and_scale(ledger: Ledger) -> None:
    """Depths rounded up: α = 1.2 is no 1.2."""
    settings = family(**{"rounding.depth": "ceil", "grid.alpha": "1.2", "grid.gamma": "1:1.5:0.1"})
    settings = override(settings, {"grid.tolerance": 0.6, "grid.macs_tolerance": 0.6})
    found = searched(ledger, settings)
    assert found.found.winner is not None
    grid = found.document.answer[0]
    advice = "scale --factors realised raises what was built"
    for said in (grid, scaled(ledger, settings, coefficients=None).document.answer[1]):
        assert "and as built, (" in said and "at φ = 2: depth 1.44 or " in said and advice in said
    settings = override(settings, {"scale.factors": "realised"})
    said = scaled(ledger, settings, coefficients=None).document.answer[1]
    assert "at φ = 2: depth 1.44 or " in said and "it is what was built that is raised" in said
    assert advice not in said


def test_what_is_still_to_train_is_counted_by_the_recipe(ledger: Ledger) -> None:
    """Members that were trained with another recipe are not done."""
    other = family("0", **{"recipe.epochs": 4, "name": "other"})
    for settings in (family(), other):
        scaled(ledger, settings)
    listener = Listener()
    result = scaled(ledger, override(other, {"scale.phi": "0,1"}), listener=listener)
    assert result.trained == 2
    assert [note for note in listener.noted if note.startswith("2 trials are to train, about ")]
