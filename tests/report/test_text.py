"""Tables on a terminal: numbers are whole at any width."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_search.report import columns
from scaling_search.report.render import render
from scaling_search.report.table import Column, Row, Table
from tests.report import sample


def table(rows: int = 3, **more: object) -> Table:
    layout = (
        columns.name("name", "Network", identifies=True),
        columns.integer("parameters", "Parameters"),
        columns.name("depth", "Depth"),
        columns.duration("time", "Training time"),
        columns.size("memory", "Memory for a training step"),
    )
    cells = [
        {
            "name": f"network-{i}",
            "parameters": 123_456_789 * 10**i,
            "depth": "-".join(["77"] * (5 * i + 1)),
            "time": 10.0**i,
            "memory": None,
        }
        for i in range(rows)
    ]
    fields: dict[str, object] = {
        "name": "networks",
        "title": "Networks",
        "columns": layout,
        "rows": tuple(Row(cells=c) for c in cells),
    }
    return Table(**(fields | more))  # type: ignore[arg-type]


@given(st.integers(30, 200))
@settings(max_examples=40, deadline=None)
def test_no_number_is_cut_at_any_width(width: int) -> None:
    out = render(table(), "text", width=width)
    assert max(len(line) for line in out.splitlines()) <= width
    for whole in ("123,456,789", "1,234,567,890", "12,345,678,900", "1.0 s", "10.0 s", "1 min 40 s"):
        assert re.search(rf"(?<![\d,]){whole}(?![\d,])", out)
    # A folded list, joined again, is the list.
    assert len(re.findall(r"\b77\b", out)) == 1 + 6 + 11


@given(st.integers(60, 240))
@settings(max_examples=25, deadline=None)
def test_the_report_fits(width: int) -> None:
    out = render(sample.document(), "text", width=width)
    assert max(len(line) for line in out.splitlines()) <= width
    for whole in ("97.10 ± 0.22 (3)", "0.3 [0.0, 0.7]", "96.80 [96.00, 97.60]", "281.235"):
        assert whole in out


def test_every_block_says_which_row_it_is() -> None:
    out = render(table(), "text", width=40)
    assert out.count("network-0") == out.count("network-2") > 1


def test_numbers_stand_right_and_names_left() -> None:
    lines = render(table(), "text", width=120).splitlines()
    rule = next(line for line in lines if line.startswith("─"))
    end = rule.index("  ", rule.index("  ") + 2)
    assert all(line[end - 1] == "9" or line[end - 1] == "0" for line in lines[lines.index(rule) + 1 :])
    assert all(line.startswith("network-") for line in lines[lines.index(rule) + 1 :])


def test_rows_beyond_the_most_are_counted_not_shown() -> None:
    out = render(table(rows=20, most=5), "text", width=300)
    assert "network-4" in out and "network-5" not in out
    assert "… and 15 more rows; csv and json have all" in out
    assert "network-19" in render(table(rows=20, most=5), "csv")


def test_an_empty_table_says_so() -> None:
    assert "(no rows)" in render(table(rows=0), "text")


def test_a_table_checks_its_cells() -> None:
    with pytest.raises(ValueError, match="cells"):
        Table(name="x", title="", columns=(Column(key="a"),), rows=(Row(cells={"b": 1}),))
    with pytest.raises(ValueError, match="same key"):
        Table(name="x", title="", columns=(Column(key="a"), Column(key="a")), rows=())
