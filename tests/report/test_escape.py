"""Hostile names reach no output as anything but text."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import unicodedata
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scaling_search.report import escape
from scaling_search.report.render import FORMATS, render
from scaling_search.report.rows import Candidate, FamilyReport, GridReport, GridRow, MemberRow
from scaling_search.report.study import study_document
from scaling_search.report.table import Document, Estimate

NASTY = [
    "<script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "=1+1",
    "@SUM(A1)",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "a;=1+1",
    " \t=HYPERLINK()",
    "＝1+1",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "two\r\nlines\u2028three\x85four",
    "\u202egnp.exe",
    "\u200bzero\ufeff",
    "[/nope] [bold]x[/]",
    "a|b\\|c",
    "`code` **bold** ![i](http://evil)",
    r"\input{/etc/passwd} $x$ %&#_{}~^",
    r"\\[1cm]",
    "../../etc/passwd",
    "\ud800",
    "漢字" * 30,
    "nul\x00",
    "x" * 300,
    "",
    " ",
]
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
names = st.one_of(
    st.lists(st.sampled_from(NASTY), min_size=1, max_size=3).map("".join),
    st.text(st.characters(codec=None, exclude_categories=()), max_size=30),
)


def hostile(test: Callable[[str], None]) -> Callable[[str], None]:
    """Each nasty name, then invented ones."""
    found = settings(max_examples=25, deadline=None)(given(names)(test))
    for name in NASTY:
        found = example(name)(found)
    return found


def document(name: str) -> Document:
    """A report in which every text that can come from outside is ``name``."""
    candidate = Candidate(
        name=name,
        fingerprint=name,
        phi=1.0,
        alpha=1.2,
        beta=1.1,
        gamma=1.15,
        depth=name,
        width=name,
        resolution=32,
        nominal_resolution=31.0,
        parameters=1000,
        macs=2_000_000,
        macs_ratio=2.0,
    )
    accuracy = Estimate(mean=0.9, sd=0.01, seeds=3)
    base = dataclasses.replace(candidate, phi=0.0, macs=1_000_000, macs_ratio=1.0)
    grid = GridReport(
        study=name,
        baseline=name,
        dataset=name,
        base=GridRow(candidate=base, accuracy=accuracy, verdict="base"),
        rows=(
            GridRow(candidate=candidate, accuracy=accuracy, verdict="winner", reason=name, status="adjusted"),
        ),
        notes=(name,),
    )
    family = FamilyReport(
        study=name,
        baseline=name,
        dataset=name,
        triple=(1.2, 1.1, 1.15),
        kind="proxy",
        base=name,
        rows=(MemberRow(candidate=candidate, accuracy=accuracy, status="trained", reason=name),),
        notes=(name,),
    )
    return study_document(grid=grid, families=[family], facts={"device": name}, notes=[name])


def stray(text: str) -> set[str]:
    """Characters that a terminal or an editor would act on."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@hostile
def test_no_format_has_a_control_character(name: str) -> None:
    whole = document(name)
    for form in FORMATS:
        out = render(whole, form)
        assert not stray(out)
        out.encode()
    # The only sequences on a colour terminal are our styles.
    colored = render(whole, "text", color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(whole, "text")


class Tags(HTMLParser):
    """The tags and attributes of a page, in order, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(key for key, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@cache
def benign(form: str) -> str:
    return render(document("name"), form)


@hostile
def test_html_has_the_same_elements_whatever_the_name(name: str) -> None:
    page = Tags(render(document(name), "html"))
    assert page.tags == Tags(benign("html")).tags
    assert escape.clean(name) in page.words or not escape.clean(name).strip()
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "img", "object"}
    assert not [
        key for _, keys in page.tags for key in keys if key.startswith("on") or key in ("href", "src")
    ]


@hostile
def test_csv_reads_back_and_starts_no_formula(name: str) -> None:
    text = render(document(name), "csv")
    lines = list(csv.reader(io.StringIO(text), strict=True))
    assert [len(line) for line in lines] == [len(line) for line in csv.reader(io.StringIO(benign("csv")))]
    for line in lines:
        for cell in line:
            if cell.lstrip().startswith(FORMULA):
                float(cell)
    for line in csv.reader(io.StringIO(text), delimiter=";"):
        assert not any(cell.lstrip().startswith(FORMULA) for cell in line), (
            "semicolons separate in some locales"
        )


@hostile
def test_json_gives_the_name_back(name: str) -> None:
    text = render(document(name), "json")
    assert text.isascii() and not set(text) & set("<>&\x7f")
    whole = json.loads(text)
    assert whole["study"] == name
    assert whole["grid"][0]["name"] == whole["scale"][0]["name"] == name


@hostile
def test_markdown_keeps_its_tables_and_holds_no_html(name: str) -> None:
    def shape(text: str) -> list[int]:
        return [
            len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in text.splitlines() if line.startswith("|")
        ]

    out = render(document(name), "markdown")
    assert shape(out) == shape(benign("markdown"))
    assert "<" not in re.sub(r"</?(?:details|summary)>", "", out)
    assert not re.search(r"(?<!\\)(?:\\\\)*(?:!?\[|`)", out)


@hostile
def test_latex_has_the_same_commands_and_balanced_braces(name: str) -> None:
    def commands(text: str) -> set[str]:
        return set(re.findall(r"\\(?:[a-zA-Z]+|.)", text))

    out = render(document(name), "latex")
    ours = {r"\%", r"\&", r"\#", r"\_", r"\$", r"\{", r"\}", r"\\"} | commands(
        "".join(escape._LATEX.values())
    )
    assert commands(out) <= commands(benign("latex")) | ours | {r"\raggedright", r"\arraybackslash"}
    bare = re.sub(r"\\[\\{}%&#_$]|\$\^(?:2|\\varphi)\$", "", out)
    assert bare.count("{") == bare.count("}")
    body = "\n".join(line for line in bare.splitlines() if not line.startswith("%"))
    assert not re.search(r"[~^]|(?<!\{)%", body)


@hostile
def test_text_stays_within_its_width(name: str) -> None:
    from rich.cells import cell_len

    assert max(cell_len(line) for line in render(document(name), "text", width=80).splitlines()) <= 80


@hostile
def test_rich_shows_a_name_as_it_is(name: str) -> None:
    from rich.text import Text

    shown = Text.from_markup(escape.for_rich(name), emoji=False)
    assert not shown.spans
    # rich drops a backslash before a bracket that opens no tag.
    assert shown.plain.replace("\\", "") == escape.clean(name).replace("\\", "")


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1b]unterminated", "unterminated"),
        ("a\tb\r\nc", "a b  c"),
        ("\u202eabc\u200b", "abc"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("naïve 漢字 φ", "naïve 漢字 φ"),
    ],
)
def test_clean(given_text: str, shown: str) -> None:
    assert escape.clean(given_text) == shown


def test_html_text_can_stand_in_an_attribute() -> None:
    assert escape.for_html("\"'<&>") == "&quot;&#x27;&lt;&amp;&gt;"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("-1e-5", "-1e-5"),
        ("-1-1", "'-1-1"),
        ("+", "'+"),
        (" =1", "' =1"),
        ("1-2-2-3", "1-2-2-3"),
        ("a;-1", "a;'-1"),
        ('say "a"', 'say "a"'),
    ],
)
def test_csv_cell(cell: str, written: str) -> None:
    assert escape.for_csv(cell) == written
