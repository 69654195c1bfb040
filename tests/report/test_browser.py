"""The page in a real browser: sorting, languages of a cell, hovering, paper, a telephone, the dark."""

import base64
import re
from itertools import pairwise

import pytest

pytest.importorskip("selenium")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from xadapt.report import whole
from xadapt.report.page import document

from . import browser, fakes, grids

pytestmark = [
    pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "there is one"),
    pytest.mark.slow,
]
COLOURS = """
const page = getComputedStyle(document.body).backgroundColor, found = {};
for (const cell of document.querySelectorAll(".heat td, .key, .attention td, .note, dt")) {
  const style = getComputedStyle(cell), back = style.backgroundColor;
  found[cell.className || cell.tagName] = [style.color, back === "rgba(0, 0, 0, 0)" ? page : back];
}
return found;
"""
"""Class -> colours of text and ground."""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    found = [
        r for r in grids.results(tmp_path_factory.mktemp("cells")) if r.cell.language in grids.TONGUES[:8]
    ]
    about = {"encoder": "xlm-roberta-large"}
    (folder / "e.html").write_text(document("e", found, None, grids.behind(), about), encoding="utf-8")
    with browser.chromium(folder) as opened:
        opened.page = (folder / "e.html").as_uri()
        yield opened


@pytest.fixture
def page(driver):
    """Fresh, 1200 pixels wide, in the light."""
    browser.look(driver, 1200)
    driver.get(driver.page)
    return driver


def find(page, css: str):
    return page.find_element(By.CSS_SELECTOR, css)


def texts(page, css: str) -> list[str]:
    return [each.text for each in page.find_elements(By.CSS_SELECTOR, css)]


def values(page) -> list[float]:
    """The gains of the first target, from top to bottom."""
    shown = texts(page, "#gain-zero-shot tbody tr:not(.group) td:nth-child(2) a")
    return [float(each.replace("−", "-").removesuffix("†")) for each in shown]


def contrast(colours: list[str]) -> float:
    """Of text and ground, by WCAG 2.2."""
    dark, light = sorted(map(_luminance, colours))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_click_on_a_target_sorts_by_it_and_another_turns_it(page):
    before, head = values(page), find(page, "#gain-zero-shot th[data-task=xnli] button")
    head.click()
    assert values(page) == sorted(before, reverse=True) != before
    head.click()
    assert values(page) == sorted(before)
    assert find(page, "#gain-zero-shot th[data-task=xnli]").get_attribute("aria-sort") == "ascending"


def test_a_click_on_a_cell_shows_its_languages_with_their_command(page):
    cell = find(page, "#gain-zero-shot tr[data-row='9'] a[href='#in-xquad']")
    cell.click()
    assert find(page, "#drill h3").text == "stack(commonsense_qa) on xquad, by language"
    assert len(texts(page, "#drill tbody tr")) == 8
    assert all(re.fullmatch("xadapt explain [0-9a-f]{8}", each) for each in texts(page, "#drill td u"))
    Select(find(page, "#drill select")).select_by_visible_text("script")
    assert [each.split(":")[0] for each in texts(page, "#drill .group th")] == sorted(
        {each.text for each in page.find_elements(By.CSS_SELECTOR, "#drill tbody td:nth-child(3)")}
        & {"Arabic", "Bengali", "Cyrillic", "Greek", "Latin"}
    )
    find(page, "#drill button").click()
    assert not find(page, "#drill").is_displayed()


def test_the_pointer_on_a_cell_says_what_stands_behind_it(page):
    cell = find(page, "#gain-zero-shot tr[data-row='9'] td:nth-child(2)")
    ActionChains(page).move_to_element(cell).perform()
    said = find(page, "#hover").text
    assert said.startswith("stack(commonsense_qa) on xnli: +") and "95 %" in said and "after Holm" in said


def test_with_several_seeds_each_has_its_command(page, tmp_path, store):
    asked = fakes.load(tmp_path, "seeds = [1, 2, 3]\n" + fakes.TEXT)
    fakes.fill(asked, store)
    (tmp_path / "e.html").write_text(whole.read(asked, "e", store).text("html", {}), encoding="utf-8")
    page.get((tmp_path / "e.html").as_uri())
    find(page, "#gain-zero-shot a[href='#in-pawsx']").click()
    lines = [each.split("\n") for each in texts(page, "#drill tbody td:last-child")]
    assert len(lines) == 3 and all(len(each) == 3 for each in lines)
    digests = {score.digest[:8] for cell in asked.cells() if (score := cell.score) is not None}
    assert {each.removeprefix("xadapt explain ") for line in lines for each in line} <= digests


def test_the_keyboard_reaches_the_same(page):
    page.execute_script("document.querySelector('#gain-zero-shot td a').focus()")
    assert "after Holm" in find(page, "#hover").text


def test_a_link_to_a_target_opens_it(page):
    page.get(page.current_url + "#in-panx")
    page.refresh()
    assert find(page, "#in-panx table").is_displayed() and not find(page, "#in-xnli table").is_displayed()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_colour_can_be_read(page, dark):
    browser.look(page, 1200, dark=dark)
    back = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (_luminance(back) < 0.05) == dark
    found = page.execute_script(COLOURS)
    assert {"p1", "p2", "p3", "p4", "n1", "n2", "n3", "n4"} <= {name.split()[-1] for name in found}
    assert {name: ratio for name, pair in found.items() if (ratio := contrast(pair)) < 4.5} == {}


def test_gains_and_losses_differ_in_grey(page):
    """By a bar at the left, and steps of one sign by their lightness."""
    keys = {sign + step: find(page, f".key.{sign}{step}") for sign in "pn" for step in "1234"}
    bars = {name: cell.value_of_css_property("box-shadow") != "none" for name, cell in keys.items()}
    assert all(has == name.startswith("n") for name, has in bars.items())
    for sign in "pn":
        greys = [_luminance(keys[sign + step].value_of_css_property("background-color")) for step in "1234"]
        assert all(light / dark > 1.2 for light, dark in pairwise(greys))


@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_itself_never_scrolls_sideways(page, width):
    browser.look(page, width)
    page.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    name = find(page, "#gain-zero-shot tbody tr:not(.group) th")
    assert name.size["width"] >= 80 and name.size["height"] < 120, "a column of single letters"


def test_paper_has_every_language_and_no_controls(page):
    pdf = page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
    assert len(base64.b64decode(pdf)) > 20_000
    browser.look(page, 1000, paper=True)
    assert not find(page, "nav").is_displayed() and find(page, "#in-xnli").get_attribute("open")
    assert find(page, "#in-xnli table").is_displayed()
    edges = page.execute_script(
        "return [...document.querySelectorAll('table')].map((each) => each.getBoundingClientRect().right)"
    )
    assert max(edges) <= 1000, "cut off at the right of a page"


def test_nothing_is_asked_of_a_network_and_nothing_goes_wrong(page):
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_without_scripts_every_number_is_there(page, tmp_path):
    with browser.chromium(tmp_path, "--blink-settings=scriptEnabled=false") as plain:
        plain.get(page.page)
        find(plain, "#in-xnli summary").click()
        assert find(plain, "#in-xnli table").is_displayed()
        assert len(texts(plain, "#in-xnli .languages td u")) == 8 * 10
        assert find(plain, "#gain-zero-shot td").get_attribute("title").startswith("p ")
