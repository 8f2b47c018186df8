"""The page in a real browser: every view, picking, keyboard, downloads, silence, and text that does not touch."""

from __future__ import annotations

import csv
import io
import xml.dom.minidom
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.page import sample, trained
from tests.page.conftest import Files, Open, Opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHARTS = (
    "accuracy-cost",
    "doubling",
    "behind-the-best",
    "race",
    "curves",
    "splits",
    "family",
    "classes",
    "forecast",
)
# Where each view shows that the item with this index is picked.
SHOWN = {
    "accuracy-cost": '#plot-accuracy-cost .ring[data-i="{}"]',
    "doubling": '#plot-doubling .ring[data-i="{}"]',
    "behind-the-best": '#plot-behind-the-best .ring[data-i="{}"]',
    "race": '#plot-race .track[class*="pick"][data-i="{}"]',
    "curves": '#plot-curves .mean[data-i="{}"]',
    "splits": '#plot-splits .row-label[data-i="{}"]',
    "classes": '#plot-classes .shape[data-i="{}"]',
    "forecast": '#plot-forecast .ring[data-i="{}"]',
    "table": '#table tr.picked[data-i="{}"]',
}
# Rectangles of all text that is seen, line by line; what pops up or is folded away does not count.
TEXTS = """() => {
  const boxes = [];
  const outside = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const owner = node.parentElement;
    if (!node.data.trim() || !owner.checkVisibility() || owner.closest("option, .unseen, .skip, #card")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const { left, top, right, bottom } of range.getClientRects()) {
      if (right - left > 2) boxes.push([left + 1, top + 2, right - 1, bottom - 2, node.data.trim()]);
      if ((left < 0 || right > innerWidth) && !owner.closest(".scroll")) outside.push(node.data.trim());
    }
  }
  const touching = [];
  boxes.forEach(([a, b, c, d, one], i) => boxes.slice(i + 1).forEach(([e, f, g, h, other]) => {
    if (a < g && c > e && b < h && d > f) touching.push(`${one} | ${other}`);
  }));
  return { count: boxes.length, bad: touching.concat(outside), wide: document.documentElement.scrollWidth };
}"""


def picked(opened: Opened) -> list[int]:
    found: list[int] = opened.run(
        "[...document.querySelectorAll('#table tr.picked')].map((row) => Number(row.dataset.i))"
    )
    return sorted(found)  # another test may have sorted the rows


def saved(opened: Opened, selector: str, path: Path) -> str:
    opened.page.wait_for_timeout(150)  # Chromium gives a page ten downloads a second, and drops the next
    with opened.page.expect_download() as event:
        opened.page.locator(selector).click()
    event.value.save_as(path)
    assert event.value.suggested_filename == path.name
    return path.read_text("utf-8")


def test_every_view_is_there_and_nothing_is_said_or_loaded(decided: Opened) -> None:
    page = decided.page
    for name in (*CHARTS, "table"):
        assert page.locator(f"section#{name} h2").is_visible(), name
    for name in CHARTS:
        assert page.locator(f"#plot-{name} path.mark").count() > 0, name
    assert page.locator("section#images").count() == 0
    assert page.locator(".answer p").first.inner_text() == sample.decided().answer[0]
    for name in ("accuracy-cost", "forecast", "curves"):
        choice = page.locator(f"section#{name} .choice select")
        for value in reversed(choice.locator("option").evaluate_all("(all) => all.map((one) => one.value)")):
            choice.select_option(value)
            assert page.locator(f"#plot-{name} path.mark").count() > 0, (name, value)
    assert decided.said == []
    assert len(decided.asked) == 1 and decided.asked[0].startswith("file:")


