"""Where documents go: streams, files, terminals; what they load and how long they take."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import xml.dom.minidom
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scaling_search.report.accuracy_plot import accuracy_plot
from scaling_search.report.plot import Panel, Plot, Point, Series, linear_ticks, log_ticks

from scaling_search.errors import StorageError, UsageError
from scaling_search.report.formats import svg
from scaling_search.report.published import efficientnets
from scaling_search.report.render import Terminal, render, show, terminal, write
from scaling_search.report.study import study_document
from scaling_search.system.files import save
from tests.report import sample

SPEED = Path(__file__).with_name("speed.py")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'markdown'"):
        render(sample.document(), "markdwon")


@pytest.mark.parametrize(
    ("variables", "color"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], color: bool
) -> None:
    for name in ("NO_COLOR", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal(Screen()).color is color
    assert terminal(io.StringIO()).color is False
    screen = Screen()
    show(sample.document(), stream=screen)
    assert ("\x1b[1m" in screen.getvalue()) is color


def test_columns_sets_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "123")
    assert terminal(io.StringIO()) == Terminal(width=123)
    monkeypatch.setenv("COLUMNS", "3")
    assert terminal(io.StringIO()).width == 40


def test_a_stream_without_greek_gets_words() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    write("α ± φ – 漢\n", stream=stream)
    assert raw.getvalue() == b"alpha +/- phi - ?\n"


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.md"
    save("α\n", path)
    assert path.read_text("utf-8") == "α\n"
    save("β\n", path)
    assert path.read_text("utf-8") == "β\n"
    assert [file.name for file in path.parent.iterdir()] == ["report.md"]
    with pytest.raises(StorageError, match="cannot write"):
        save("x", path.parent)
    with pytest.raises(StorageError, match="cannot write"):
        save("x", path / "below-a-file")
    assert [file.name for file in path.parent.iterdir()] == ["report.md"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device \(5 bytes needed\)"):
        save("12345", tmp_path / "report.txt")
    assert list(tmp_path.iterdir()) == []


def test_the_picture_is_well_formed_and_marks_what_is_published() -> None:
    (plot,) = sample.document().plots
    drawn = xml.dom.minidom.parseString(svg.draw(plot))  # noqa: S318 (our own output)
    groups = [node.getAttribute("class") for node in drawn.getElementsByTagName("g")]
    assert {"grid", "family", "test", "published"} <= set(groups)
    titles = [node.firstChild.data for node in drawn.getElementsByTagName("title")]  # type: ignore[union-attr]
    assert sum("published" in title for title in titles) == 8
    assert not drawn.getElementsByTagName("script")
    # "sharp" diverged: it has no point.
    assert not any("sharp" in title for title in titles)
    assert any(title.endswith("97.10 % [95.80, 98.00] at 4.301 M MACs") for title in titles)


@example(6e6, 4.9)  # 9 M beside 10 M
@given(st.floats(1e3, 1e12), st.floats(1.01, 1e4))
def test_labels_of_an_axis_do_not_touch(low: float, factor: float) -> None:
    points = tuple(Point(x=x, y=0.5, label="") for x in (low, low * factor))
    panel = Panel(title="", series=(Series(name="", look="grid", points=points),))
    drawn = svg.draw(Plot(title="", x_title="", y_title="", panels=(panel,)))
    below = str(svg.HEIGHT - svg.BOTTOM + 18)
    found = re.findall(rf'<text x="([\d.]+)" y="{below}\.0" text-anchor="middle">([^<]+)<', drawn)
    assert found
    for (one, text), (other, next_text) in pairwise(found):
        # Letters of this size are about 7 units wide.
        assert float(other) - float(one) >= 3.5 * (len(text) + len(next_text)) + 4


def test_nothing_measured_has_no_picture() -> None:
    assert accuracy_plot(None, None) is None
    empty = sample.grid()
    assert (
        accuracy_plot(empty.__class__(study="s", baseline="b", dataset="d", rows=()), None, efficientnets())
        is None
    )


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 1.0), (0.9, 97.3), (1e-9, 2e-9), (3e5, 3e12), (9.99e6, 1.0e7)]
)
def test_ticks_cover_what_they_must(low: float, high: float) -> None:
    for ticks in (linear_ticks(low, high), log_ticks(low, high)):
        assert ticks[0] <= low * (1 + 1e-9) and ticks[-1] >= high * (1 - 1e-9)
        assert 2 <= len(ticks) <= 16 and list(ticks) == sorted(set(ticks))


def test_a_report_without_a_search_still_has_both_tables() -> None:
    text = render(study_document(family=sample.family()), "text")
    assert "No search is in the ledger yet." in text
    with pytest.raises(ValueError, match="a grid or a family"):
        study_document()


def test_the_published_rows_are_the_papers() -> None:
    rows = efficientnets()
    assert [row.top1_percent for row in rows] == [77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3]
    assert [row.flops_billions for row in rows] == [0.39, 0.7, 1.0, 1.8, 4.2, 9.9, 19, 37]
    assert [(row.width, row.depth, row.resolution) for row in rows] == [
        (1.0, 1.0, 224),
        (1.0, 1.1, 240),
        (1.1, 1.2, 260),
        (1.2, 1.4, 300),
        (1.4, 1.8, 380),
        (1.6, 2.2, 456),
        (1.8, 2.6, 528),
        (2.0, 3.1, 600),
    ]


def test_ten_thousand_trials_in_two_seconds_and_without_jax() -> None:
    done = subprocess.run([sys.executable, str(SPEED)], capture_output=True, text=True, check=True)
    seconds, loaded = done.stdout.split("\n")[:2]
    assert float(seconds) < 2, "the report of 10,000 trials takes too long"
    assert loaded == "", f"the report loads {loaded}"
