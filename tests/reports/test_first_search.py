"""What a first use met with its search: a tiny network is searched, stopped, taken up again, and scaled."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from scaling_search.cli.main import run
from scaling_search.cli.progress import ProgressBar
from scaling_search.ledger.ledger import Ledger
from scaling_search.report.render import render
from scaling_search.search.forecast import timing_cache
from scaling_search.search.grid.answer import Command, answer
from scaling_search.search.grid.report import details
from scaling_search.search.tables.study_report import StudyReport, read
from scaling_search.training import cache
from tests.report import sample
from tests.search.pretend import pretended

NETWORK = """
name = "tiny"
resolution = 8
channels = 1
classes = 10
activation = "relu"
stem = { width = 8, stride = 1 }
stages = [{ block = "plain", width = 8 }]
head = {}
"""
STUDY = """
name = "first"
baseline = "tiny.toml"
dataset = "digits"
[rounding]
divisor = 1
[recipe]
epochs = 1
[grid]
alpha = [1, 2]
beta = 1
gamma = [1, 1.3]
tolerance = 0.4
macs_tolerance = 0.1
seeds = 2
racing = false
[scale]
phi = "0..1"
seeds = 1
"""
ONE = (
    STUDY.replace("[1, 2]", "2")
    .replace("[1, 1.3]", "1")
    .replace('"first"', '"one"')
    .replace("seeds = 2", "seeds = 1")
    .replace('"0..1"', '"0"')
)

Said = dict[str, tuple[str, str]]


def told(line: str, code: int = 0) -> tuple[str, str]:
    """What a command prints and what it says."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        found = run(line.split())
    assert found == code, err.getvalue()
    return out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a network and its studies, where everything is kept."""
    before, place = Path.cwd(), tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        patch.setenv("SCALING_SEARCH_LEDGER", "first.db")
        for module in (timing_cache, cache):
            patch.setattr(module, "cache_folder", lambda *parts: place.joinpath("cache", *parts))
        programs = jax.config.jax_compilation_cache_dir
        os.chdir(place)
        Path("tiny.toml").write_text(NETWORK)
        for name, text in (("first", STUDY), ("one", ONE)):
            Path(f"{name}.toml").write_text(text)
        yield place
    os.chdir(before)
    jax.config.update("jax_compilation_cache_dir", programs)
    compilation_cache.reset_cache()


@pytest.fixture(scope="module")
def said(folder: Path) -> Said:
    """What every command said, in the order of a first use; the search was stopped after three trials."""
    with pretended(lambda trial: 0.5 + 0.1 * (trial.network.resolution > 8) + 0.01 * (trial.seed % 5)):
        return first_use()


def first_use() -> Said:
    found: Said = {"plan": told("plan --study first.toml")}
    ended, end = 0, ProgressBar.end

    def stop_at_three(self: ProgressBar, *row: Any) -> None:
        nonlocal ended
        end(self, *row)
        ended += 1
        if ended == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProgressBar, "end", stop_at_three)
        found["stopped"] = told("grid --study first.toml", 130)
    found["unfinished"] = told("report")
    found["grid"] = told("grid --study first.toml")
    found["again"] = told("grid --study first.toml")
    found["scale"] = told("scale --out networks")
    for form in ("text --details", "json", "csv"):
        found[form] = told(f"report --format {form}")
    for line in ("plan --study one.toml", "grid --study one.toml", "scale --out one", "report --details"):
        found[f"one {line}"] = told(f"{line} --ledger one.db")
    for line in ("list", "status", "show one"):
        found[f"one {line}"] = told(f"ledger {line} --ledger one.db")
    found["alone"] = told("grid --study one.toml --seeds 2 --ledger one.db")
    return found


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the search, for what a test runs."""
    monkeypatch.chdir(folder)


def read_report(ledger: str) -> StudyReport:
    with Ledger.open(ledger, read_only=True) as opened:
        return read(opened.snapshot(), None)