@pytest.mark.parametrize(
    "view", ["accuracy-cost", "doubling", "behind-the-best", "race", "forecast", "table"]
)
def test_what_is_picked_in_one_view_is_picked_in_all(decided: Opened, view: str) -> None:
    assert picked(decided) == [1], "the winner is picked at first"
    index = 14
    mark = f'#table tr[data-i="{index}"]' if view == "table" else f'#plot-{view} path.mark[data-i="{index}"]'
    decided.page.locator(mark).last.click(force=True)
    assert picked(decided) == [1, index]
    for other, selector in SHOWN.items():
        assert decided.page.locator(selector.format(index)).count() >= 1, other
    decided.page.locator(".chip button").last.click()
    assert picked(decided) == [1]
    for other, selector in SHOWN.items():
        if other != "splits":
            assert decided.page.locator(selector.format(index)).count() == 0, other


def test_keyboard_alone_walks_reads_picks_and_clears(decided: Opened) -> None:
    page = decided.page
    decided.run("document.querySelector('.skip').focus()")
    for _ in range(30):
        page.keyboard.press("Tab")
        if decided.run("document.activeElement.id") == "plot-doubling":
            break
    assert decided.run("document.activeElement.id") == "plot-doubling"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    active = decided.run("document.activeElement.getAttribute('aria-activedescendant')")
    option = page.locator(f"#{active}")
    assert option.get_attribute("role") == "option" and option.get_attribute("aria-selected") == "false"
    assert "eliminated" in str(option.get_attribute("aria-label"))
    assert page.locator("#card").is_visible() and "Validation accuracy" in page.locator("#card").inner_text()
    page.keyboard.press("Enter")
    assert len(picked(decided)) == 2
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    assert decided.run("document.activeElement.id") == "plot-doubling", "drawing anew keeps the focus"
    page.keyboard.press("Escape")
    assert page.locator("#card").is_hidden() and len(picked(decided)) == 2
    page.keyboard.press("Escape")
    assert picked(decided) == []
    assert decided.said == []


def test_a_row_of_the_table_is_picked_by_its_button_and_keeps_the_focus(decided: Opened) -> None:
    button = decided.page.locator('#table tr[data-i="3"] button')
    button.focus()
    decided.page.keyboard.press("Enter")
    assert picked(decided) == [1, 3]
    assert button.get_attribute("aria-pressed") == "true"
    assert decided.run("document.activeElement.closest('tr').dataset.i") == "3"


def test_hovering_shows_all_figures_and_marks_the_candidate_everywhere(decided: Opened) -> None:
    decided.page.locator("#plot-accuracy-cost path.mark.winner").hover(force=True)
    winner = sample.decided().candidates[0]
    shown = decided.page.locator("#card").inner_text()
    assert winner.results.validation is not None
    mean = f"{100 * winner.results.validation.mean:.2f} ± "
    for words in (mean, "Training memory", "Resolution (px)", str(winner.network.depths), "winner"):
        assert words in shown
    for name in ("accuracy-cost", "doubling", "behind-the-best", "race", "forecast"):
        assert decided.page.locator(f"#plot-{name} .pointed").count() >= 1, name
    decided.page.mouse.move(5, 5)
    assert decided.page.locator("#card").is_hidden() and decided.page.locator(".pointed").count() == 0


def test_a_tap_shows_the_card_and_the_next_one_elsewhere_hides_it(browser: Browser, files: Files) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(files("alone").as_uri())
    page.locator("#plot-accuracy-cost path.mark").tap(force=True)
    assert "(1.2, 1.1, 1.15)" in page.locator("#card").inner_text()
    page.locator("h1").tap()
    assert page.locator("#card").is_hidden()
    context.close()


def test_at_most_five_are_picked_the_earliest_goes(decided: Opened) -> None:
    for index in (2, 3, 4, 5, 6):
        decided.page.locator("#picks select").select_option(str(index))
    assert picked(decided) == [2, 3, 4, 5, 6]
    assert decided.page.locator("#plot-curves .mean").count() == 5


def test_no_text_touches_another_and_none_is_off_the_screen(decided: Opened, open_page: Open) -> None:
    for index in (3, 5, 9):
        decided.page.locator("#picks select").select_option(str(index))
    for opened in (decided, open_page("hostile")):
        for width in (1440, 390):
            opened.page.set_viewport_size({"width": width, "height": 900})
            # Asked from here: the page's own policy forbids what `wait_for_function` would put into it.
            while opened.run("document.querySelector('#plot-race svg').clientWidth") >= width:
                opened.page.wait_for_timeout(20)
            found = opened.run(TEXTS)
            assert found["bad"] == [], width
            assert found["count"] > 150 and found["wide"] <= width
        assert opened.said == []


