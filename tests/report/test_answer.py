"""The answer comes first in every format, and what is folded away is there where it is asked for."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.report.render import render, show
from scaling_search.report.table import Details, Document
from tests.report import answered


def test_the_terminals_first_lines_are_the_answer() -> None:
    lines = render(answered.document(), "text", width=100).splitlines()
    first, second, third = answered.document().answer
    assert lines[:4] == [first, second, third, ""]


@pytest.mark.parametrize("form", ["markdown", "html", "json", "latex"])
def test_the_answer_is_before_every_table(form: str) -> None:
    text = render(answered.document(), form)
    table = '"grid"' if form == "json" else "Verdict"
    assert 0 < text.index("Scale by (1.2, 1.1, 1.15)") < text.index(table)


def test_a_command_in_the_answer_is_code() -> None:
    assert "Next: `scaling-search scale digits.toml --phi 0..3`" in render(answered.document(), "markdown")
    html = render(answered.document(), "html")
    assert "<code><span>scaling-search</span> <span>scale</span> <span>digits.toml</span>" in html
    assert r"\texttt{scaling-search scale digits.toml --phi 0..3}" in render(answered.document(), "latex")


def test_only_a_command_stands_on_a_line_of_its_own() -> None:
    says = "The family is trained; its weights are not beside this ledger (`--checkpoints` says where they are). "
    lines = render(
        replace(answered.document(), answer=(f"{says}`scaling-search report`",)), "text"
    ).splitlines()
    assert lines[:3] == [
        "The family is trained; its weights are not beside this ledger (`--checkpoints`",
        "says where they are).",
        "  scaling-search report",
    ]


@pytest.mark.parametrize(("form", "folds"), [("text", False), ("markdown", True), ("html", True)])
def test_details_are_folded_unless_asked_for(form: str, folds: bool) -> None:
    closed, opened = (render(answered.document(), form, details=asked) for asked in (False, True))
    for words in ("2-3-4", "Rounds of the race", "sample standard deviation over seeds"):
        assert (words in closed) == folds and words in opened
    assert ("<details>" in closed, "<details open>" in opened) == (folds, folds)
    assert ("More with --details: 3 columns, 1 table, 1 note." in closed) == (not folds)
    assert "--details" not in opened


def test_machines_have_everything() -> None:
    whole = json.loads(render(answered.document(), "json"))
    assert whole["answer"] == list(answered.document().answer)
    assert whole["grid"][0]["parameters"] == 150_112 and len(whole["rounds"]) == 2
    assert whole["notes"][-1].startswith("±")
    rows = list(csv.DictReader(io.StringIO(render(answered.document(), "csv"))))
    assert [row["table"] for row in rows] == ["grid"] * 3 + ["rounds"] * 2
    assert rows[2]["accuracy_mean"] == "" and rows[0]["parameters"] == "150112"


def test_show_passes_the_wish_on() -> None:
    stream = io.StringIO()
    show(answered.document(), details=True, stream=stream)
    assert "Rounds of the race" in stream.getvalue()
    # All rows too, where a terminal else shows the first.
    assert stream.getvalue().count("waiting") == 1 and "more rows" not in stream.getvalue()


def test_nothing_is_said_to_be_folded_where_nothing_is() -> None:
    plain = replace(answered.document(), details=Details(), tables=())
    assert "--details" not in render(plain, "text") and "<details" not in render(plain, "markdown")


@pytest.mark.parametrize("answer", [("a", "b", "c", "d"), ("a", " ")])
def test_an_answer_is_short(answer: Sequence[str]) -> None:
    with pytest.raises(ValueError, match="at most 3 lines"):
        Document(title="", tables=(), answer=tuple(answer))


def rule_ends(lines: Sequence[str], rule: str) -> tuple[int, list[int]]:
    """Where the rule under the titles is, and at which places its parts end."""
    at = next(i for i, line in enumerate(lines) if set(line) <= {rule, " "} and line)
    line = lines[at]
    return at, [i + 1 for i in range(len(line)) if line[i] == rule and line[i + 1 : i + 2] != rule]


# Without Greek or without lines; the last two have one of both.
OTHERS = ["ascii", "latin-1", "cp1252", "koi8-r", "cp1251", "shift_jis", "cp437", "iso8859-7"]


@given(st.sampled_from([*OTHERS, "utf-8"]), st.integers(40, 160))
def test_columns_line_up_in_any_encoding(encoding: str, width: int) -> None:
    raw = io.BytesIO()
    text = render(answered.document(), "text", width=width, encoding=encoding)
    raw.write(text.encode(encoding))
    lines = raw.getvalue().decode(encoding).splitlines()

    def shown(letter: str, spelled: str) -> str:
        return letter if letter.encode(encoding, "ignore") else spelled

    at, ends = rule_ends(lines, shown("─", "-"))
    names = [shown(*one) for one in (("α", "alpha"), ("β", "beta"), ("γ", "gamma"))]
    head = lines[at - 1]
    assert [head.index(name) + len(name) for name in names] == ends[:3]
    command = "  scaling-search scale digits.toml --phi 0..3"
    assert all(len(line) <= width for line in lines if line != command), "but a command is never cut in two"
    for row in lines[at + 1 : at + 3]:
        assert all(len(row) <= end or row[end : end + 2].strip() == "" for end in ends[:3])