def test_a_remark_is_that_of_its_own_triple(said: Said) -> None:
    """A row of 16 px at 16 px once said that the resolution had moved from 18 to 16."""
    found = json.loads(said["json"][0])
    rows = [row for row in found["grid"] if row["status"] == "adjusted"]
    assert rows and len(rows) == len(found["adjusted"])
    planned = re.findall(r"(\d+) of them with an adjusted size", " ".join(said["plan"][0].split()))
    assert [int(one) for one in planned] == [len(rows)]
    for row in rows:
        numbers = re.findall(r"resolution adjusted from (\S+) to (\S+) px", row["reason"])
        assert all(
            (round(row["nominal_resolution"]), row["resolution"]) == (round(float(a)), int(b))
            for a, b in numbers
        )


def test_nobody_wins_before_the_first_round_is_over(said: Said) -> None:
    for name in ("unfinished", "stopped"):
        assert "wins" not in said[name][0] and "leads" not in said[name][0]
    assert said["unfinished"][0].startswith("Nothing is named before the first round is complete.")
    assert "Not finished: " in said["unfinished"][0]


def test_a_lone_candidate_gets_its_seeds_and_no_comparison(said: Said) -> None:
    out = " ".join(said["alone"][0].split())
    assert "the only candidate, builds depth × 2" in out and "Nothing was compared with it." in out
    assert "wins" not in out and re.search(r"the only one +\S+ ± \S+ \(2\)", out)


def test_one_ratio_is_called_one_thing(said: Said) -> None:
    """`macs_ratio` is to the base wherever it stands, and what is to the target is called that."""
    found = json.loads(said["json"][0])
    plan = json.loads(told("plan --study first.toml --json")[0])
    csv = said["csv"][0].splitlines()
    for row in found["grid"]:
        assert row["macs_ratio"] == row["macs"] / found["base"]["macs"]
        assert row["macs_to_target"] == row["macs_ratio"] / 2
        assert f"{row['macs_to_target']:.3f}" in said["text --details"][0]
        assert any(f",{row['macs_to_target']},{row['macs']},{row['macs_ratio']}," in line for line in csv)
        assert any(one["macs_ratio"] == row["macs_ratio"] for one in plan["candidates"])
    assert "MACs ratio" not in said["text --details"][0] and "÷" in said["text --details"][0]


def test_a_search_says_how_long_it_takes_at_its_start_and_when_it_goes_on(said: Said) -> None:
    first, _, rest = said["stopped"][1].partition("\n")
    assert first.startswith("measuring: compiling tiny (1, 1, 1) ")
    assert re.match(r"(.*\n)?Time, by a short measurement .* 6 trials are still to train, about ", rest)
    assert re.match(
        r"Time, by trials in the ledger .* 3 trials are still to train, about .*\nMemory: .*\n4 of 6, ",
        said["grid"][1],
    )
    assert "to train" not in said["again"][1] and " of 6" not in said["again"][1]
    assert re.search(r"^2 trials are to train, about ", said["scale"][1], re.MULTILINE)
    assert said["grid"][1].count(" left\n") - said["grid"][1].count("candidates left\n") == 2, "of 3 trials"


def test_commands_that_read_take_the_newest_study_and_say_which(said: Said) -> None:
    assert "Study first: tiny on digits" in said["unfinished"][0]
    assert said["scale"][1].startswith("study first, the newest in first.db (--study names another)\n")


