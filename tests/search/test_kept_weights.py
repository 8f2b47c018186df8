"""Weights of members from `scale` to `predict`: which are kept, how they are checked, and what is said without them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scaling_search.architecture import toml
from scaling_search.architecture.network import fingerprint
from scaling_search.cli.main import run
from scaling_search.data import catalog, paths
from scaling_search.data.summary import Fit
from scaling_search.errors import InputError, StorageError, UsageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage import location
from scaling_search.ledger.storage.schema import EVALUATIONS, WEIGHTS
from scaling_search.report.study import KINDS
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.family.scale import FamilyResult, scale
from scaling_search.search.grid.search import GridResult, grid
from scaling_search.search.members.chosen import best_phi, of_grid, of_study
from scaling_search.search.members.evaluation import record
from scaling_search.search.members.images import decode, find
from scaling_search.search.members.predict import predict
from scaling_search.search.plan.seeds import FRESH_SEEDS
from scaling_search.search.plan.study import Study, override
from scaling_search.search.tables import study_report
from scaling_search.search.tables.open_ledger import open_ledger
from scaling_search.search.trial import weights
from scaling_search.search.trial.trial import Trial
from tests.search.pretend import Keeping, Listener, planned, pretended, study
from tests.search.pretend import searched as search_of

TINY = toml.parse(
    'name = "tiny"\nresolution = 8\nchannels = 1\nclasses = 10\nactivation = "relu"\n'
    'stages = [{ block = "plain", width = 4, stride = 2 }]\nhead = {}\n'
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def settings(keep: str | None) -> Study:
    found = override(study(), {"scale.phi": "0", "scale.seeds": 2, "scale.keep_weights": keep})
    return found.model_copy(update={"baseline": TINY, "proxy": None})


def scaled(ledger: Ledger, keep: str | None = None, **more: Any) -> FamilyResult:
    """Seed 1 is the better one."""
    with pretended(lambda trial: 0.4 + 0.3 * (trial.seed - FRESH_SEEDS), kind=Keeping):
        return scale(settings(keep), (1.0, 1.0, 1.4), ledger=ledger, **more)


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "l.db.checkpoints").rglob("*.safetensors"))


def seeds_kept(ledger: Ledger) -> list[int]:
    by_key = {row.key: row.seed for row in ledger.trials()}
    return sorted(by_key[row.trial_key] - FRESH_SEEDS for row in ledger.rows(WEIGHTS))


@pytest.mark.parametrize(("keep", "seeds"), [("none", []), (None, [1]), ("best", [1]), ("all", [0, 1])])
def test_the_best_seed_by_validation_is_kept_unless_asked_otherwise(
    ledger: Ledger, tmp_path: Path, keep: str | None, seeds: list[int]
) -> None:
    listener = Listener()
    scaled(ledger, keep, callbacks=(listener,))
    assert seeds_kept(ledger) == seeds and len(files(tmp_path)) == len(seeds)
    said = [line for line in listener.noted if line.startswith("Weights are kept in")]
    assert len(said) == (keep != "none"), "what it costs on the disk is said before"


def test_a_family_whose_weights_are_gone_ends_in_its_report(ledger: Ledger, tmp_path: Path) -> None:
    assert "`scaling-search export" in scaled(ledger).answer
    for file in files(tmp_path):
        file.unlink()
    again = scaled(ledger)
    assert again.trained == 0 and again.best_kept is None
    assert "Next: `scaling-search report" in again.answer and "export" not in again.answer


def test_the_next_command_finds_the_weights(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--checkpoints" not in scaled(ledger).answer
    elsewhere = tmp_path / "some where"
    result = scaled(ledger, keep_weights="best", checkpoints=elsewhere)
    commands = [shlex.split(one) for one in result.answer.split("`") if one.startswith("scaling-search")]
    assert [one[1] for one in commands] == ["export", "predict"]
    for one in commands:
        assert one[-2:] == ["--checkpoints", str(elsewhere)]
        assert one[one.index("--coefficients") + 1] == "1,1,1.4", "it was given: no search names it"
        assert run([*one[1:], *(["--out", str(tmp_path / "out")] if "export" in one else [])]) == 0
    capsys.readouterr()


def test_members_are_of_the_searchs_winner_or_of_the_triple_that_is_named(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`report` showed the winner's family, and `predict` took whichever was scaled last."""
    best = planned().candidates[2]
    result = search_of(
        ledger, study(racing=False), lambda t: 0.9 if fingerprint(t.network) == best.group else 0.5
    )
    assert "`scaling-search scale" in result.answer.splitlines()[2]
    with pretended(lambda trial: 0.6, kind=Keeping):
        for triple in (None, (2, 1, 1)):
            scale(override(study(), {"scale.phi": "0,1", "scale.seeds": 1}), triple, ledger=ledger)
    folder = tmp_path / "l.db.checkpoints"
    row = result.study
    assert of_study(ledger, row, 1, checkpoints=folder).label.startswith(f"{result.winner} φ=1")
    other = Coefficients(alpha=2, beta=1, gamma=1)
    assert of_study(ledger, row, 1, checkpoints=folder, coefficients=other).label.startswith("(2, 1, 1) φ=1")
    answer = study_report.read(ledger, None).document().answer
    assert answer[2].startswith("Next: `scaling-search export phi=")
    elsewhere = search_of(ledger, study(racing=False), checkpoints=tmp_path / "elsewhere").answer
    assert f"--checkpoints {tmp_path / 'elsewhere'}" in elsewhere, "as it was given"
    place = ["--ledger", str(tmp_path / "l.db"), "--json"]
    for given, means in (([], result.winner), (["--coefficients", "2,1,1"], other)):
        assert run(["predict", "best", "digits", *given, *place]) == 0
        assert str(means) in capsys.readouterr().out
    assert run(["predict", "best", "digits", "--coefficients", "1,1,2", *place]) == 3
    said = " ".join(capsys.readouterr().err.split())
    have = ", ".join(sorted({str(result.winner), "(2, 1, 1)"}))
    assert f"has no family of (1, 1, 2); it has those of {have}" in said


