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
from tests.reports.test_first_use import NETWORK, STUDY

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


NUL = "\\u0000"  # as TOML writes it
ZEROS = {
    "a baseline's path": ('"tiny.toml"', f'"ti{NUL}ny.toml"'),
    "a baseline's name": ('"tiny.toml"', f'"lenet-5{NUL}"'),
    "a baseline's folder": ('"tiny.toml"', f'"a{NUL}/tiny.toml"'),
    "a baseline, nothing else": ('"tiny.toml"', f'"{NUL}"'),
    "a data set": ('"digits"', f'"digits{NUL}"'),
    "the study's name": ('name = "s"', f'name = "s{NUL}"'),
    "a recipe": ("[dataset]", f'[recipe]\nname = "fast{NUL}"\n[dataset]'),
    "a key": ("[dataset]", f'[grid]\n"al{NUL}pha" = 1\n[dataset]'),
    "a range": ("[dataset]", f'[grid]\nalpha = "1{NUL}:2:1"\n[dataset]'),
    "a metric": ("[dataset]", f'[grid]\nmetric = "accuracy{NUL}"\n[dataset]'),
    "a duration": ("[dataset]", f'[scale]\nmember_time_limit = "30m{NUL}"\n[dataset]'),
}


@pytest.mark.parametrize(("old", "new"), ZEROS.values(), ids=ZEROS)
def test_a_zero_byte_anywhere_in_a_study(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert old in STUDY
    Path("tiny.toml").write_text(NETWORK)
    Path("s.toml").write_text(STUDY.replace(old, new))
    assert run(["grid", "--study", "s.toml", "--ledger", "l.db"]) == 3
    said = capsys.readouterr().err
    assert said.count("Error: ") == 1 and "\0" not in said and len(said) < 600


@pytest.mark.parametrize("old", ['"tiny"', '"relu"', '"basic"', "dropout"])
def test_a_zero_byte_in_a_network(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A label may hold it, and is shown without; all else is refused."""
    new = f'"{old.strip(chr(34))}{NUL}"'
    Path("tiny.toml").write_text(NETWORK.replace(old, new))
    assert run(["cost", "tiny.toml"]) == (0 if old == '"tiny"' else 3)
    captured = capsys.readouterr()
    assert "\0" not in captured.out + captured.err


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


@pytest.mark.parametrize(
    "arguments",
    [
        "cost {}",
        "plan --study {}",
        "plan --baseline {}",
        "predict {} digits",
        "export {} --format torch --out out",
        "data prepare mine --from {}",
        "cost --from-onnx {}",
        "export lenet-5 --weights {} --format torch --out out",
        "report --maps {} --format html",
        "grid --epochs 1 --checkpoints {}/x",
    ],
)
def test_a_databases_url_where_a_path_belongs(
    arguments: str, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path has one slash where a URL has two, and the password after it was not seen (`make fuzz`)."""
    monkeypatch.chdir(tmp_path)
    url = "postgresql://u:s3cr3t@:x/y"
    assert run([one.format(url) for one in arguments.split()]) in (2, 3)
    said = capfd.readouterr()
    assert "Error: " in said.err and "s3cr3t" not in said.out + said.err


@settings(max_examples=30)
@given(st.text(max_size=200))
def test_any_text_is_toml_or_refused(text: str) -> None:
    try:
        parse_toml(text, "file")
    except InputError as error:
        assert str(error).startswith("file")