def test_the_json_of_a_report_names_the_winner(said: Said) -> None:
    found = json.loads(said["json"][0])
    best = max(found["grid"], key=lambda row: row["accuracy_mean"])
    assert found["winner"] == {key: best[key] for key in ("alpha", "beta", "gamma", "realised")}
    assert found["decided"] is False, "two seeds decide nothing"
    assert (found["study"], found["dataset"]) == ("first", "digits")


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(
    "line",
    [
        "report --output missing/x.csv",
        "report --format html --output missing/x.html",
        "report --figure family --output missing/x.svg",
        "ledger export first --output missing/x.db",
        "ledger repair missing/x.db",
        "grid --study first.toml --ledger missing/x.db",
        "predict phi=0 digits --output missing/x.csv",
        "cost lenet-5 --from-onnx x.onnx --out missing/x.toml",
        "recipe --study first.toml --write missing/x.toml",
    ],
)
def test_no_file_makes_its_folder(line: str) -> None:
    _, err = told(line, 3)
    assert err.count("Error: ") == 1 and not Path("missing").exists()


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(
    ("ending", "starts"),
    [(".csv", "table,"), (".json", "{"), (".md", "# study"), (".tex", "%"), (".html", "<!"), (".txt", "(")],
)
def test_a_reports_file_is_what_its_ending_says(ending: str, starts: str) -> None:
    told(f"report --output x{ending}")
    assert Path(f"x{ending}").read_text().lower().startswith(starts)
    told(f"report --format csv --output y{ending}")
    assert Path(f"y{ending}").read_text().startswith("table,"), "what is named counts"


def test_what_fell_to_the_tolerance_is_counted_and_named(said: Said) -> None:
    out = " ".join(said["plan"][0].split())
    assert "2 of the grid's 4 triples have α·β²·γ² within 0.4 of 2; 2 candidates to train" in out


NOUNS = "trials|seeds|networks|candidates|points|triples|epochs|steps|images|members|studies|rows|classes|cores|others"


def test_one_of_a_thing_is_no_plural(said: Said) -> None:
    for name, texts in said.items():
        if name.startswith("one "):
            for text in texts:
                found = re.findall(rf"(?<![\d.,])\b1 (?:{NOUNS})\b[^\n]*", " ".join(text.split()))
                assert not found, (name, found)
    assert "1 network x 1 seed" in said["one plan --study one.toml"][0]
    assert "1 of 1 member of tiny is trained" in " ".join(said["one scale --out one"][0].split())


def test_a_span_of_one_value_is_that_value(said: Said) -> None:
    assert not re.findall(r"(\S+ [KMG]iB) to \1", " ".join(text for pair in said.values() for text in pair))


def test_published_figures_are_shown_beside_the_same_family_alone(said: Said) -> None:
    assert "EfficientNet-B0" not in said["text --details"][0] + said["csv"][0] + said["json"][0]
    assert sample.STUDY.baseline.startswith("efficientnet-b0")
    assert "EfficientNet-B0" in render(sample.document(), "json")


def test_names_of_files_need_no_quoting_in_a_shell(said: Said, folder: Path) -> None:
    assert said
    names = [path.name for path in (folder / "networks").rglob("*.toml")]
    assert names and all(re.fullmatch(r"[\w.-]+", name) for name in names)


def test_a_part_of_a_network_is_told_in_words_that_are_known(folder: Path) -> None:
    out = " ".join(told("cost tiny.toml --layers")[0].split())
    assert "Recept." in out and "A bias counts one MAC for each output" in out
    head = json.loads(told("cost tiny.toml --layers --json")[0])["layers"][-1]
    assert head["macs"] == 8 * 10 + 10, "by the convention: inputs x classes, and one for each bias"


def test_a_corrected_accuracy_is_never_above_the_mean(said: Said, folder: Path) -> None:
    assert said and folder
    report = read_report("first.db")
    assert report.found is not None and report.found.corrected is not None
    mean = report.found.corrected.apparent
    for optimism in (0.03, -0.03):
        held = replace(report.found.corrected, value=mean - optimism, optimism=optimism)
        found = replace(report.found, corrected=held)
        (first, *_) = answer(found, report.trials, Command(study="first"), "")
        shown = re.findall(r"([\d.]+) % validation accuracy", first)
        assert [float(one) for one in shown] == [round(100 * (mean - max(optimism, 0)), 1)]
        assert any("shows no optimism" in note for note in details(found)) == (optimism < 0)