@pytest.mark.parametrize("width", [390, 1440])
def test_a_few_candidates_have_their_names_in_the_chart_and_of_many_the_best(
    open_page: Open, decided: Opened, width: int
) -> None:
    def names(opened: Opened) -> list[str]:
        """Of candidates, without the numbers of those that are picked."""
        every = opened.page.locator("#plot-accuracy-cost .label").all_text_contents()
        return [name for name in every if not name.isdigit()]

    assert sorted(names(decided)) == sorted(["base", trained.named(sample.decided().candidates[0].triple)])
    opened = open_page("at_chance", width=width)
    shown, legal = names(opened), [trained.named(one.triple) for one in sample.at_chance().candidates]
    assert len(set(shown) & set(legal)) >= 2, "all lie in one spot"
    assert set(shown) <= {*legal, "base", "guessing"}
    assert opened.run(TEXTS)["bad"] == []


def test_a_table_is_sorted_by_its_headings_with_missing_figures_last(decided: Opened) -> None:
    cells = "(all) => all.map((row) => row.children[3].textContent)"
    for direction in ("ascending", "descending"):
        decided.page.locator('#table [data-sort="behind"]').click()
        assert decided.page.locator("#table th[aria-sort]").get_attribute("aria-sort") == direction
        texts = decided.page.locator("#table tbody tr").evaluate_all(cells)
        numbers = [float(text.split()[0]) for text in texts if text != "–"]
        assert numbers == sorted(numbers, reverse=direction == "descending")
        assert texts[-1] == "–" and "–" not in texts[:-1]


def test_columns_are_hidden_and_shown_and_csv_has_what_is_shown(decided: Opened, tmp_path: Path) -> None:
    decided.page.locator("#table .chooser summary").click()
    decided.page.locator('#table [data-column="depths"]').uncheck()
    decided.page.locator('#table [data-column="shares"]').check()
    decided.page.keyboard.press("Escape")
    text = saved(decided, '#table [data-save="csv"]', tmp_path / "candidates.csv")
    rows = {row["alpha"] + row["beta"] + row["gamma"]: row for row in csv.DictReader(io.StringIO(text))}
    data = sample.decided()
    assert len(rows) == len(data.all_candidates)
    assert "depths" not in rows[""] and {"shares_depth", "behind_low", "validation_sd"} <= rows[""].keys()
    best = data.candidates[0]
    assert best.results.validation is not None and best.triple is not None
    shown = rows["".join(f"{value:g}" for value in best.triple)]
    assert float(shown["validation_mean"]) == pytest.approx(best.results.validation.mean, rel=1e-5)
    assert rows[""]["behind_value"] == "", "a missing figure is empty"


def test_every_chart_is_taken_along_as_csv_and_svg(decided: Opened, tmp_path: Path) -> None:
    for name in CHARTS:
        text = saved(decided, f'section#{name} [data-save="csv"]', tmp_path / f"{name}.csv")
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) > 1 and {len(row) for row in rows} == {len(rows[0])}
        text = saved(decided, f'section#{name} [data-save="svg"]', tmp_path / f"{name}.svg")
        drawn = xml.dom.minidom.parseString(text)  # noqa: S318 - our own output
        assert len(drawn.getElementsByTagName("path")) > 1
        assert not any(node.getAttribute("class") for node in drawn.getElementsByTagName("*"))
        assert "var(--" not in text
    assert decided.said == []


def test_the_figures_of_a_chart_are_there_as_a_table(decided: Opened) -> None:
    decided.page.locator("section#race details summary").click()
    decided.page.locator("section#race details th").first.wait_for()
    head = decided.page.locator("section#race details th").all_inner_texts()
    assert head[:4] == ["round", "seeds", "candidate", "inside"]
    decided.page.locator("section#race details summary").click()


