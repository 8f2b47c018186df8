"""Where documents go: streams, files, terminals; what they load and how long they take."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from scaling_search.errors import StorageError, UsageError
from scaling_search.report.published import published
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


def test_a_report_needs_a_search_or_a_family() -> None:
    assert render(study_document(families=[sample.family()]), "text").startswith("Study digits")
    with pytest.raises(ValueError, match="a grid or a family"):
        study_document()


def test_the_published_rows_are_the_papers() -> None:
    rows = published()["rows"]
    assert [row["published_top1_percent"] for row in rows] == [77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3]
    assert [row["published_flops_billions"] for row in rows] == [0.39, 0.7, 1.0, 1.8, 4.2, 9.9, 19, 37]
    assert [
        tuple(row[key] for key in ("width_coefficient", "depth_coefficient", "published_resolution"))
        for row in rows
    ] == [
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
