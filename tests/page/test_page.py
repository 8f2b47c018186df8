"""The page as a file: its policy, its size, and that it asks for nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources

from scaling_search.report.page import html
from scaling_search.report.page.data import ActivationMap, MappedImage
from tests.page import sample

MOST = 6e6  # bytes of a page of 1,000 candidates


class Elements(HTMLParser):
    """Elements with their attributes and the text of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {}
        self.open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open = f"{tag} {dict(attrs).get('type', '')}".strip()

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, text: str) -> None:
        if self.open.startswith(("script", "style")):
            self.inside[self.open] = self.inside.get(self.open, "") + text


def policy(elements: Elements) -> str:
    (found,) = (dict(more)["content"] for tag, more in elements.found if more.get("http-equiv"))
    return str(found)


def test_only_the_script_and_style_of_the_policy_can_run() -> None:
    elements = Elements(html.render(sample.hostile()))
    assert [tag for tag, _ in elements.found if tag in ("script", "style")] == ["style", "script", "script"]
    allowed = policy(elements)
    assert allowed.startswith("default-src 'none';") and "unsafe" not in allowed
    for what, name in (("script module", "script-src"), ("style", "style-src")):
        digest = base64.b64encode(hashlib.sha256(elements.inside[what].encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in allowed


def test_nothing_is_asked_for() -> None:
    elements = Elements(html.render(sample.decided()))
    for tag, attributes in elements.found:
        assert tag not in ("link", "iframe", "img", "object", "base")
        for name in ("src", "href", "style", "onclick"):
            assert name not in attributes or str(attributes[name]).startswith("#"), (tag, name)
    code = elements.inside["script module"] + elements.inside["style"]
    assert re.findall(r"https?://[^\"'\s]+", code) == ["http://www.w3.org/2000/svg"]
    assert not re.search(
        r"innerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(|import\(|url\(", code
    )


def test_a_page_of_a_thousand_candidates_is_small() -> None:
    assert len(html.render(sample.thousand()).encode()) < MOST


def test_one_with_long_trainings_too() -> None:
    data = sample.thousand()
    long = replace(
        data.candidates[0].results.curves[0],
        epochs=tuple(range(1, 401)),
        train_loss=tuple(1 / 3 + e / 7e5 for e in range(400)),
        validation_accuracy=tuple(2 / 3 + e / 7e5 for e in range(400)),
    )
    grown = tuple(
        replace(one, results=replace(one.results, curves=(long, long, long))) for one in data.candidates
    )
    assert len(html.render(replace(data, candidates=grown)).encode()) < MOST


def test_every_script_of_the_package_is_in_the_page() -> None:
    folder = resources.files("scaling_search.report.page").joinpath("assets")
    there = {file.name for file in folder.iterdir() if file.name.endswith(".js")}
    there |= {f"views/{file.name}" for file in folder.joinpath("views").iterdir()}
    assert there == set(html.SCRIPTS)


def test_a_command_in_the_answer_can_be_told_from_words() -> None:
    data = replace(sample.alone(), answer=("Say `a < b`.", "An odd ` stays."))
    page = html.render(data)
    assert (
        "<p>Say <code><span>a</span> <span>&lt;</span> <span>b</span></code>.</p>" in page
        and "<p>An odd ` stays.</p>" in page
    )


def test_images_travel_inside_the_page() -> None:
    png = b"\x89PNG\r\n\x1a\n"
    shown = MappedImage(
        name="shirt-17",
        label="Shirt",
        png=png,
        maps=(ActivationMap(member="φ = 2", predicted="Coat", png=png),),
    )
    page = html.render(replace(sample.alone(), images=(shown,)))
    assert page.count(base64.b64encode(png).decode()) == 2
    assert "img-src data:" in policy(Elements(page))