def commands_of(answer: str) -> list[list[str]]:
    return [shlex.split(one)[1:] for one in answer.split("`") if one.startswith("scaling-search")]


def test_commands_act_on_the_very_family_that_was_trained(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After `scale --train full`, and after `--factors realised`, they exported and predicted the proxy's."""
    triple = planned().candidates[2]
    changes = {"proxy.resolution": 8, "proxy.width": 0.5, "proxy.depth": 1, "rounding.divisor": 1}
    whole = override(study(racing=False), {**changes, "scale.phi": "1", "scale.seeds": 1})
    whole = whole.model_copy(update={"baseline": TINY})
    winner = search_of(ledger, whole, lambda trial: 0.5 + 0.1 * (trial.triple == triple.triple)).winner
    reached = {("proxy", "nominal"): 0.6, ("full", "nominal"): 0.7, ("proxy", "realised"): 0.8}
    reached["full", "realised"] = 0.9
    # The first is by default found last.
    order = list(reversed(reached))
    results, report_of_the_first = {}, ""
    for kind, factors in order:
        with pretended(lambda trial, to=reached[kind, factors]: to, kind=Keeping):
            scaled = override(whole, {"scale.train": kind, "scale.factors": factors})
            results[kind, factors] = scale(scaled, ledger=ledger)
        report_of_the_first = report_of_the_first or study_report.read(ledger, None).document().answer[2]
    place = ["--ledger", str(tmp_path / "l.db")]
    for kind, factors in order:
        built = {"nominal": "", "realised": ", as built"}[factors]
        label = f"{winner} φ=1 of {KINDS[kind]}{built}, seed 0"
        assert results[kind, factors]["phi=1"].label == label
        for command in commands_of(results[kind, factors].answer):
            if command[0] == "predict":
                assert run([*command, "--json"]) == 0
                assert json.loads(capsys.readouterr().out)["members"] == [label]
            else:
                command[command.index("--out") + 1] = str(tmp_path / kind / factors)
                assert run(command) == 0
                capsys.readouterr()
                config = json.loads((tmp_path / kind / factors / "config.json").read_text())
                provenance = config["provenance"]
                assert (provenance["family"], provenance["factors"]) == (kind, factors)
        given = ["--family", kind, "--factors", factors]
        assert run(["predict", "best", "digits", *given, *place, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["members"] == [label]
    assert run(["predict", "phi=1", "digits", *place, "--json"]) == 0
    assert "of the proxy, seed 0" in capsys.readouterr().out, "whatever was scaled last"
    for command in commands_of(report_of_the_first):
        assert command[command.index("--family") + 1] == "full", "then no other had weights"
        assert command[command.index("--factors") + 1] == "realised"
    assert run(["predict", "phi=1", "digits", "--family", "ful", *place]) == 2
    assert "did you mean 'full'? Legal: proxy, full" in " ".join(capsys.readouterr().err.split())
    assert run(["predict", "winner", "digits", "--family", "full", *place]) == 2
    assert "--family is for members of a family: winner is of a search" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_family_that_is_not_there_is_refused_naming_those_that_are(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    scaled(ledger)
    place = ["--ledger", ledger.place]
    for given in (["--family", "proxy"], ["--factors", "realised"]):
        assert run(["predict", "phi=0", "digits", *given, *place]) == 3
        said = " ".join(capsys.readouterr().err.split())
        assert f"has no family of {' '.join(given)}; it has --family full --factors nominal" in said


def test_the_report_offers_weights_that_are_there(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ledger travels without its weights: then `export` was printed, and ended with an error."""
    best = planned().candidates[2]
    result = search_of(
        ledger, study(racing=False), lambda t: 0.9 if fingerprint(t.network) == best.group else 0.5
    )
    with pretended(lambda trial: 0.6, kind=Keeping):
        scale(override(study(), {"scale.phi": "0,1", "scale.seeds": 1}), result.winner, ledger=ledger)
    place, folder = ["--ledger", str(tmp_path / "l.db")], tmp_path / "l.db.checkpoints"

    def next_of(*given: str) -> str:
        assert run(["report", *place, *given, "--format", "json"]) == 0
        return str(json.loads(capsys.readouterr().out)["answer"][2])

    def do(line: str) -> list[int]:
        out = ["--out", str(tmp_path / str(len(list(tmp_path.iterdir()))))]
        commands = [shlex.split(one) for one in line.split("`") if one.startswith("scaling-search")]
        codes = [run([*one[1:], *(out if "export" in one else [])]) for one in commands]
        capsys.readouterr()
        return codes

    assert do(next_of()) == [0, 0]
    away = folder.rename(tmp_path / "else where")
    says = "The family is trained; its weights are not {} (`--checkpoints` says where they are)."
    assert next_of() == says.format("beside this ledger")
    assert next_of("--checkpoints", str(tmp_path)) == says.format(f"in {tmp_path}")
    assert do(next_of("--checkpoints", str(away))) == [0, 0]
    with open_ledger(tmp_path / "l.db") as opened:
        assert f"--checkpoints {shlex.quote(str(away))}" in opened.report(checkpoints=away).answer
        assert says.format("beside this ledger") in opened.report().answer


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(ledger: Ledger, tmp_path: Path) -> None:
    """It was noticed at the first checkpoint, and by short trials never."""
    (tmp_path / "file").write_text("")
    listener = Listener()
    with pytest.raises(StorageError, match="cannot write"):
        scale(
            settings("none"),
            (1.0, 1.0, 1.4),
            ledger=ledger,
            checkpoints=tmp_path / "file",
            callbacks=(listener,),
        )
    assert not listener.begun


def test_members_without_weights_are_trained_again_only_when_asked(ledger: Ledger, tmp_path: Path) -> None:
    assert "Next: `scaling-search report" in scaled(ledger, "none").answer, "there is nothing to export"
    listener = Listener()
    assert scaled(ledger, callbacks=(listener,)).trained == 0 and not files(tmp_path)
    assert any(
        "its weights are not kept or not intact: --keep-weights best" in said for said in listener.said
    )
    before = ledger.trials()
    assert scaled(ledger, keep_weights="best").trained == 1
    assert seeds_kept(ledger) == [1] and ledger.trials() == before, "a finished row never changes"


@pytest.mark.parametrize("fit", [None, "crop", "squash"])
def test_images_are_fitted_as_their_set_was(
    ledger: Ledger, tmp_path: Path, fit: Fit | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(paths.VARIABLE, str(tmp_path / "data"))
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 16), np.uint8)
    for index, image in enumerate(pixels):
        folder = tmp_path / "images" / str(index % 2)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.png")
    catalog.prepare("own", source=tmp_path / "images", size=8, fit=fit)
    network = TINY.model_copy(update={"classes": 2})
    found = override(settings(None), {"dataset.name": "own", "recipe.batch_size": 8}).model_copy(
        update={"baseline": network}
    )
    with pretended(lambda trial: 0.5, kind=Keeping):
        result = scale(found, (1.0, 1.0, 1.4), ledger=ledger)
    assert result.study is not None
    member = of_study(ledger, result.study, 0, checkpoints=tmp_path / "l.db.checkpoints")
    assert (member.form.fit, member.form.size) == (fit, (8, 8))
    first = find(str(tmp_path / "images" / "0" / "0.png"), member.classes)
    (image,) = decode(first, member.form, member.classes).images
    stored = catalog.load("own")
    every = np.concatenate(
        [split.images for split in (stored.train, stored.validation, catalog.load_test("own"))]
    )
    assert any(np.array_equal(image, one) for one in every)


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_files_that_are_not_intact_are_found_and_made_again(
    ledger: Ledger, tmp_path: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scaled(ledger)
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    check = ["ledger", "check", "--ledger", str(tmp_path / "l.db")]
    assert run(check) == 0 and "Warning" not in capsys.readouterr().out
    file.write_bytes(whole[:-1] + b"x") if harm == "damaged" else file.unlink()
    assert run(check) == (5 if harm == "damaged" else 0)
    said = " ".join(capsys.readouterr().out.split())
    assert ("is damaged: it is not what was written" if harm == "damaged" else "Warning: weights of") in said
    assert ("scale --keep-weights best" if harm == "damaged" else "--checkpoints names another") in said
    assert scaled(ledger).trained == 0
    assert scaled(ledger, keep_weights="best").trained == 1
    assert [one.read_bytes() for one in files(tmp_path)] == [whole]


def test_what_is_missing_is_said_with_the_command_that_makes_it(ledger: Ledger, tmp_path: Path) -> None:
    result = scaled(ledger, "best")
    assert result.study is not None
    row, folder = result.study, tmp_path / "l.db.checkpoints"
    with pytest.raises(InputError, match=r"phi=0 of study 's' has no seed 7: it was trained with 0, 1"):
        of_study(ledger, row, 0, checkpoints=folder, seed=7)
    again = rf"`scaling-search scale --phi 0 --keep-weights all --study s --ledger {ledger.place}`"
    with pytest.raises(InputError, match=rf"no weights are kept of seed 0 of phi=0 of study 's': {again}"):
        of_study(ledger, row, 0, checkpoints=folder, seed=0)
    with pytest.raises(InputError, match="has no member phi=3; it has phi=0"):
        of_study(ledger, row, 3, checkpoints=folder)
    assert best_phi(ledger, row) == 0
    weights.forget(ledger, folder, ledger.rows(WEIGHTS))
    assert not files(tmp_path)
    with pytest.raises(
        InputError, match=r"no member with weights: `scaling-search scale --keep-weights best"
    ):
        best_phi(ledger, row)


def test_seeds_are_an_ensemble_and_one_members_evaluation_is_recorded(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = scaled(ledger, "all")
    assert result.study is not None
    members = [
        of_study(ledger, result.study, 0, checkpoints=tmp_path / "l.db.checkpoints", seed=seed)
        for seed in (0, 1)
    ]
    alone, both = [predict([one], "digits") for one in members], predict(members, "digits")
    mean = np.mean([one.probabilities for one in alone], axis=0)
    np.testing.assert_allclose(both.probabilities, mean, atol=1e-12)
    assert not np.allclose(alone[0].probabilities, alone[1].probabilities)
    found = alone[1].evaluation
    assert found is not None and found.top5 is not None
    assert found.confusion.sum() == len(found.correct) == 359
    np.testing.assert_allclose(found.accuracy.value, np.trace(found.confusion) / 359)
    before = len(ledger.rows(EVALUATIONS))
    assert record(ledger, both) is None, "an ensemble is no trial"
    split = record(ledger, alone[1])
    (row,) = [one for one in ledger.rows(EVALUATIONS) if one.split == split]
    assert len(ledger.rows(EVALUATIONS)) == before + 1 and row.top5 == found.top5
    named = ["predict", "phi=0", "digits", "--ledger", str(tmp_path / "l.db")]
    assert run([*named, "--seed", "0", "--seed", "1"]) == 0
    assert "2 members together" in " ".join(capsys.readouterr().out.split())
    assert run(["predict", "phi=0", "best", *named[2:]]) == 0
    assert "together" not in capsys.readouterr().out, "one and the same is no ensemble"


def test_a_member_has_its_own_weights_and_no_ledger_is_made(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "none.db"
    assert run(["predict", "phi=0", "digits", "--ledger", str(place)]) == 3
    assert (
        run(["export", "best", "--format", "torch", "--out", str(tmp_path / "o"), "--ledger", str(place)])
        == 3
    )
    assert not place.exists() and not (tmp_path / "o").exists()
    capsys.readouterr()
    scaled(ledger)
    assert run(["predict", "phi=0", "digits", "--ledger", ledger.place, "--weights", "w.bin"]) == 2
    assert "--weights are for a network or an exported folder: phi=0 has its own" in capsys.readouterr().err


def test_a_ledger_of_somebody_elses_is_read_and_not_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scaled(ledger)
    before = len(ledger.rows(EVALUATIONS))
    monkeypatch.setattr(location.os, "access", lambda _, mode: mode != location.os.W_OK)
    assert run(["predict", "phi=0", "digits", "--ledger", ledger.place]) == 0
    captured = capsys.readouterr()
    assert "warning: what comes out is not recorded: " in captured.err and "right" in captured.out
    assert len(ledger.rows(EVALUATIONS)) == before


def searched(ledger: Ledger, keep: str, **more: Any) -> GridResult:
    """Seed 1 is the better one of two; the middle candidate leads."""

    def learns(trial: Trial) -> float:
        return (
            0.4 + 0.2 * trial.seed + (0.1 if trial.triple is not None and trial.triple.gamma > 1.2 else 0.0)
        )

    whole = override(study(seeds=2), {"grid.racing": False}).model_copy(
        update={"baseline": TINY, "proxy": None}
    )
    with pretended(learns, kind=Keeping):
        return grid(whole, ledger=ledger, keep_weights=keep, **more)


def test_a_grid_keeps_weights_only_when_asked_and_its_winner_is_a_member(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=r"unknown value of keep_weights 'some'\. Legal: none, best, all"):
        searched(ledger, "some")
    result = searched(ledger, "none")
    assert not files(tmp_path) and result.winner is not None
    folder = tmp_path / "l.db.checkpoints"
    with pytest.raises(
        InputError, match=r"no weights are kept of \(.*\), which study 's' names: .*--keep-weights"
    ):
        of_grid(ledger, result.study, checkpoints=folder)
    listener = Listener()
    again = searched(ledger, "all", callbacks=(listener,))
    assert again.trained == 0, "what is finished is not trained again"
    finished = len(ledger.trials())
    said = f"{finished} trials finished without keeping weights, and a search trains nothing again"
    assert any(line.startswith(said) for line in listener.said)


@pytest.mark.parametrize(("keep", "copies"), [("best", 1), ("all", 2)])
def test_the_winner_of_a_search_is_predicted_with(
    ledger: Ledger, tmp_path: Path, keep: str, copies: int, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = Listener()
    result = searched(ledger, keep, callbacks=(listener,))
    networks = {row.network for row in ledger.trials()}
    assert len(ledger.rows(WEIGHTS)) == copies * len(networks)
    assert len([line for line in listener.noted if line.startswith("Weights are kept in")]) == 1
    member = of_grid(ledger, result.study, checkpoints=tmp_path / "l.db.checkpoints")
    assert member.label == f"{result.winner} φ=1, seed 1"
    assert member.trial is not None and member.trial.accuracy is not None
    place = ["--ledger", ledger.place]
    assert run(["export", "winner", "--format", "torch", "--out", str(tmp_path / "o"), *place]) == 0
    assert run(["predict", "winner", str(tmp_path / "o"), "digits", *place]) == 0
    assert "2 members together" in " ".join(capsys.readouterr().out.split())
    if keep == "best":
        assert run(["predict", "winner", "digits", "--seed", "0", *place]) == 3
        said = capsys.readouterr().err
        assert "no weights are kept of seed 0 of" in said and "(of seed 1 they are)" in said
        assert "`grid --keep-weights all`" in said
