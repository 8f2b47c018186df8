"""Whatever stands in a study, a network or an option: an answer or a message that names the field; no traceback, no
hang.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import signal
import tempfile
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scaling_search.architecture import toml
from scaling_search.baselines.load import load
from scaling_search.cli.main import run
from scaling_search.search.plan import study as studies

FEW = settings(max_examples=40, deadline=None)
CPU_SECONDS = 30  # what nobody waits for; a usual example takes 0.02

STUDY = studies.parse(
    'name = "s"\nbaseline = "lenet-5"\n[dataset]\nname = "digits"\n[proxy]\nresolution = 16\n'
    '[recipe]\nname = "fast"\nbatch_size = 32\nmomentum = 0.9\nclip_norm = 1.0\nflip = true\n'
    '[grid]\nalpha = "1:2:0.5"\nbeta = "1:1.4:0.2"\ngamma = "1:1.5:0.25"\ntolerance = 0.5\n'
).model_dump(exclude_none=True)
NETWORKS = [tomllib.loads(toml.write(load(name))) for name in ("efficientnet-b0", "densenet-121", "xception")]
STRANGE = [
    *(math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 1e-9, -0.0, 0, -1, 2**31, 2**63, 10**30, 10**6),
    *(True, "", "x", "nan", "1/0", "1e999999999", "1:2:1e-999999999", "1:100:0.01", "1:1e308:1e-308"),
    *("-20..20", "0..1e308", "20", "-20", "nan:nan:nan", "\x1b[31m", "</script>", "../..", "=1+1", "[/nope]"),
    *([], {}, [1, [2]], {"a": {"b": 1}}, [{}]),
]
strange = st.one_of(
    st.sampled_from(STRANGE),
    st.floats(),
    st.integers(),
    st.text(max_size=9),
    st.lists(st.integers(), max_size=2),
)
number = st.one_of(
    st.sampled_from(
        ["1.2", "1", "100", "20", "-20", "nan", "inf", "1e308", "-1e308", "1e999999999", "", "x"]
    ),
    st.floats(min_value=1, max_value=3).map(str),
    st.floats().map(str),
)


def paths(table: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a table, tables and items of lists included."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*above, key))


def inline(value: Any) -> str:
    """A value as TOML, whatever it is."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inline(str(key))} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def changed(table: dict[str, Any], way: tuple[Any, ...], value: Any) -> str:
    """The table with one value in place of another, as TOML."""
    copy: Any = deepcopy(table)
    place = copy
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    return "".join(f"{key} = {inline(item)}\n" for key, item in copy.items())


class TooLong(BaseException):
    """More CPU time than anybody waits for."""


def ask(arguments: list[str], legal: tuple[int, ...] = (0, 2, 3)) -> tuple[int, str]:
    """Exit code and stderr of a command. Its errors are whole: one code, no control characters, nothing on stdout."""

    def give_up(*_: object) -> None:
        raise TooLong

    out, errors = io.StringIO(), io.StringIO()
    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = run(arguments)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    said = errors.getvalue()
    assert code in legal, said
    assert not any(ord(character) < 32 for character in said.replace("\n", ""))
    if code:
        assert "Error: " in said and not out.getvalue(), said
    return code, said


def ask_about(text: str, *arguments: str) -> tuple[int, str]:
    """The same of a file with this text; {} stands for it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.toml"
        file.write_text(text, encoding="utf-8")
        return ask([argument.replace("{}", str(file)) for argument in arguments])


def names(said: str, way: tuple[Any, ...], value: Any) -> bool:
    """Whether a message names the field, the value it had, or what only these numbers decide: sizes of networks."""
    fields = [str(key) for key in way if isinstance(key, str)]
    sizes = ["resolution", "depth", "width", "grid is empty", "no candidate", "triples", "batch"]
    return any(word in said for word in (fields[-1].removesuffix("s"), repr(value), *sizes))


@FEW
@given(way=st.sampled_from(list(paths(STUDY))), value=strange)
@example(way=("grid", "gamma"), value="1:2:1e-999999999")
@example(way=("grid", "phi"), value="20")
@example(way=("baseline",), value="\x1b[31m")
def test_a_study(way: tuple[Any, ...], value: Any) -> None:
    code, said = ask_about(changed(STUDY, way, value), "plan", "--study", "{}")
    assert code == 0 or names(said, way, value), said


@FEW
@given(network=st.sampled_from(NETWORKS), value=strange, data=st.data())
def test_a_network(network: dict[str, Any], value: Any, data: st.DataObject) -> None:
    way = data.draw(st.sampled_from(list(paths(network))))
    code, said = ask_about(changed(network, way, value), "cost", "{}")
    assert code == 0 or names(said, way, value) or any(str(part) in said for part in way), said


@pytest.mark.parametrize(
    ("way", "value"),
    [(("stages", 1, "block"), []), (("stages", 1, "depth"), 10**6), (("stages", 1, "width"), 10**6)],
    ids=["block", "depth", "width"],
)
def test_a_network_beyond_reason(way: tuple[Any, ...], value: Any) -> None:
    code, said = ask_about(changed(NETWORKS[0], way, value), "cost", "{}")
    assert code == 0 or names(said, way, value), said


@FEW
@given(coefficients=st.tuples(number, number, number), phi=number)
@example(coefficients=("2", "2", "2"), phi="20")
@example(coefficients=("1e308", "1", "1"), phi="1")
def test_coefficients_and_phi(coefficients: tuple[str, str, str], phi: str) -> None:
    legal = ("alpha", "beta", "gamma", "phi", "coefficients", "depth", "width", "resolution", "map")
    given_ones = [f"--{name}={value}" for name, value in zip(legal[:3], coefficients, strict=True)]
    code, said = ask(["cost", "lenet-5", *given_ones, f"--phi={phi}"])
    assert code == 0 or any(word in said for word in legal), said
    with tempfile.TemporaryDirectory() as folder:
        triple = ",".join(coefficients)
        emit = ["scale", "--emit-only", "--baseline", "lenet-5", "--out", folder]
        code, said = ask([*emit, f"--coefficients={triple}", f"--phi={phi}"])
    assert code == 0 or any(word in said for word in legal), said


@FEW
@given(
    text=st.one_of(
        st.lists(number, min_size=1, max_size=4).map(":".join), st.text(alphabet="0123456789.e-+/: ,n")
    ),
    option=st.sampled_from(["--alpha", "--beta", "--gamma", "--phi"]),
)
def test_ranges(text: str, option: str) -> None:
    code, said = ask(["plan", "--baseline", "lenet-5", f"{option}={text}"])
    assert code == 0 or names(said, (option.strip("-"),), text), said


@FEW
@given(content=st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.toml"
        file.write_bytes(content)
        for arguments in (["plan", "--study", str(file)], ["cost", str(file)]):
            code, said = ask(arguments)
            assert code == 3 and "file.toml" in said


def test_the_packaged_study_is_among_what_is_changed() -> None:
    packaged = tomllib.loads((resources.files("scaling_search.search.plan") / "digits.toml").read_text())
    assert set(packaged) <= set(STUDY)