def test_hostile_names_are_shown_and_do_nothing(open_page: Open, tmp_path: Path) -> None:
    opened = open_page("hostile")
    assert sample.HOSTILE[0] in opened.page.locator("h1").inner_text()
    opened.page.locator("#table .chooser summary").click()
    opened.page.locator('#table [data-column="name"]').check()
    shown = opened.page.locator("#table tbody").inner_text()
    for name in (*sample.HOSTILE[:4], "gnp.exe"):
        assert name in shown
    assert "\u202e" not in opened.page.content().replace("\\u202e", ""), (
        "marks that turn text around are gone"
    )
    opened.page.keyboard.press("Escape")
    text = saved(opened, '#table [data-save="csv"]', tmp_path / "candidates.csv")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert "'" + sample.HOSTILE[3] in cells, "a spreadsheet must not run a name"
    assert opened.run("window.hacked") is None
    assert opened.said == [] and len(opened.asked) == 1


def test_commands_of_the_answer_can_be_taken_along_and_no_other_code(open_page: Open) -> None:
    """The name of an option was torn out of its sentence by a button."""
    with_button = ".answer code:has(+ .copy)"
    found = open_page("undecided").page.locator(with_button).all_inner_texts()
    assert found and all(command.startswith("scaling-search ") for command in found)
    hostile = open_page("hostile").page
    assert hostile.locator(".answer code").count() == 3 and hostile.locator(with_button).count() == 0


def test_images_and_their_maps_are_shown(open_page: Open) -> None:
    opened = open_page("undecided")
    widths = opened.run("[...document.querySelectorAll('#images img')].map((image) => image.naturalWidth)")
    assert widths == [16] * 4
    assert opened.page.locator("#images img").first.get_attribute("alt") == "test-0017: Shirt"
    assert opened.said == []


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("undecided", CHARTS),
        ("at_chance", ("accuracy-cost", "doubling", "curves")),
        ("alone", ("accuracy-cost",)),
    ],
)
def test_what_is_not_known_is_left_out_and_said(open_page: Open, name: str, there: tuple[str, ...]) -> None:
    opened = open_page(name, width=390)
    assert tuple(chart for chart in CHARTS if opened.page.locator(f"section#{chart}").count()) == there
    assert opened.page.locator(".absent").count() == (there != CHARTS)
    found = opened.run(TEXTS)
    assert found["bad"] == [] and found["wide"] <= 390
    assert opened.said == []


def test_light_and_dark_can_both_be_read(open_page: Open) -> None:
    papers = set()
    for scheme in ("light", "dark"):
        opened = open_page("alone", scheme=scheme)
        paper, ink, soft = opened.run(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,"
            " getComputedStyle(document.querySelector('.says')).color]"
        )
        papers.add(paper)
        assert contrast(paper, ink) > 7 and contrast(paper, soft) > 4.5, scheme
        for pick in range(5):
            color = opened.run(f"getComputedStyle(document.documentElement).getPropertyValue('--pick{pick}')")
            assert contrast(paper, rgb(color)) > 4.5, (scheme, pick)
    assert len(papers) == 2


def test_a_thousand_candidates_are_drawn_and_can_be_picked(open_page: Open) -> None:
    opened = open_page("thousand")
    assert opened.page.locator("#plot-doubling path.mark").count() == 1001  # and the optimum
    assert opened.page.locator("#table tbody tr").count() == 50
    opened.page.locator("#picks select").select_option("999")
    assert picked(opened) == [1, 999], "a picked row is shown however far down it is"
    assert opened.said == []


def rgb(color: str) -> str:
    """#rrggbb as browsers write it."""
    digits = color.strip().removeprefix("#")
    return f"rgb({', '.join(str(int(digits[i : i + 2], 16)) for i in (0, 2, 4))})"


def contrast(one: str, other: str) -> float:
    """Contrast of two colours. Source: WCAG 2.2, relative luminance."""

    def luminance(color: str) -> float:
        parts = [int(part) / 255 for part in color[4:-1].split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
