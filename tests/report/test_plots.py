"""Figures for papers: what they show, the files they become, and what they refuse."""

from __future__ import annotations

import io
import sys
import xml.dom.minidom
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from scaling_search.errors import DeviceError, InputError, UsageError
from scaling_search.report.page.data import Family, ReportData
from scaling_search.report.plots.figure import FIGURES, KINDS, figure, save_figure
from tests.page import sample


@pytest.fixture(scope="module")
def decided() -> ReportData:
    return sample.decided()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_file_with_its_fonts_inside(name: str, decided: ReportData, tmp_path: Path) -> None:
    for kind in KINDS:
        save_figure(decided, name, tmp_path / f"x.{kind}")
    svg = xml.dom.minidom.parse(str(tmp_path / "x.svg"))  # noqa: S318 - our own output
    assert not svg.getElementsByTagName("text"), "letters are paths: no font is needed"
    assert b"/FontFile2" in (tmp_path / "x.pdf").read_bytes()
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.width == round(4.6 * 300)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_data_give_the_same_file(kind: str, decided: ReportData, tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_figure(decided, "race", tmp_path / f"{name}.{kind}")
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_accuracy_and_cost_are_the_datas(decided: ReportData) -> None:
    for cost in ("macs", "memory"):
        (axes,) = figure(decided, "accuracy-cost", cost=cost).axes
        drawn = {
            (float(x), float(y))
            for line in axes.lines
            if line.get_marker() not in ("None", None)
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)  # type: ignore[arg-type]
        }
        wanted = {
            (float(one.network.costs[cost] or 0.0), one.results.validation.mean)
            for one in decided.all_candidates
            if one.results.validation is not None
        }
        assert drawn == wanted
    assert axes.get_xlabel() == "Training memory"


def test_a_races_marks_are_its_tests(decided: ReportData) -> None:
    (axes,) = figure(decided, "race").axes
    marks = {
        collection.get_label(): collection.get_offsets()
        for collection in axes.collections
        if collection.get_label() in ("eliminated", "goes on")
    }
    tests = [test for one in decided.race for test in one.tests if test.threshold]
    assert len(marks["eliminated"]) == sum(not test.inside for test in tests)  # type: ignore[arg-type]
    assert len(marks["goes on"]) == sum(test.inside for test in tests)  # type: ignore[arg-type]
    assert all(y > 1 for _, y in marks["eliminated"])  # type: ignore[union-attr]
    assert [label.get_text() for label in axes.get_xticklabels()][:2] == ["1\n24 in", "2\n24 in"]


def test_intervals_behind_the_best_are_the_datas(decided: ReportData) -> None:
    (axes,) = figure(decided, "behind-the-best").axes
    spans = {
        tuple(float(x) for x in line.get_xdata())  # type: ignore[union-attr]
        for line in axes.lines
        if len(line.get_xdata()) == 2 and line.get_marker() == "None"  # type: ignore[arg-type]
    }
    for one in decided.candidates:
        assert one.behind is not None and (max(0.0, one.behind.low), one.behind.high) in spans
    assert "95 % intervals" in axes.get_xlabel()


def test_the_map_has_every_candidate_and_the_optimum_only_where_it_is_known(decided: ReportData) -> None:
    def crosses(data: ReportData) -> int:
        axes = figure(data, "doubling").axes[0]
        points = sum(len(one.get_offsets()) for one in axes.collections if one.get_offsets().shape[0] > 0)  # type: ignore[union-attr,arg-type]
        assert points >= len(data.candidates)
        return sum(line.get_marker() == "+" for line in axes.lines)

    assert crosses(decided) == 1
    assert crosses(sample.undecided()) == 0


def test_a_family_has_its_predictions_and_what_came(decided: ReportData) -> None:
    (axes,) = figure(decided, "family").axes
    predicted = [member for one in decided.families for member in one.members if member.predicted]
    assert len(axes.patches) == len(predicted)
    lines = {str(line.get_label()): line for line in axes.lines}
    for one in decided.families:
        got = [member.results.test.mean for member in one.members if member.results.test is not None]
        assert list(lines[f"{one.name}, test"].get_ydata()) == got  # type: ignore[arg-type]


