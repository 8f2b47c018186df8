"""Hostile content stays content; secrets stay secret."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_search.cli.main import run
from scaling_search.cli.work import command
from scaling_search.data.paths import check_name
from scaling_search.errors import InputError
from scaling_search.system.text import MOST_BYTES, parse_toml, read_text

HUGE = {
    "10 MB": "# " + "x" * 10_000_000,
    "nested 10,000 deep": "a = " + "[" * 10_000 + "]" * 10_000,
    "a key of 2,000 parts": ".".join("a" * 2_000) + " = 1",
    "5,000 digits": "epochs = " + "1" * 5000,
    "400 digits": "epochs = " + "1" * 400,
    "hexadecimal": "epochs = 0x" + "f" * 5000,
    "a zero byte": 'name = "s"\nbaseline = "a\\u0000.toml"\n[dataset]\nname = "digits"\n',
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize(
    "arguments", [["plan", "--study", "f.toml"], ["cost", "f.toml"]], ids=["study", "network"]
)
def test_files_beyond_reason(text: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("f.toml").write_text(text)
    assert run(arguments) == 3
    assert len(capsys.readouterr().err) < 1000


def test_no_more_is_read_than_a_study_takes() -> None:
    Path("f.toml").write_bytes(b" " * (MOST_BYTES + 1))
    with pytest.raises(InputError, match="no more than"):
        read_text("f.toml", "study")


@settings(max_examples=50)
@given(st.text(max_size=120))
def test_a_name_is_one_folder_or_refused(name: str) -> None:
    try:
        assert check_name(name) == name
    except InputError:
        return
    assert Path("above", name).resolve().parent == Path("above").resolve() and name.isprintable()


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "..", "", ".hidden", "x" * 101, "a\nb", "\x1b[31m", "con\0", "a..b"]
)
def test_names_that_would_leave_their_folder(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "prepare", name, "--from", "set"]) in (2, 3)
    said = capsys.readouterr()
    assert all(one.isprintable() or one == "\n" for one in said.out + said.err)
    assert not Path("data").exists()


@settings(max_examples=50)
@given(
    secret=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6),
    form=st.sampled_from(
        ["postgresql://me:{}@h/x", "postgresql://h/x?user=me&password={}", "x://h/?sslpassword={}"]
    ),
)
def test_the_command_to_repeat_has_no_password(secret: str, form: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["scaling-search", "grid", "--ledger", form.format(f"#{secret}")])
        said = command()
    assert f"#{secret}" not in said and shlex.split(said)[:3] == ["scaling-search", "grid", "--ledger"]


@settings(max_examples=30)
@given(st.text(max_size=200))
def test_any_text_is_toml_or_refused(text: str) -> None:
    try:
        parse_toml(text, "file")
    except InputError as error:
        assert str(error).startswith("file")