def test_a_tick_of_phi_has_the_cost_only_where_all_families_cost_about_that(decided: ReportData) -> None:
    def ticks(*shown: Family) -> list[str]:
        (axes,) = figure(replace(decided, families=shown), "family").axes
        return [label.get_text() for label in axes.get_xticklabels()]

    one = decided.families[0]
    dearer = replace(
        one,
        name="another",
        members=tuple(
            replace(
                member,
                network=replace(
                    member.network,
                    costs={key: cost and cost * 10**member.phi for key, cost in member.network.costs.items()},
                ),
            )
            for member in one.members
        ),
    )
    assert all("\n" in tick for tick in ticks(one))
    assert ["\n" in tick for tick in ticks(one, dearer)] == [phi == 0 for phi in _phis(one)]


def _phis(family: Family) -> list[float]:
    return sorted({member.phi for member in family.members})


def test_bars_of_a_family_are_the_intervals_of_its_tables(decided: ReportData) -> None:
    """Bars of one standard deviation once stood beside a note that spoke of intervals."""
    (axes,) = figure(decided, "family").axes
    bars = {
        tuple(float(y) for y in line.get_ydata())  # type: ignore[union-attr]
        for line in axes.lines
        if len(line.get_ydata()) == 2 and len(set(line.get_xdata())) == 1  # type: ignore[arg-type]
    }
    results = [member.results for one in decided.families for member in one.members]
    shown = [bounds for one in results for bounds in (one.validation_interval, one.test_interval) if bounds]
    assert any(one.test_interval for one in results)
    assert bars == {(bounds.low, bounds.high) for bounds in shown}


def test_the_document_names_every_figure() -> None:
    page = Path(__file__).parents[2].joinpath("docs/reading-a-report.md").read_text("utf-8")
    assert {name for name in FIGURES if f"`{name}`" in page} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_hostile_names_are_letters(name: str, tmp_path: Path) -> None:
    data = sample.hostile()
    nameless = replace(data, candidates=tuple(replace(one, triple=None) for one in data.candidates))
    foreign = replace(data.candidates[0].network, name="漢字 $x_{1$ \\frac")
    nameless = replace(
        nameless, candidates=(replace(nameless.candidates[0], network=foreign), *nameless.candidates[1:])
    )
    save_figure(nameless, name, tmp_path / "x.svg")
    assert b"<script" not in (tmp_path / "x.svg").read_bytes()


def test_a_thousand_candidates_can_be_drawn() -> None:
    data = sample.thousand()
    for name in FIGURES:
        (axes, *_) = figure(data, name).axes
        assert axes.has_data()


@pytest.mark.parametrize(
    ("draw", "error", "why"),
    [
        (lambda data, _: figure(data, "acuracy-cost"), UsageError, "did you mean 'accuracy-cost'"),
        (lambda data, _: figure(data, "accuracy-cost", cost="mac"), UsageError, "did you mean 'macs'"),
        (lambda data, _: figure(data, "race", cost="macs"), UsageError, "race has none"),
        (
            lambda data, folder: save_figure(data, "race", folder / "x.gif"),
            UsageError,
            r"\.svg, \.pdf, \.png",
        ),
        (
            lambda data, folder: save_figure(data, "race", folder / "x"),
            UsageError,
            "cannot be written as 'x'",
        ),
        *(
            (lambda _, __, name=name: figure(sample.alone(), name), InputError, "nothing to draw")
            for name in ("doubling", "behind-the-best", "race", "family")
        ),
    ],
)
def test_what_cannot_be_drawn_is_said(
    draw: Callable[[ReportData, Path], object],
    error: type[Exception],
    why: str,
    decided: ReportData,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=why):
        draw(decided, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DeviceError, match=r"pip install 'scaling-search\[plots\]'"):
        figure(sample.alone(), "accuracy-cost")


def test_no_window_system_is_touched(decided: ReportData) -> None:
    figure(decided, "race").savefig(io.BytesIO(), format="png")
    assert "matplotlib.pyplot" not in sys.modules


def test_a_surface_that_was_not_fitted_is_not_drawn(decided: ReportData) -> None:
    assert decided.surface is not None
    unfitted = replace(decided.surface, values=(None,) * len(decided.surface.values), region=(), optimum=None)
    shown = [
        len(figure(replace(decided, surface=one), "doubling").axes[0].collections) for one in (unfitted, None)
    ]
    assert shown[0] == shown[1]
